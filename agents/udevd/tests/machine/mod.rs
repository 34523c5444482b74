// SPDX-License-Identifier: MPL-2.0
//! A machine for udevd: the real program in a mount namespace with a `/dev` of its own, the
//! kernel's own events, and loop devices for disks.
//!
//! Owns: starting and killing udevd, making disks, asking it to settle.
//! Never: sleeps; it waits for `Settled`.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use proto::Greeting;
use proto::udev::{Reply, Request, Settled};
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fd::{AsRawFd as _, OwnedFd};
use sys::io::FdFlags;
use sys::net::SocketType;
use sys::pipe::PipeFlags;
use sys::seqpacket::{self, Received};

/// How long anything may take; a loaded machine that emulates is slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Only one test starts a program at a time: while it does, its descriptors can be inherited.
static STARTING: Mutex<()> = Mutex::new(());

/// Runs a program and returns what it wrote.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The machine.
pub struct Machine {
    pub folder: PathBuf,
    listener: OwnedFd,
    udevd: Option<Child>,
}

impl Machine {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("udevd-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("dev")).unwrap();
        let socket = folder.join("udevd.sock");
        let listener = seqpacket::listen(socket.to_str().unwrap(), SocketType::SEQPACKET).unwrap();
        Self {
            folder,
            listener,
            udevd: None,
        }
    }

    /// Makes a node in the machine's `/dev`.
    pub fn node(&self, name: &str, kind: &str, number: (u32, u32), mode: &str) {
        let path = self.folder.join("dev").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        let (major, minor) = (number.0.to_string(), number.1.to_string());
        run(
            "mknod",
            &["-m", mode, path.to_str().unwrap(), kind, &major, &minor],
        );
    }

