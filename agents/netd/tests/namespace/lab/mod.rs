// SPDX-License-Identifier: MPL-2.0
//! A node and a DHCP server, each in a network namespace of its own, joined by a cable.
//!
//! netd runs from a folder of its own (chroot(1)), so that its resolv.conf is there and nowhere
//! else; in it is the sysfs of its namespace. Everything is waited for with a deadline, and gone when the lab is dropped.

mod server;

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use proto::Greeting;
use proto::net::{Reply, Request};
use sys::fd::{AsRawFd as _, OwnedFd};
use sys::io::Errno;
use sys::seqpacket::{self, Received};

pub(crate) use server::{Script, Seen, Server};

/// How long anything may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// What only chroot(1) needs is `sys_chroot`.
const CAPABILITIES: &str = "-all,+net_admin,+net_raw,+net_bind_service,+sys_chroot";

static COUNT: AtomicU32 = AtomicU32::new(0);
/// Held while a child inherits a socket, so that no other child does.
static SPAWNING: Mutex<()> = Mutex::new(());

pub(crate) struct Lab {
    pub(crate) node: String,
    pub(crate) far: String,
    folder: PathBuf,
    listener: OwnedFd,
    daemon: Option<Child>,
    log: Option<Receiver<String>>,
    pub(crate) said: Vec<String>,
    monitor: Child,
    /// What else is to end with the lab.
    pub(crate) others: Vec<Child>,
    changes: Receiver<String>,
    pub(crate) changed: Vec<String>,
}

/// Runs a program and wants it to succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs ip(8) with arguments separated by blanks.
pub(crate) fn ip(arguments: &str) -> String {
    run("ip", &arguments.split(' ').collect::<Vec<_>>())
}

