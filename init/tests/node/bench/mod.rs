// SPDX-License-Identifier: MPL-2.0
//! A node in namespaces: how it is set up, and how a test looks at it.
//!
//! Owns: the namespaces, folders and control groups of one test, which end with it.
//! Never: lets anything of the node out.

mod client;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proto::Greeting;
use proto::supervisor::{Reply, Request};
use sys::event::{Timespec, poll};
use sys::process::{Gid, Uid};

pub(crate) use client::Client;

/// A service that says it is ready and stays.
pub(crate) const READY: &str = "#!/bin/sh\necho >&3; exec 3>&-; exec sleep 100000\n";
/// The same, with a word on its output first.
pub(crate) const LOUD: &str = "#!/bin/sh\necho loud; echo >&3; exec 3>&-; exec sleep 100000\n";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts the nodes of this program.
static NODES: AtomicUsize = AtomicUsize::new(0);

/// Sets up the namespaces and becomes init. `$1` is the folder of the test, `$2` its name. The
/// control groups of the node are a part of the host's that the node sees as the whole. Its root is
/// that of its mounts, as on a machine: who is in a chroot can make no user namespaces.
const SET_UP: &str = r#"
set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1/groups"
mkdir -p "$1/groups/ichor-test-$2"
echo 0 > "$1/groups/ichor-test-$2/cgroup.procs"
exec unshare --cgroup --pid --fork --kill-child --mount --ipc --uts sh -c '
set -e
mount --bind "$1/root" "$1/root"
cd "$1/root"
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" usr
mount --bind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
pivot_root . .
umount -l .
exec /sbin/init' sh "$1"
"#;

/// Removes the node's control groups from the host.
const REMOVE_GROUPS: &str = r#"
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1/groups" &&
find "$1/groups/ichor-test-$2" -depth -type d -exec rmdir {} + 2>/dev/null
"#;

/// Waits until something is so. Nothing tells of it, so it is looked at again and again.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "in vain: until {what}");
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 5_000_000,
        };
        let _ = poll(&mut [], Some(&moment));
    }
}

/// Numbers that look random and are the same each time.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut byte = || {
            // Marsaglia's xorshift.
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            self.0.to_be_bytes()[0]
        };
        (0..len).map(|_| byte()).collect()
    }
}

/// A node with the real init.
pub(crate) struct Node {
    folder: PathBuf,
    outer: Child,
    /// PID 1 of the node, as the host numbers it.
    init: u32,
    name: String,
}

impl Node {
    /// Starts a node whose core services are the given scripts, [`READY`] where none is given.
    pub(crate) fn start(scripts: &[(&str, &str)]) -> Self {
        let number = NODES.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(format!("init-{name}"));
        make_root(&folder, scripts);
        let console = File::create(folder.join("console")).unwrap();
        let outer = Command::new("unshare")
            .args(["--mount", "sh", "-c", SET_UP, "sh"])
            .arg(&folder)
            .arg(&name)
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let mut node = Self {
            folder,
            outer,
            init: 0,
            name,
        };
        until("init serves its socket", || {
            if let Ok(Some(status)) = node.outer.try_wait() {
                panic!("{status}: {}", node.console());
            }
            node.init = node.find_init().unwrap_or(0);
            node.init != 0 && Path::new(&node.control()).exists()
        });
        until("init lets a client in", || {
            node.try_stranger()
                .is_some_and(|client| client.ask_bytes(&[1, 1]).is_some())
        });
        node
    }

    /// PID 1 is the only child of the process that made the namespace.
    fn find_init(&self) -> Option<u32> {
        let pid = self.outer.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let init = children.split_whitespace().next()?.parse().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{init}/comm")).ok()?;
        (name.trim() == "init").then_some(init)
    }

    /// Where the control socket is, seen from the host.
    fn control(&self) -> String {
        self.path(proto::paths::INIT_SOCKET)
    }