    /// Writes a file of the machine's own sysfs; without any, it has the real one.
    pub fn sysfs(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.join("sys").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Makes a device of the machine's own sysfs: its uevent file and its number.
    pub fn device(&self, class: &str, devpath: &str, number: (u32, u32), uevent: &str) {
        let (major, minor) = number;
        let node = devpath.rsplit('/').next().unwrap();
        let text = format!("MAJOR={major}\nMINOR={minor}\nDEVNAME={node}\n{uevent}");
        self.sysfs(&format!("devices/{devpath}/uevent"), text);
        let numbers = self.folder.join("sys/dev").join(class);
        std::fs::create_dir_all(&numbers).unwrap();
        let target = format!("../../devices/{devpath}");
        std::os::unix::fs::symlink(target, numbers.join(format!("{major}:{minor}"))).unwrap();
        let kind = if class == "block" { "b" } else { "c" };
        self.node(node, kind, number, "0666");
    }

    /// Starts udevd and waits until it is ready.
    pub fn start(&mut self) {
        let (ready, ready_write) = sys::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        let folder = self.folder.display();
        // Copies with high numbers: the shell must not overwrite one while it moves the other.
        let listener = sys::io::fcntl_dupfd_cloexec(&self.listener, 200).unwrap();
        let ready_write = sys::io::fcntl_dupfd_cloexec(&ready_write, 200).unwrap();
        let script = format!(
            "if [ -d {folder}/sys ]; then mount --bind {folder}/sys /sys; fi && \
             exec 4<&{}- 3>&{}- && mount --bind {folder}/dev /dev && exec {}",
            listener.as_raw_fd(),
            ready_write.as_raw_fd(),
            env!("CARGO_BIN_EXE_udevd"),
        );
        let starting = STARTING.lock().unwrap();
        sys::io::fcntl_setfd(&listener, FdFlags::empty()).unwrap();
        sys::io::fcntl_setfd(&ready_write, FdFlags::empty()).unwrap();
        let said = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("said"))
            .unwrap();
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "bash", "-c", &script])
            .stdin(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        drop(listener);
        drop(ready_write);
        drop(starting);
        self.udevd = Some(child);
        let mut polled = [PollFd::new(&ready, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: PATIENCE.as_secs() as i64,
            tv_nsec: 0,
        };
        assert_eq!(poll(&mut polled, Some(&patience)).unwrap(), 1);
        let mut byte = [0];
        let count = sys::io::read(&ready, &mut byte[..]).unwrap();
        assert_eq!((count, byte), (1, *b"\n"), "{}", self.said());
    }

    /// What udevd said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("said")).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.udevd.as_ref().unwrap().id()
    }

    pub fn kill(&mut self) {
        let mut child = self.udevd.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Connects without a greeting.
    pub fn connect(&self) -> OwnedFd {
        let path = self.folder.join("udevd.sock");
        seqpacket::connect(path.to_str().unwrap(), PATIENCE).unwrap()
    }

    /// Waits until udevd has done everything.
    pub fn settle(&self) -> Settled {
        let socket = self.connect();
        assert!(matches!(
            ask(&socket, &Request::Hello(Greeting::OURS)),
            Reply::Welcome(_)
        ));
        match ask(&socket, &Request::Settle(())) {
            Reply::Settled(settled) => settled,
            other => panic!("{other:?}"),
        }
    }

    /// Where a link of the machine's `/dev` points.
    pub fn link(&self, link: &str) -> Option<String> {
        let target = std::fs::read_link(self.folder.join("dev").join(link)).ok()?;
        Some(target.to_str().unwrap().to_owned())
    }

    /// All links that point to `node`, sorted.
    pub fn links(&self, node: &str) -> Vec<String> {
        let mut links = Vec::new();
        let dev = self.folder.join("dev");
        for folder in [
            "by-id",
            "by-label",
            "by-partlabel",
            "by-partuuid",
            "by-path",
            "by-uuid",
        ] {
            let entries = std::fs::read_dir(dev.join("disk").join(folder));
            for entry in entries.into_iter().flatten().flatten() {
                let target = std::fs::read_link(entry.path()).unwrap();
                if target == Path::new("../..").join(node) {
                    links.push(format!("{folder}/{}", entry.file_name().to_str().unwrap()));
                }
            }
        }
        links.sort();
        links
    }

    pub fn mode(&self, node: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = std::fs::metadata(self.folder.join("dev").join(node)).unwrap();
        metadata.permissions().mode() & 0o7777
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.udevd.is_some() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One request, one reply.
pub fn ask(socket: &OwnedFd, request: &Request<'_>) -> Reply {
    let mut message = [0; 64];
    let len = request.encode(&mut message).unwrap();
    seqpacket::send(socket, &message[..len]).unwrap();
    let Received::Message(len, None) = seqpacket::receive(socket, &mut message).unwrap() else {
        panic!("udevd closed");
    };
    Reply::decode(&message[..len]).unwrap()
}

/// A disk: an image on a loop device.
pub struct Disk {
    pub node: String,
    attached: bool,
}

impl Disk {
    /// Attaches `image` and gives the machine its node.
    pub fn attach(machine: &Machine, image: &Path) -> Self {
        let path = run("losetup", &["--find", "--show", image.to_str().unwrap()]);
        let node = path.strip_prefix("/dev/").unwrap().to_owned();
        let minor = node.strip_prefix("loop").unwrap().parse().unwrap();
        machine.node(&node, "b", (7, minor), "0660");
        let disk = Self {
            node,
            attached: true,
        };
        // Its own event may have come before the node was there.
        disk.touch();
        disk
    }

    /// Makes the kernel say that the disk changed.
    pub fn touch(&self) {
        std::fs::write(format!("/sys/block/{}/uevent", self.node), "change").unwrap();
    }

    pub fn detach(&mut self) {
        if std::mem::take(&mut self.attached) {
            run("losetup", &["--detach", &format!("/dev/{}", self.node)]);
            // The kernel waits for whoever has it open: the udevd of another test, for a moment.
            let backing = format!("/sys/block/{}/loop/backing_file", self.node);
            let began = std::time::Instant::now();
            while Path::new(&backing).exists() && began.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.detach();
    }
}

/// An image with the headers in `text` (offset, bytes) and a UUID of its own where `mark` says,
/// so that tests beside each other do not claim one name.
pub fn image(machine: &Machine, name: &str, text: &str, patch: &[(u64, &[u8])]) -> PathBuf {
    let path = machine.folder.join(name);
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1024 * 1024).unwrap();
    for line in text.lines() {
        let (offset, bytes) = line.split_once(' ').unwrap();
        let offset = u64::from_str_radix(offset, 16).unwrap();
        let bytes: Vec<u8> = (0..bytes.len() / 2)
            .map(|index| u8::from_str_radix(&bytes[2 * index..2 * index + 2], 16).unwrap())
            .collect();
        file.write_all_at(&bytes, offset).unwrap();
    }
    for (offset, bytes) in patch {
        file.write_all_at(bytes, *offset).unwrap();
    }
    path
}
