// SPDX-License-Identifier: MPL-2.0
//! What init promises of volumes: it mounts what is there, for all, and says what is wrong.
//!
//! Owns: a loop device with a file system, which only the node of the test sees by its label.
//! Never: leaves a device behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use proto::service::{Restart, Seccomp, State};
use proto::supervisor::{Mounting, Reply, Request, Volume};

use sys::thread::CapabilitySet;

use crate::bench::{Client, Node};
use crate::{define_and_start, shell};

const MOUNT: Request<'static> = Request::Mount(Volume::State);
const ENOENT: u8 = 2;
const EINVAL: u8 = 22;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An image on a loop device.
struct Disk {
    image: PathBuf,
    device: String,
}

impl Disk {
    fn new(name: &str) -> Self {
        let name = format!("init-volume-{}-{name}", std::process::id());
        let image = std::env::temp_dir().join(name);
        std::fs::File::create(&image)
            .unwrap()
            .set_len(16 << 20)
            .unwrap();
        let device = run("losetup", &["--find", "--show", image.to_str().unwrap()]);
        Self { image, device }
    }

    fn format(&self) {
        run("mkfs.ext4", &["-q", "-F", &self.device]);
    }

    /// Gives the node a `/dev` in which the disk has the label.
    fn show(&self, client: &Client) {
        let name = self.device.strip_prefix("/dev/").unwrap();
        let line = format!(
            "set -e; mkdir /tmp/dev; mount -t tmpfs tmpfs /tmp/dev; cd /tmp/dev; \
             cp -a /dev/null /dev/{name} .; mkdir -p disk/by-partlabel; \
             ln -s ../../{name} disk/by-partlabel/STATE; mount --bind /tmp/dev /dev"
        );
        let mut show = shell("show", &line);
        show.restart = Restart::UntilSuccess;
        // What an unconfined service mounts is for all.
        show.seccomp = Seccomp::Unconfined;
        show.capabilities = (CapabilitySet::SYS_ADMIN | CapabilitySet::MKNOD).bits();
        define_and_start(client, &show);
        client.wait_for("show", State::Finished);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("losetup", &["--detach", &self.device]);
        let _ = std::fs::remove_file(&self.image);
    }
}

#[test]
fn a_machine_without_the_partition_is_told_so_each_time() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();

    for _ in 0..3 {
        let reply = client.ask(&MOUNT);
        assert_eq!(reply, Reply::Mounting(Mounting::Failed(ENOENT)));
    }

    assert!(
        !node.console().contains("volume STATE"),
        "{}",
        node.console()
    );
    node.assert_alive();
}

#[test]
fn a_partition_is_mounted_for_agents_too_once_it_can_be() {
    let disk = Disk::new("ext4");
    let node = Node::start(&[]);
    let client = node.client();
    let core = client.wait_for_core();
    disk.show(&client);

    let reply = client.ask(&MOUNT);
    assert_eq!(reply, Reply::Mounting(Mounting::Failed(EINVAL)));
    node.wait_for_line("volume STATE: no file system of a kind");
    disk.format();
    for _ in 0..2 {
        assert_eq!(client.ask(&MOUNT), Reply::Mounting(Mounting::Done));
    }

    let top = node.path("/system/state");
    let mode = std::fs::metadata(&top).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    assert!(Path::new(&top).join("lost+found").exists());
    let machined = core.iter().find(|status| status.name == "machined");
    // The process numbers of the node are its own; its /proc leads from one to its root.
    let inside = format!(
        "/proc/{}/root/system/state/lost+found",
        machined.unwrap().pid
    );
    assert!(Path::new(&node.path(&inside)).exists());
    let mounts = std::fs::read_to_string(node.path("/proc/1/mounts")).unwrap();
    let line = mounts.lines().find(|line| line.contains(" /system/state "));
    let line = line.unwrap();
    for option in ["nosuid", "nodev", "noexec", "noatime"] {
        assert!(line.contains(option), "{line}");
    }
}
