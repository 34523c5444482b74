// SPDX-License-Identifier: MPL-2.0
//! What a service is, as init and the sandbox must know it, and how it fares.
//!
//! Owns: the description of a service, its status, and the stages in which a start can fail.
//! Never: decides anything about a service's life; `supervise` does.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::container::{Container, Mount};

/// The most arguments a service may have, its program not counted.
pub const ARGS_MAX: usize = 32;
/// The most environment variables.
pub const ENV_MAX: usize = 64;
/// The most mounts.
pub const MOUNTS_MAX: usize = 16;
/// The most services that must be ready before this one starts.
pub const AFTER_MAX: usize = 8;

/// A service, whole. Strings borrow from the message that carried them.
///
/// Encoded with [`ServiceSpec::encode`] it is also what the sandbox reads from
/// [`crate::paths::SANDBOX_SPEC_FD`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec<'a> {
    /// Unique; also the name of its cgroup and of its log.
    pub name: &'a str,
    /// The program, an absolute path, seen from inside `root`. In a container of an image also one
    /// from its working folder on, or a name that is looked for in the `PATH` of `env`.
    pub path: &'a str,
    /// Its arguments; the program's own path goes before them as `argv[0]`.
    #[serde(borrow)]
    pub args: Vec<&'a str, ARGS_MAX>,
    /// `NAME=value` each; nothing else is in its environment.
    #[serde(borrow)]
    pub env: Vec<&'a str, ENV_MAX>,
    /// Services that must be ready first.
    #[serde(borrow)]
    pub after: Vec<&'a str, AFTER_MAX>,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Capabilities it keeps, as a mask of `1 << CAP_*`; every other one leaves all five sets.
    pub capabilities: u64,
    /// `memory.max` of its cgroup in bytes; 0 for none.
    pub memory_max: u64,
    /// `pids.max` of its cgroup; 0 for none.
    pub pids_max: u32,
    /// `cpu.weight` of its cgroup, 1 to 10000; 0 for the kernel's own choice, which is 100.
    pub cpu_weight: u16,
    /// `cpu.max` of its cgroup: how much time of processors it gets in each 100 ms, all of them
    /// together, in microseconds, at least 1000; 0 for no limit.
    pub cpu_max_us: u32,
    /// `oom_score_adj`, -1000 to 1000.
    pub oom_score_adj: i16,
    /// When it starts again after it ended.
    pub restart: Restart,
    /// What makes it ready.
    pub ready: Ready,
    /// How long it may take from SIGTERM to its end before SIGKILL, in milliseconds.
    pub stop_timeout_ms: u32,
    /// Which system calls it may make.
    pub seccomp: Seccomp,
    /// Its root folder, or the image of its root; empty for the node's own root.
    pub root: &'a str,
    /// What it sees besides its root.
    #[serde(borrow)]
    pub mounts: Vec<Mount<'a>, MOUNTS_MAX>,
    /// Makes it a container of its root.
    #[serde(borrow)]
    pub container: Option<Container<'a>>,
}

impl<'a> ServiceSpec<'a> {
    /// A description with nothing but a name and a program: root's user, no capabilities, no
    /// limits, restarted always, ready when it runs.
    #[must_use]
    pub const fn new(name: &'a str, path: &'a str) -> Self {
        Self {
            name,
            path,
            args: Vec::new(),
            env: Vec::new(),
            after: Vec::new(),
            uid: 0,
            gid: 0,
            capabilities: 0,
            memory_max: 0,
            pids_max: 0,
            cpu_weight: 0,
            cpu_max_us: 0,
            oom_score_adj: 0,
            restart: Restart::Always,
            ready: Ready::OnExec,
            stop_timeout_ms: 10_000,
            seccomp: Seccomp::Agent,
            root: "",
            mounts: Vec::new(),
            container: None,
        }
    }

    /// Writes the description to the front of `buffer` and returns its length in bytes.
    ///
    /// # Errors
    /// It does not fit.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, crate::EncodeError> {
        postcard::to_slice(self, buffer)
            .map(|bytes| bytes.len())
            .map_err(|_| crate::EncodeError)
    }

    /// The description in `bytes`.
    ///
    /// # Errors
    /// The bytes are not exactly one description.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, crate::DecodeError> {
        crate::message::decode(0, bytes)
    }
}

/// When a service starts again after it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// Whatever its exit was.
    Always,
    /// Never.
    Never,
    /// Until it exits with 0.
    UntilSuccess,
}

/// What makes a service ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ready {
    /// That its program runs.
    OnExec,
    /// That it wrote a newline to [`crate::paths::READY_FD`].
    OnMessage,
}

/// Which system calls a service may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    /// All: for what exists to administer the machine.
    Unconfined,
    /// All but those that no agent needs: modules, kexec, reboot, ptrace, bpf, mounts, keys …
    Agent,
    /// Those that programs in containers need, and those that its capabilities are for.
    Container,
}