    /// A path of the node, as the host sees it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/proc/{}/root{path}", self.init)
    }

    /// A client that has greeted.
    pub(crate) fn client(&self) -> Client {
        let client = self.stranger();
        assert_eq!(
            client.ask(&Request::Hello(Greeting::OURS)),
            Reply::Welcome(Greeting::OURS)
        );
        client
    }

    /// A client that has not greeted.
    pub(crate) fn stranger(&self) -> Client {
        self.try_stranger().expect("init accepts")
    }

    fn try_stranger(&self) -> Option<Client> {
        Client::connect(&self.control(), PATIENCE)
    }

    /// A client that is another user and has greeted; `None` when it may not connect.
    pub(crate) fn client_as(&self, user: u32) -> Option<Client> {
        let folder = File::open(self.path("/run/ichor")).unwrap();
        // Users belong to threads here, so only this one changes.
        let thread = std::thread::spawn(move || {
            let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
            let path = format!("/proc/self/fd/{number}/init.sock");
            let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
            sys::thread::set_thread_groups(&[]).unwrap();
            sys::thread::set_thread_res_gid(gid, gid, gid).unwrap();
            sys::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            let client = Client::connect(&path, PATIENCE)?;
            let welcome = Reply::Welcome(Greeting::OURS);
            assert_eq!(client.ask(&Request::Hello(Greeting::OURS)), welcome);
            Some(client)
        });
        thread.join().unwrap()
    }

    /// Kills a process, which the node numbers `pid`.
    pub(crate) fn kill(&self, pid: u32) {
        let host = self
            .processes()
            .into_iter()
            .find(|host| number_inside(*host) == Some(pid));
        signal(host.expect("the process is there"), "-KILL");
    }

    /// Sends PID 1 a signal.
    pub(crate) fn signal_init(&self, name: &str) {
        signal(self.init, name);
    }

    /// All processes of the node, as the host numbers them.
    fn processes(&self) -> Vec<u32> {
        let namespace = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = namespace(self.init);
        let entries = std::fs::read_dir("/proc").unwrap();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| ours.is_some() && namespace(*pid) == ours)
            .collect()
    }

    /// The processes in the group of a service, as the host numbers them.
    pub(crate) fn processes_of(&self, service: &str) -> Vec<u32> {
        let path = self.path(&format!("/sys/fs/cgroup/system/{service}/cgroup.procs"));
        let numbers = std::fs::read_to_string(path).unwrap_or_default();
        numbers.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// What is mounted on the node.
    pub(crate) fn mounts(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/mountinfo", self.init)).unwrap()
    }

    /// How many processes of the node have an argument.
    pub(crate) fn processes_with(&self, argument: &str) -> usize {
        let has = |pid: &u32| {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments
                .split(|byte| *byte == 0)
                .any(|one| one == argument.as_bytes())
        };
        self.processes().iter().filter(|pid| has(pid)).count()
    }

    /// How many processes of the node have ended and were not waited for.
    pub(crate) fn zombies(&self) -> usize {
        let is_one = |pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
            status.is_ok_and(|status| status.contains("State:\tZ"))
        };
        self.processes().iter().filter(|pid| is_one(pid)).count()
    }

    /// The memory of PID 1.
    pub(crate) fn memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.init)).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Whether the host lets the node have a controller.
    pub(crate) fn has_controller(&self, name: &str) -> bool {
        let path = self.path("/sys/fs/cgroup/system/cgroup.subtree_control");
        std::fs::read_to_string(path).is_ok_and(|all| all.split_whitespace().any(|one| one == name))
    }

    /// Fails when PID 1 is gone.
    pub(crate) fn assert_alive(&self) {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.init));
        assert_eq!(
            name.unwrap_or_default().trim(),
            "init",
            "{}",
            self.console()
        );
    }

    /// What was said on the console.
    pub(crate) fn console(&self) -> String {
        let mut text = String::new();
        File::open(self.folder.join("console"))
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    /// Waits for a piece of a line on the console.
    pub(crate) fn wait_for_line(&self, piece: &str) {
        until(piece, || self.console().contains(piece));
    }

    /// Waits until PID 1 has ended.
    pub(crate) fn wait_for_end(&self) {
        let place = format!("/proc/{}/cmdline", self.init);
        until("the node is gone", || {
            std::fs::read(&place).map_or(true, |text| text.is_empty())
        });
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Its end ends PID 1, and that everything else.
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        let _ = Command::new("unshare")
            .args(["--mount", "sh", "-c", REMOVE_GROUPS, "sh"])
            .arg(&self.folder)
            .arg(&self.name)
            .status();
        if std::thread::panicking() {
            // Shown with the failure.
            let _ = writeln!(std::io::stderr(), "console:\n{}", self.console());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The number that a process has in the innermost namespace.
pub(crate) fn number_inside(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().last()?.parse().ok()
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Makes the folders of a node: links as the host has them, and our programs over its `/usr`.
fn make_root(folder: &Path, scripts: &[(&str, &str)]) {
    let _ = std::fs::remove_dir_all(folder);
    let root = folder.join("root");
    for name in ["usr", "dev", "proc", "sys", "run", "system", "tmp", "etc"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    std::fs::create_dir_all(folder.join("groups")).unwrap();
    for name in ["bin", "sbin", "lib", "lib64"] {
        if let Ok(target) = std::fs::read_link(Path::new("/").join(name)) {
            symlink(target, root.join(name)).unwrap();
        }
    }
    let agents = folder.join("usr/lib/ichor");
    std::fs::create_dir_all(&agents).unwrap();
    std::fs::create_dir_all(folder.join("usr/sbin")).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_init"), folder.join("usr/sbin/init")).unwrap();
    std::fs::copy(sandbox(), agents.join("sandbox")).unwrap();
    for name in ["logd", "udevd", "netd", "machined", "apid"] {
        let script = scripts.iter().find(|(service, _)| *service == name);
        let path = agents.join(name);
        std::fs::write(&path, script.map_or(READY, |(_, script)| script)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// The sandbox, which is another crate's program: it is built on demand, beside ours.
fn sandbox() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "sandbox"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(status.unwrap().success());
        Path::new(env!("CARGO_BIN_EXE_init")).with_file_name("sandbox")
    })
}
