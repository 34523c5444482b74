// SPDX-License-Identifier: MPL-2.0
//! A node for logd: the real program in a mount namespace of its own, with the test as init.
//!
//! Owns: starting and killing logd, the conversation that init has with it, and a reader.
//! Never: sleeps; everything waits on a descriptor with a deadline.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use proto::log::{Begun, Chunk, From, Index, Reply, Request, Tail};
use proto::supervisor::{self, PipeOf};
use proto::{Greeting, MAX_MESSAGE, Name, Refusal};
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fd::{AsFd, AsRawFd as _, OwnedFd};
use sys::io::FdFlags;
use sys::net::SocketType;
use sys::pipe::PipeFlags;
use sys::seqpacket::{self, Received};

/// How long anything may take; a loaded machine that emulates is slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Only one test starts a program at a time: while it does, its descriptors can be inherited.
static STARTING: Mutex<()> = Mutex::new(());

/// Waits until `fd` can be read.
pub fn readable(fd: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&fd, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: PATIENCE.as_secs() as i64,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&patience)).unwrap() > 0
}

/// A service as init sees it: both ends of its output.
pub struct Output {
    pub name: String,
    pub read: OwnedFd,
    pub write: OwnedFd,
}

impl Output {
    pub fn new(name: &str) -> Self {
        let (read, write) = sys::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        Self {
            name: name.to_owned(),
            read,
            write,
        }
    }

    /// Writes all of `text`, waiting for room as a service does.
    pub fn write(&self, text: impl AsRef<[u8]>) {
        let mut rest = text.as_ref();
        while !rest.is_empty() {
            let count = sys::io::write(&self.write, rest).unwrap();
            rest = &rest[count..];
        }
    }
}

/// The node.
pub struct Node {
    folder: PathBuf,
    init: OwnedFd,
    listener: OwnedFd,
    syslog: OwnedFd,
    logd: Option<(Child, OwnedFd)>,
}

