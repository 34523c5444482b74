// SPDX-License-Identifier: MPL-2.0
//! What may be in the root of an extension.
//!
//! Owns: the paths that extensions may add to, and what no file there may be.
//! Never: looks into a file.

use crate::files::{Files, Kind, Node};
use crate::path;
use crate::problem::Problem;

/// Where the root is in an image.
pub(crate) const ROOT: &str = "rootfs";

/// The paths that extensions may add to, and why (docs/decisions/0080).
const ALLOWED: &[&str] = &[
    // Parts of the configuration of containerd.
    "etc/cri/conf.d",
    // Descriptions of Vulkan drivers; the loader looks nowhere else.
    "etc/vulkan",
    "lib/firmware",
    "lib/modules",
    // The loader of glibc, by the names that programs have in them.
    "lib/ld-linux-aarch64.so.1",
    "lib64/ld-linux-x86-64.so.2",
    // Everything else that is not the system's own.
    "usr",
];

/// The paths below these that are the system's own.
const FORBIDDEN: &[&str] = &[
    // The agents.
    "usr/lib/ichor",
];

/// Where a program may change its user or group.
const SETUID_ALLOWED: &str = "usr";
/// The most problems that are told.
const PROBLEMS_MAX: usize = 100;

/// Whether `at` is `top` or below it.
fn is_within(at: &str, top: &str) -> bool {
    at.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks everything in an image; `files` have `manifest.yaml` and `rootfs` on top.
pub(crate) fn check(files: &Files) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, node) in &files.0 {
        if let Err(problem) = check_entry(at, node) {
            problems.push(problem);
        }
        if problems.len() >= PROBLEMS_MAX {
            problems.push(Problem::new("", "and maybe more"));
            break;
        }
    }
    match files.0.get(ROOT).map(|node| &node.kind) {
        Some(Kind::Directory) => {}
        Some(Kind::Symlink(_) | Kind::File { .. }) => {
            problems.push(Problem::new(ROOT, "is no folder"));
        }
        None => problems.push(Problem::new(ROOT, "is missing")),
    }
    problems
}

fn check_entry(at: &str, node: &Node) -> Result<(), Problem> {
    let refuse = |what: &str| Err(Problem::new(at, what));
    if at == ROOT {
        return Ok(());
    }
    let Some(inside) = at.strip_prefix("rootfs/") else {
        return match at {
            crate::manifest::MANIFEST if matches!(node.kind, Kind::File { .. }) => Ok(()),
            crate::manifest::MANIFEST => refuse("is no file"),
            _ => refuse("only manifest.yaml and rootfs can be on top"),
        };
    };
    let is_folder = node.kind == Kind::Directory;
    let is_allowed = ALLOWED
        .iter()
        .any(|top| is_within(inside, top) || (is_folder && is_within(top, inside)));
    if !is_allowed {
        return refuse("extensions cannot add to this path");
    }
    // What stands for the system's folder would hide what is in it.
    let is_way = |top: &str| is_within(inside, top) || (!is_folder && is_within(top, inside));
    if FORBIDDEN.iter().any(|top| is_way(top)) {
        return refuse("this path is the system's own");
    }
    if !is_folder && is_shared(inside) && !inside.contains("/ld-linux-") {
        return refuse("is a folder of the system, which this would hide");
    }
    match &node.kind {
        Kind::Symlink(target) => path::check_target(at, target, 1)?,
        Kind::File { .. } | Kind::Directory => {
            if node.mode & 0o6000 != 0 && !is_within(inside, SETUID_ALLOWED) {
                return refuse("a program that changes its user or group can only be below /usr");
            }
        }
    }
    Ok(())
}

/// Whether a folder is there in the system too, so that its owner and rights are the system's.
pub(crate) fn is_shared(inside: &str) -> bool {
    ALLOWED.iter().any(|top| is_within(top, inside)) || inside == "usr/local" || inside == "usr/lib"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u32) -> Node {
        Node {
            kind: Kind::File { content: 0, len: 0 },
            mode,
            ..Node::folder()
        }
    }

    fn link(target: &str) -> Node {
        Node {
            kind: Kind::Symlink(target.to_owned()),
            ..Node::folder()
        }
    }

    #[test]
    fn sysx_05_paths_of_the_documents_are_taken() {
        for at in [
            "usr/bin/a",
            "usr/local/lib/containers/a/etc/passwd",
            "lib/firmware/nvidia-tegra",
            "lib/modules/6.12.0/a.ko",
            "etc/cri/conf.d/10-a.part",
            "lib64/ld-linux-x86-64.so.2",
            "usr/etc/udev/rules.d/a.rules",
        ] {
            assert_eq!(
                check_entry(&format!("rootfs/{at}"), &file(0o644)),
                Ok(()),
                "{at}"
            );
        }
        for at in [
            "usr",
            "lib",
            "lib64",
            "etc",
            "etc/cri",
            "etc/cri/conf.d",
            "lib/firmware",
        ] {
            assert_eq!(
                check_entry(&format!("rootfs/{at}"), &Node::folder()),
                Ok(()),
                "{at}"
            );
        }
    }

    #[test]
    fn sysx_05_all_others_are_refused() {
        for at in [
            "etc/passwd",
            "etc/cri/other",
            "sbin/init",
            "init",
            "opt/a",
            "var/lib/a",
            "lib/a.so",
            "lib64/a",
            "etc/cri/conf.dx/a",
            "userland",
            "system/state/a",
            "usr/lib/ichor/machined",
            "usr/lib/ichor/new/a",
            "bin",
            "root",
            "lib",
            "etc",
            "usr",
        ] {
            assert!(
                check_entry(&format!("rootfs/{at}"), &file(0o644)).is_err(),
                "{at}"
            );
        }
        for at in ["opt", "var", "etc/ssl", "usr/lib/ichor"] {
            assert!(
                check_entry(&format!("rootfs/{at}"), &Node::folder()).is_err(),
                "{at}"
            );
        }
        for at in [
            "usr",
            "usr/lib",
            "usr/local",
            "lib/firmware",
            "etc/cri/conf.d",
            "lib",
            "usr/lib/ichor",
        ] {
            let at = format!("rootfs/{at}");
            assert!(check_entry(&at, &link("/usr/local")).is_err(), "{at}");
        }
        for at in ["README.md", "rootfs.img", "root"] {
            assert!(check_entry(at, &file(0o644)).is_err(), "{at}");
        }
    }

    #[test]
    fn links_and_rights_are_checked() {
        assert!(check_entry("rootfs/usr/a", &link("../../etc/shadow")).is_err());
        assert!(check_entry("rootfs/usr/a", &link("../etc/shadow")).is_ok());
        assert!(check_entry("rootfs/usr/bin/su", &file(0o4755)).is_ok());
        for mode in [0o4755, 0o2755] {
            assert!(check_entry("rootfs/lib/firmware/su", &file(mode)).is_err());
        }
    }

    #[test]
    fn both_parts_must_be_there() {
        let mut files = Files::default();
        assert_eq!(check(&files).len(), 1);
        files.0.insert(ROOT.to_owned(), file(0o644));
        assert_eq!(check(&files).len(), 1);
        files.0.insert(ROOT.to_owned(), Node::folder());
        assert_eq!(check(&files), []);
        for number in 0..300 {
            files.0.insert(format!("x{number}"), file(0o644));
        }
        assert_eq!(check(&files).len(), PROBLEMS_MAX + 1);
    }
}