/// The lines of a stream, as they come.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Lab {
    /// Two namespaces, and `eth0` of the node's joined with `srv` of the other, where 10.9.0.1 is.
    pub(crate) fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("netd{}x{number}", std::process::id());
        let (node, far) = (format!("{id}n"), format!("{id}s"));
        for name in [&node, &far] {
            ip(&format!("netns add {name}"));
        }
        ip(&format!(
            "link add eth0 netns {node} type veth peer name srv netns {far}"
        ));
        ip(&format!("-n {far} addr add 10.9.0.1/24 dev srv"));
        ip(&format!("-n {far} link set srv up"));
        let folder = std::env::temp_dir().join(&id);
        for inside in ["system/etc", "sys"] {
            fs::create_dir_all(folder.join(inside)).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_netd"), folder.join("netd")).unwrap();
        run(
            "chown",
            &["-R", "53:53", folder.join("system").to_str().unwrap()],
        );
        let socket = folder.join("netd.sock");
        let listener =
            seqpacket::listen(socket.to_str().unwrap(), sys::net::SocketType::SEQPACKET).unwrap();
        // Out of the way of the numbers that netd expects.
        let listener = sys::io::fcntl_dupfd_cloexec(&listener, 100).unwrap();
        let mut monitor = Command::new("ip")
            .args(["-n", &node, "monitor", "link", "address", "route"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let changes = lines(monitor.stdout.take().unwrap());
        Self {
            node,
            far,
            folder,
            listener,
            daemon: None,
            log: None,
            said: Vec::new(),
            monitor,
            others: Vec::new(),
            changes,
            changed: Vec::new(),
        }
    }

    /// A lab whose server answers as `script` says, and whose netd runs.
    pub(crate) fn with(script: Script) -> (Self, Server) {
        let mut lab = Self::new();
        let server = Server::start(&lab.far, "srv", script);
        lab.start();
        (lab, server)
    }

    /// Starts netd as its user with its capabilities, and waits until it is ready.
    pub(crate) fn start(&mut self) {
        let _spawning = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.listener.as_raw_fd();
        sys::io::fcntl_setfd(&self.listener, sys::io::FdFlags::empty()).unwrap();
        let script = format!(
            "exec 3>&1 4<&{number} {number}<&-; exec ip netns exec {} bash -c \
             'mount --bind /sys {folder}/sys && exec setpriv --reuid 53 --regid 53 --clear-groups \
             --inh-caps {CAPABILITIES} --ambient-caps {CAPABILITIES} --bounding-set {CAPABILITIES} \
             chroot {folder} /netd veth'",
            self.node,
            folder = self.folder.display()
        );
        let mut daemon = Command::new("bash")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        sys::io::fcntl_setfd(&self.listener, sys::io::FdFlags::CLOEXEC).unwrap();
        let ready = lines(daemon.stdout.take().unwrap());
        self.log = Some(lines(daemon.stderr.take().unwrap()));
        self.daemon = Some(daemon);
        let line = ready.recv_timeout(PATIENCE);
        assert_eq!(line.as_deref(), Ok(""), "not ready");
    }

    /// Ends netd as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.daemon.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Takes in what netd said and what the kernel told since.
    pub(crate) fn listen(&mut self) {
        if let Some(log) = &self.log {
            self.said.extend(log.try_iter());
        }
        self.changed.extend(self.changes.try_iter());
    }

    /// Waits until `holds`, looking again whenever the kernel tells of a change.
    pub(crate) fn wait(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.listen();
            if holds(self) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "never: {what}\nsaid: {:#?}\naddresses: {}\nroutes: {}",
                self.said,
                self.addresses("eth0"),
                self.routes()
            );
            // What the kernel does not tell (a file, a line said) is looked at again soon.
            let change = self.changes.recv_timeout(Duration::from_millis(100));
            self.changed.extend(change);
        }
    }

    pub(crate) fn wait_said(&mut self, text: &str) {
        self.wait(text, |lab| lab.has_said(text));
    }

    pub(crate) fn wait_address(&mut self, address: &str) {
        self.wait(address, |lab| lab.has_address(address));
    }

    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said.iter().any(|line| line.contains(text))
    }

    pub(crate) fn addresses(&self, link: &str) -> String {
        ip(&format!("-n {} -4 -o addr show dev {link}", self.node))
    }

    pub(crate) fn has_address(&self, address: &str) -> bool {
        self.addresses("eth0").contains(&format!("inet {address} "))
    }

    pub(crate) fn routes(&self) -> String {
        ip(&format!("-n {} -4 route show", self.node))
    }

    pub(crate) fn resolv_conf(&self) -> String {
        fs::read_to_string(self.folder.join("system/etc/resolv.conf")).unwrap_or_default()
    }

    /// Resident memory of netd in kB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A connection to netd that has not said anything.
    pub(crate) fn connect(&self) -> OwnedFd {
        let path = self.folder.join("netd.sock");
        seqpacket::connect(path.to_str().unwrap(), PATIENCE).unwrap()
    }

    /// The same as another user.
    pub(crate) fn connect_as(&self, user: sys::process::Uid) -> OwnedFd {
        let path = self.folder.join("netd.sock");
        let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&path, everyone).unwrap();
        // A thread of Linux has a user of its own.
        let connecting = std::thread::spawn(move || {
            sys::thread::set_thread_res_uid(user, user, user).unwrap();
            seqpacket::connect(path.to_str().unwrap(), PATIENCE).unwrap()
        });
        connecting.join().unwrap()
    }

    /// A connection that was welcomed.
    pub(crate) fn greeted(&self) -> OwnedFd {
        let socket = self.connect();
        say(&socket, &Request::Hello(Greeting::OURS));
        assert_eq!(hear(&socket), Some(Reply::Welcome(Greeting::OURS)));
        socket
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for child in self.others.iter_mut().chain([&mut self.monitor]) {
            let _ = child.kill();
            let _ = child.wait();
        }
        for name in [&self.node, &self.far] {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn say(socket: &OwnedFd, request: &Request) {
    let mut buffer = [0; 64];
    let len = request.encode(&mut buffer).unwrap();
    match seqpacket::send(socket, &buffer[..len]) {
        // Closed already: what comes next says why.
        Ok(()) | Err(Errno::PIPE) => {}
        Err(errno) => panic!("{errno}"),
    }
}

/// The next message; `None` when the connection is closed.
pub(crate) fn hear(socket: &OwnedFd) -> Option<Reply> {
    let mut buffer = [0; proto::MAX_MESSAGE];
    match seqpacket::receive(socket, &mut buffer) {
        Ok(Received::Message(len, _)) => Some(Reply::decode(&buffer[..len]).unwrap()),
        Ok(Received::Closed) => None,
        other => panic!("{other:?}"),
    }
}

/// All that is told until `Synced`.
pub(crate) fn snapshot(socket: &OwnedFd) -> Vec<Reply> {
    say(socket, &Request::Subscribe(()));
    let mut told = Vec::new();
    loop {
        match hear(socket).expect("closed") {
            Reply::Synced(()) => return told,
            reply => told.push(reply),
        }
    }
}