impl Node {
    /// A node on which logd has not started.
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("logd-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let listen = |socket: &str, kind: SocketType| {
            let path = folder.join(socket);
            seqpacket::listen(path.to_str().unwrap(), kind).unwrap()
        };
        Self {
            init: listen("init.sock", SocketType::SEQPACKET),
            listener: listen("logd.sock", SocketType::SEQPACKET),
            syslog: listen("syslog", SocketType::DGRAM),
            folder,
            logd: None,
        }
    }

    /// The path of a file below `/run/ichor`, as it is outside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the program; its readiness pipe is returned.
    pub fn spawn(&self) -> (Child, OwnedFd) {
        let (ready, ready_write) = sys::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        // Copies with high numbers: the shell must not overwrite one while it moves the other.
        let listener = sys::io::fcntl_dupfd_cloexec(&self.listener, 200).unwrap();
        let syslog = sys::io::fcntl_dupfd_cloexec(&self.syslog, 200).unwrap();
        let ready_write = sys::io::fcntl_dupfd_cloexec(&ready_write, 200).unwrap();
        let script = format!(
            "mount -t tmpfs run /run && mkdir /run/ichor && mount --bind {} /run/ichor && \
             exec 4<&{}- 5<&{}- 3>&{}- && exec {}",
            self.folder.display(),
            listener.as_raw_fd(),
            syslog.as_raw_fd(),
            ready_write.as_raw_fd(),
            env!("CARGO_BIN_EXE_logd"),
        );
        let starting = STARTING.lock().unwrap();
        sys::io::fcntl_setfd(&listener, FdFlags::empty()).unwrap();
        sys::io::fcntl_setfd(&syslog, FdFlags::empty()).unwrap();
        sys::io::fcntl_setfd(&ready_write, FdFlags::empty()).unwrap();
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "bash", "-c", &script])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(listener);
        drop(syslog);
        drop(ready_write);
        drop(starting);
        (child, ready)
    }

    /// Starts logd, gives it the outputs and waits until it is ready.
    pub fn start(&mut self, outputs: &[&Output]) {
        let (child, ready) = self.spawn();
        let connection = accept(&self.init);
        expect(&connection, &supervisor::Request::Hello(Greeting::OURS));
        answer(&connection, &supervisor::Reply::Welcome(Greeting::OURS));
        expect(&connection, &supervisor::Request::Pipes(()));
        answer(&connection, &supervisor::Reply::Done(()));
        self.logd = Some((child, connection));
        for output in outputs {
            self.give(output);
        }
        let mut byte = [0];
        assert!(readable(&ready));
        assert_eq!(sys::io::read(&ready, &mut byte[..]).unwrap(), 1);
        assert_eq!(byte, *b"\n");
    }

    /// Gives logd one more output.
    pub fn give(&self, output: &Output) {
        let mut message = [0; 256];
        let reply = supervisor::Reply::Pipe(PipeOf {
            name: Name::try_from(output.name.as_str()).unwrap(),
        });
        let len = reply.encode(&mut message).unwrap();
        let connection = &self.logd.as_ref().unwrap().1;
        seqpacket::send_with(connection, &message[..len], output.read.as_fd()).unwrap();
    }

    /// Sends logd anything as init would.
    pub fn say_as_init(&self, message: &[u8]) {
        seqpacket::send(&self.logd.as_ref().unwrap().1, message).unwrap();
    }

    /// Kills logd without warning.
    pub fn kill(&mut self) {
        let (mut child, _) = self.logd.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for logd's own end; returns its exit code and what it said.
    pub fn end(&mut self) -> (i32, String) {
        let (child, _) = self.logd.take().unwrap();
        ended(child)
    }

    /// Whether logd runs.
    pub fn lives(&mut self) -> bool {
        let child = &mut self.logd.as_mut().unwrap().0;
        child.try_wait().unwrap().is_none()
    }

    /// logd's memory that is in use, in kilobytes.
    pub fn memory_kb(&self) -> u64 {
        let pid = self.logd.as_ref().unwrap().0.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let line = line.unwrap().split_whitespace().nth(1);
        line.unwrap().parse().unwrap()
    }

    /// Connects without a greeting.
    pub fn connect(&self) -> OwnedFd {
        seqpacket::connect(self.path("logd.sock").to_str().unwrap(), PATIENCE).unwrap()
    }

    /// A reader.
    pub fn reader(&self) -> Reader {
        let mut reader = Reader {
            socket: self.connect(),
            buffer: vec![0; MAX_MESSAGE],
        };
        assert!(matches!(
            reader.ask(&Request::Hello(Greeting::OURS)),
            Reply::Welcome(_)
        ));
        reader
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.logd.is_some() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits for a program's end; returns its exit code and what it said.
pub fn ended(mut child: Child) -> (i32, String) {
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code().unwrap_or(-1), said)
}

fn accept(listener: &OwnedFd) -> OwnedFd {
    assert!(readable(listener), "logd did not come");
    sys::net::accept_with(listener, sys::net::SocketFlags::CLOEXEC).unwrap()
}

fn expect(socket: &OwnedFd, request: &supervisor::Request<'_>) {
    let mut buffer = [0; MAX_MESSAGE];
    assert!(readable(socket));
    let Received::Message(len, None) = seqpacket::receive(socket, &mut buffer).unwrap() else {
        panic!("logd left");
    };
    assert_eq!(
        &supervisor::Request::decode(&buffer[..len]).unwrap(),
        request
    );
}

fn answer(socket: &OwnedFd, reply: &supervisor::Reply) {
    let mut buffer = [0; MAX_MESSAGE];
    let len = reply.encode(&mut buffer).unwrap();
    seqpacket::send(socket, &buffer[..len]).unwrap();
}

/// What machined would be.
pub struct Reader {
    pub socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Reader {
    pub fn send(&self, request: &Request<'_>) {
        let mut message = [0; MAX_MESSAGE];
        let len = request.encode(&mut message).unwrap();
        seqpacket::send(&self.socket, &message[..len]).unwrap();
    }

    pub fn receive(&mut self) -> Reply<'_> {
        let received = seqpacket::receive(&self.socket, &mut self.buffer).unwrap();
        let Received::Message(len, None) = received else {
            panic!("logd closed");
        };
        Reply::decode(&self.buffer[..len]).unwrap()
    }

    pub fn ask(&mut self, request: &Request<'_>) -> Reply<'_> {
        self.send(request);
        self.receive()
    }

    pub fn refused(&mut self, request: &Request<'_>) -> Refusal {
        match self.ask(request) {
            Reply::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for index in 0.. {
            match self.ask(&Request::Log(Index { index })) {
                Reply::Log(log) => names.push(log.name.as_str().to_owned()),
                Reply::Refused(Refusal::NotFound) => break,
                other => panic!("{other:?}"),
            }
        }
        names
    }

    pub fn tail(&mut self, log: &str, lines: u32) -> u64 {
        self.begin(log, lines).0
    }

    /// Where the last lines begin and end, and the first of them.
    pub fn begin(&mut self, log: &str, lines: u32) -> (u64, u64, String) {
        match self.ask(&Request::Tail(Tail { log, lines })) {
            Reply::Begun(Begun { end, first }) => {
                let text = String::from_utf8_lossy(first.bytes).into_owned();
                (first.from, end, text)
            }
            other => panic!("{other:?}"),
        }
    }

    /// One piece: where it begins, where to go on, its text.
    pub fn piece(&mut self, request: &Request<'_>) -> (u64, u64, String) {
        match self.ask(request) {
            Reply::Chunk(Chunk { from, next, bytes }) => {
                assert_eq!(next - from, bytes.len() as u64);
                (from, next, String::from_utf8_lossy(bytes).into_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    /// All there is from `cursor` on, and where it ends.
    pub fn read(&mut self, log: &str, cursor: u64) -> (String, u64) {
        let (mut text, mut cursor) = (String::new(), cursor);
        loop {
            let (_, next, piece) = self.piece(&Request::Read(From { log, cursor }));
            if piece.is_empty() {
                return (text, next);
            }
            text.push_str(&piece);
            cursor = next;
        }
    }

    /// Follows `log` from `cursor` until a line has `wanted` in it; returns all that came.
    pub fn follow(&mut self, log: &str, cursor: u64, wanted: &str) -> (String, u64) {
        let (mut text, mut cursor) = (String::new(), cursor);
        let began = Instant::now();
        while !text.contains(wanted) {
            assert!(
                began.elapsed() < PATIENCE,
                "{wanted:?} did not come: {text}"
            );
            let (_, next, piece) = self.piece(&Request::Follow(From { log, cursor }));
            assert!(!piece.is_empty());
            text.push_str(&piece);
            cursor = next;
        }
        (text, cursor)
    }
}
