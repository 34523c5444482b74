// SPDX-License-Identifier: MPL-2.0
//! An image for tests: a squashfs with busybox, and with what a bad image could hold.
//!
//! Owns: the image's file and the description of a container of it.
//! Never: needs anything of the host to run.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use proto::container::{Container, USUAL_CAPABILITIES, Users};
use proto::service::{Seccomp, ServiceSpec};
use sys::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::node::{Node, mountinfo};
use crate::sandboxed::{Outcome, Running, run, shell};

/// Where the users of the tests' containers begin.
pub(crate) const FIRST: u32 = Users::FIRST + 3 * Users::COUNT;

/// A node with the image in a store.
pub(crate) struct Image {
    pub(crate) node: Node,
    path: String,
}

impl Image {
    pub(crate) fn new(name: &str) -> Self {
        let node = Node::new(name);
        let tree = node.make("tree");
        fill(Path::new(&tree));
        let file = format!("{name}-{}.sqsh", std::process::id());
        let path = format!("{}/{file}", node.make("images"));
        let made = Command::new("mksquashfs")
            .args([&tree, &path])
            .args([
                "-comp",
                "zstd",
                "-Xcompression-level",
                "1",
                "-noappend",
                "-quiet",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self { node, path }
    }

    /// The image's file.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A container of the image with nothing but a line for the shell: what nobody told otherwise
    /// gets.
    pub(crate) fn container<'a>(&'a self, line: &'a str) -> ServiceSpec<'a> {
        let mut spec = shell(line);
        spec.root = &self.path;
        spec.seccomp = Seccomp::Container;
        spec.capabilities = USUAL_CAPABILITIES;
        spec.env.push("PATH=/bin").unwrap();
        spec.container = Some(Container::of_image(FIRST));
        spec
    }

    /// Runs a container, and finds that nothing is left of it.
    pub(crate) fn run(&self, spec: &ServiceSpec<'_>) -> Outcome {
        let before = mountinfo();

        let outcome = run(spec);

        assert_eq!(mountinfo(), before, "mounts of the node: {outcome:?}");
        assert_eq!(devices_of(&self.path), 0, "a device is left: {outcome:?}");
        outcome
    }

    /// What a line says in a container without anything special.
    pub(crate) fn say(&self, line: &str) -> String {
        let outcome = self.run(&self.container(line));
        assert_eq!(outcome.failure, None, "{outcome:?}");
        outcome.said
    }
}

/// The four users and the four groups of a process, as the node has them.
pub(crate) fn users_of(running: &Running) -> ([u32; 4], [u32; 4]) {
    let path = format!("/proc/{}/status", running.pid.as_raw_nonzero());
    let status = std::fs::read_to_string(path).unwrap();
    let four = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let ids = line.unwrap().split_whitespace();
        let ids: Vec<u32> = ids.map(|id| id.parse().unwrap()).collect();
        ids.try_into().unwrap()
    };
    (four("Uid:"), four("Gid:"))
}

/// How many block devices are made of a file. The kernel tells its path as the mount had it through
/// which it was opened, and that is gone; its name is left.
pub(crate) fn devices_of(path: &str) -> usize {
    let devices = std::fs::read_dir("/sys/block").unwrap().flatten();
    let files =
        devices.filter_map(|it| std::fs::read_to_string(it.path().join("loop/backing_file")).ok());
    let name = path.rsplit('/').next().unwrap();
    files
        .filter(|file| file.trim().rsplit('/').next() == Some(name))
        .count()
}

/// Makes what is in the image.
fn fill(tree: &Path) {
    for folder in ["bin", "usr", "root", "srv"] {
        std::fs::create_dir_all(tree.join(folder)).unwrap();
    }
    // Where programs of the host look for their libraries.
    for place in ["lib", "lib64"] {
        if let Ok(target) = std::fs::read_link(Path::new("/").join(place)) {
            symlink(target, tree.join(place)).unwrap();
        }
    }
    std::fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
    let list = Command::new("/bin/busybox").arg("--list").output().unwrap();
    for applet in String::from_utf8(list.stdout).unwrap().lines() {
        if applet != "busybox" {
            symlink("busybox", tree.join("bin").join(applet)).unwrap();
        }
    }
    std::fs::write(tree.join("of-root"), "of root\n").unwrap();
    std::fs::write(tree.join("srv/of-user"), "of user\n").unwrap();
    chown(tree.join("srv"), Some(1000), Some(1000)).unwrap();
    chown(tree.join("srv/of-user"), Some(1000), Some(100)).unwrap();
    set_mode(&tree.join("srv/of-user"), 0o600);
    // A program that makes root of whoever runs it.
    std::fs::copy("/bin/cat", tree.join("root/cat")).unwrap();
    set_mode(&tree.join("root/cat"), 0o4755);
    // The node's memory, as a file of the image.
    let mode = Mode::from_raw_mode(0o666);
    let memory = makedev(1, 1);
    mknodat(
        CWD,
        tree.join("mem").to_str().unwrap(),
        FileType::CharacterDevice,
        mode,
        memory,
    )
    .unwrap();
    set_mode(&tree.join("mem"), 0o666);
    symlink("/proc/self/fd", tree.join("descriptors")).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
