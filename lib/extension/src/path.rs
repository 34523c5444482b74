// SPDX-License-Identifier: MPL-2.0
//! Names in archives, and where links lead.
//!
//! Owns: the only way from a name that somebody else wrote to a path of ours.
//! Never: asks a file system.

use crate::limits::{DEPTH_MAX, PART_MAX, PATH_MAX};
use crate::problem::Problem;

/// Checks a name and returns it as a path: relative, without `.`, doubled or closing slashes. The
/// empty path is the top.
pub(crate) fn clean(name: &[u8]) -> Result<String, Problem> {
    let shown = String::from_utf8_lossy(name);
    let refuse = |what: &str| Err(Problem::new(shown.clone(), what));
    let Ok(text) = str::from_utf8(name) else {
        return refuse("the name is not text");
    };
    if text.contains(char::is_control) {
        return refuse("the name has a control character");
    }
    if text.starts_with('/') {
        return refuse("the name is absolute");
    }
    if text.len() > PATH_MAX {
        return refuse("the name is too long");
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.contains(&"..") {
        return refuse("the name leads out of the extension");
    }
    if parts.len() > DEPTH_MAX || parts.iter().any(|part| part.len() > PART_MAX) {
        return refuse("the name is too long or too deep");
    }
    Ok(parts.join("/"))
}

/// Checks the target of a link at `path`, of which the first `above` parts are above the root.
pub(crate) fn check_target(path: &str, target: &str, above: usize) -> Result<(), Problem> {
    let refuse = |what: &str| Err(Problem::new(path, what));
    if target.is_empty() || target.len() > PATH_MAX || target.contains(char::is_control) {
        return refuse("the target of the link is empty, too long or not plain text");
    }
    // An absolute target begins at the root that the extension becomes a part of.
    let mut depth = if target.starts_with('/') {
        0
    } else {
        let parts = path.split('/').count();
        parts.saturating_sub(above.saturating_add(1))
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return refuse("the link leads out of the root"),
            },
            _ => depth = depth.saturating_add(1),
        }
    }
    Ok(())
}

/// The folder that a path is in, and its name there.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_plain_paths() {
        for (name, path) in [
            ("./", ""),
            (".", ""),
            ("", ""),
            ("./rootfs/usr//a/", "rootfs/usr/a"),
            ("a/./b", "a/b"),
            ("a..b", "a..b"),
        ] {
            assert_eq!(clean(name.as_bytes()).unwrap(), path, "{name}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "a/".repeat(DEPTH_MAX + 1);
        let wide = "a".repeat(PART_MAX + 1);
        for name in [
            "..",
            "../a",
            "a/../..",
            "a/..",
            "/a",
            "//",
            "a\nb",
            "a\0b",
            "a\u{7f}",
            "\u{1b}[2J",
            &long,
            &wide,
        ] {
            assert!(clean(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(clean(b"a\xff").is_err());
        assert!(clean(&[b'a'; PATH_MAX + 1]).is_err());
    }

    #[test]
    fn links_stay_below_the_root() {
        for (path, target) in [
            ("rootfs/usr/a", "b"),
            ("rootfs/usr/a", "../b"),
            ("rootfs/usr/a", "/etc/b"),
            ("rootfs/usr/a", "../usr/../usr/b"),
        ] {
            assert!(check_target(path, target, 1).is_ok(), "{path} {target}");
        }
        for (path, target) in [
            ("rootfs/usr/a", "../../b"),
            ("rootfs/a", "../b"),
            ("rootfs/usr/a", "/../b"),
            ("rootfs/usr/a", "b/../../../c"),
            ("rootfs/usr/a", ""),
            ("rootfs/usr/a", "a\nb"),
        ] {
            assert!(check_target(path, target, 1).is_err(), "{path} {target}");
        }
    }
}
