// SPDX-License-Identifier: MPL-2.0
//! The sandbox with a service behind it, started as init starts it.
//!
//! Owns: the pipes and the process of one service.
//! Never: waits longer than its patience.

use std::path::{Path, PathBuf};

use proto::paths::{SANDBOX_ERROR_FD, SANDBOX_SPEC_FD};
use proto::service::{ServiceSpec, SpawnFailure, Stage};
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fd::{AsFd as _, OwnedFd};
use sys::fs::{MemfdFlags, Mode, OFlags};
use sys::io::Errno;
use sys::pipe::{PipeFlags, pipe_with};
use sys::process::{Pid, WaitOptions, waitpid};
use sys::spawn::{Placement, Strings};
use sys::thread::UnshareFlags;

/// How long a program may be silent.
const PATIENCE: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// What came of a service.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What it wrote to standard output and standard error.
    pub(crate) said: String,
    pub(crate) failure: Option<SpawnFailure>,
    pub(crate) code: Option<i32>,
}

impl Outcome {
    /// The value of a line of `/proc/self/status`.
    pub(crate) fn field(&self, name: &str) -> &str {
        let line = self.said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .trim()
    }
}

/// A service on its way.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: Pid,
    output: OwnedFd,
    errors: OwnedFd,
    /// What it wrote so far.
    pub(crate) said: Vec<u8>,
}

/// Runs the sandbox on a description.
pub(crate) fn run(spec: &ServiceSpec<'_>) -> Outcome {
    start(spec).finish()
}

/// Starts the sandbox on a description, where init starts it.
pub(crate) fn start(spec: &ServiceSpec<'_>) -> Running {
    let mut bytes = [0; proto::MAX_MESSAGE];
    let len = spec.encode(&mut bytes).unwrap();
    let namespaces = match spec.container {
        Some(_) => UnshareFlags::NEWPID | UnshareFlags::NEWIPC,
        None => UnshareFlags::empty(),
    };
    start_on(&bytes[..len], namespaces)
}

/// Starts the sandbox on bytes that may be a description.
pub(crate) fn start_on(bytes: &[u8], namespaces: UnshareFlags) -> Running {
    let file = sys::fs::memfd_create(c"spec", MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(sys::io::write(&file, bytes).unwrap(), bytes.len());
    let file = sys::spawn::raise(file).unwrap();
    let (output, say) = pipe();
    let (errors, fail) = pipe();
    let null = sys::fs::open(c"/dev/null", OFlags::RDWR, Mode::empty()).unwrap();
    let null = sys::spawn::raise(null).unwrap();
    let given = [
        (null.as_fd(), 0),
        (say.as_fd(), 1),
        (say.as_fd(), 2),
        // A descriptor that a careless parent left open.
        (null.as_fd(), 20),
        (file.as_fd(), SANDBOX_SPEC_FD),
        (fail.as_fd(), SANDBOX_ERROR_FD),
    ];
    let mut arguments = Strings::<2, 4096>::new();
    arguments.push(env!("CARGO_BIN_EXE_sandbox")).unwrap();
    let child = sys::spawn::spawn(
        Placement {
            cgroup: None,
            namespaces,
        },
        &given,
        || {
            let path = arguments.get(0).unwrap_or_default();
            sys::spawn::exec(path, &arguments, &Strings::<1, 1>::new());
            99
        },
        |_| 98,
    )
    .unwrap();
    Running {
        pid: child.pid,
        output,
        errors,
        said: Vec::new(),
    }
}

impl Running {
    /// Reads what it writes next. Returns whether it was not the end.
    pub(crate) fn read_more(&mut self) -> bool {
        read_more(&self.output, &mut self.said)
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Outcome {
        while self.read_more() {}
        let mut failure = Vec::new();
        while read_more(&self.errors, &mut failure) {}
        let (_, status) = waitpid(Some(self.pid), WaitOptions::empty())
            .unwrap()
            .unwrap();
        Outcome {
            said: String::from_utf8_lossy(&self.said).into_owned(),
            failure: (!failure.is_empty()).then(|| SpawnFailure::decode(&failure).unwrap()),
            code: status.exit_status(),
        }
    }
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    (read, sys::spawn::raise(write).unwrap())
}

/// Reads what comes next. Returns whether it was not the end.
fn read_more(pipe: &OwnedFd, so_far: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    let ready = poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&PATIENCE)).unwrap();
    let said = String::from_utf8_lossy(so_far);
    assert_eq!(ready, 1, "silent; so far: {said}");
    let count = sys::io::read(pipe, &mut buffer[..]).unwrap();
    so_far.extend_from_slice(&buffer[..count]);
    count > 0
}

/// A program with its arguments.
pub(crate) fn program<'a>(path: &'a str, arguments: &[&'a str]) -> ServiceSpec<'a> {
    let mut spec = ServiceSpec::new("test", path);
    for argument in arguments {
        spec.args.push(argument).unwrap();
    }
    spec
}

/// A line for the shell.
pub(crate) fn shell(line: &str) -> ServiceSpec<'_> {
    program("/bin/sh", &["-c", line])
}

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sandbox-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Makes folders in it.
    pub(crate) fn with(&self, folders: &[&str]) -> &Path {
        for folder in folders {
            std::fs::create_dir_all(self.0.join(folder)).unwrap();
        }
        &self.0
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn failure(stage: Stage, errno: Errno, index: u8) -> Option<SpawnFailure> {
    Some(SpawnFailure {
        stage,
        errno: u16::try_from(errno.raw_os_error()).unwrap(),
        index,
    })
}