/// Where in its life a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Known, not asked to run.
    Stopped,
    /// Something it needs is not ready.
    Waiting,
    /// Its process was made and it is not ready yet.
    Starting,
    /// It runs and is ready.
    Running,
    /// It was asked to end.
    Stopping,
    /// It ended and will start again when its delay is over.
    BackingOff,
    /// It ended with 0 and will not start again.
    Finished,
    /// It ended otherwise and will not start again.
    Failed,
}

/// How the last process of a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// With this exit code.
    Code(u8),
    /// By this signal.
    Signal(u8),
    /// It met its memory limit and the kernel killed it.
    OutOfMemory,
    /// Its program never ran.
    Spawn(SpawnFailure),
}

/// Why a service's program never ran: the step and the kernel's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnFailure {
    /// What was being done.
    pub stage: Stage,
    /// The kernel's errno; 0 when the kernel was not asked.
    pub errno: u16,
    /// Which one, where a stage has several: the index of the mount, of the argument …
    pub index: u8,
}

impl SpawnFailure {
    /// The longest encoded form, in bytes.
    pub const MAX_LEN: usize = 8;

    /// Writes the failure to the front of `buffer` and returns its length in bytes.
    ///
    /// # Errors
    /// It does not fit.
    pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, crate::EncodeError> {
        postcard::to_slice(self, buffer)
            .map(|bytes| bytes.len())
            .map_err(|_| crate::EncodeError)
    }

    /// The failure in `bytes`.
    ///
    /// # Errors
    /// The bytes are not exactly one failure.
    pub fn decode(bytes: &[u8]) -> Result<Self, crate::DecodeError> {
        crate::message::decode(0, bytes)
    }
}

/// The steps between clone and the first instruction of a service's program, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Making the cgroup or setting its limits.
    Cgroup,
    /// clone3(2), into the cgroup.
    Clone,
    /// Giving the child its descriptors.
    Descriptors,
    /// execve(2) of the sandbox.
    ExecSandbox,
    /// Reading the description.
    ReadSpec,
    /// A session of its own, signal state, `oom_score_adj`, resource limits.
    Process,
    /// New namespaces.
    Namespaces,
    /// A user namespace and its map.
    Users,
    /// A network with nothing but `lo`, the name of the host.
    Network,
    /// Opening the image of the root.
    OpenImage,
    /// Making a block device of the image.
    ImageDevice,
    /// Mounting the image.
    MountImage,
    /// One of the file systems that every container has; the index says which.
    KernelFileSystems,
    /// One of the devices; the index says which.
    Devices,
    /// One of the mounts; the index says which.
    Mount,
    /// One of the masked and read-only paths; the index says which, masked ones first.
    Paths,
    /// Changing the root.
    Root,
    /// Changing to the working folder.
    WorkingFolder,
    /// User and groups.
    User,
    /// Capability sets and securebits.
    Capabilities,
    /// The system call filter.
    Seccomp,
    /// execve(2) of the program.
    Exec,
}

impl Stage {
    /// What could not be done, for a person.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Cgroup => "cannot set up the cgroup",
            Self::Clone => "cannot make a process",
            Self::Descriptors => "cannot pass descriptors",
            Self::ExecSandbox => "cannot run the sandbox",
            Self::ReadSpec => "cannot read the service description",
            Self::Process => "cannot set up the process",
            Self::Namespaces => "cannot make namespaces",
            Self::Users => "cannot map users",
            Self::Network => "cannot make a network",
            Self::OpenImage => "cannot open the image",
            Self::ImageDevice => "cannot make a device of the image",
            Self::MountImage => "cannot mount the image",
            Self::KernelFileSystems => "cannot mount /proc, /dev, /sys and /run",
            Self::Devices => "cannot give a device",
            Self::Mount => "cannot mount",
            Self::Paths => "cannot protect a path",
            Self::Root => "cannot change the root",
            Self::WorkingFolder => "cannot enter the working folder",
            Self::User => "cannot change the user",
            Self::Capabilities => "cannot drop capabilities",
            Self::Seccomp => "cannot install the system call filter",
            Self::Exec => "cannot run the program",
        }
    }
}

/// How a service fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: Name,
    /// Where in its life it is.
    pub state: State,
    /// Its process, while there is one; 0 otherwise.
    pub pid: u32,
    /// How often it was started again by itself since it was last asked to start.
    pub restarts: u32,
    /// When `state` last changed, in milliseconds of `CLOCK_BOOTTIME`.
    pub changed_at_ms: u64,
    /// How its last process ended, once one has.
    pub last_exit: Option<Exit>,
    /// When it will start again, in milliseconds of `CLOCK_BOOTTIME`; 0 unless backing off.
    pub retry_at_ms: u64,
}
