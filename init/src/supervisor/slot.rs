// SPDX-License-Identifier: MPL-2.0
//! One service in the table: its life, its description, and what init keeps for it.
//!
//! Owns: the descriptors that outlive the service's process, and those that do not.
//! Never: decides; `life` does.

use core::fmt;
use core::time::Duration;

use heapless::Vec;
use proto::paths::MAX_LISTENERS;
use proto::service::{self, Exit, ServiceSpec, ServiceStatus, SpawnFailure};
use proto::{MAX_MESSAGE, Name};
use supervise::{Policy, Ready, Restart, Service, State};
use sys::fd::OwnedFd;
use sys::process::{Pid, Signal, WaitStatus};

use crate::{cgroup, clock};

/// Whether a service may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A row of the table: it may not.
    Core,
    /// Defined over the control socket: it may.
    Defined,
}

/// One service.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) life: Service,
    /// A file in memory that holds the encoded description, as the sandbox reads it.
    pub(super) spec: OwnedFd,
    /// The end of its output that logd reads. init keeps both, so that nothing is lost while
    /// either is absent.
    pub(super) output_read: OwnedFd,
    /// The end that it writes.
    pub(super) output_write: OwnedFd,
    /// Its sockets.
    pub(super) listeners: Vec<OwnedFd, MAX_LISTENERS>,
    /// There while it has a process.
    pub(super) run: Option<Run>,
    pub(super) last_exit: Option<Exit>,
    /// The places of those it starts after, one bit each.
    pub(super) after: u64,
    /// It needs a service that is not known.
    pub(super) lacks: bool,
    /// Tells apart services that had the same place.
    pub(super) made: u32,
}

/// One process of a service.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) pid: Pid,
    /// Where it says that it is ready; closed once it has.
    pub(super) ready: Option<OwnedFd>,
    /// Where the sandbox says what failed; closed once the program runs.
    pub(super) errors: Option<OwnedFd>,
    pub(super) failure: Option<SpawnFailure>,
    /// The group's count of processes killed for memory when this one was made.
    pub(super) oom_kills: u64,
}

impl Slot {
    /// Its process, while there is one.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.run.as_ref().map(|run| run.pid)
    }

    /// Calls `f` with the description. `None` when it cannot be read, which cannot happen: init
    /// wrote it.
    pub(super) fn with_spec<R>(&self, f: impl FnOnce(&ServiceSpec<'_>) -> R) -> Option<R> {
        let mut buffer = [0; MAX_MESSAGE];
        let len = sys::io::pread(&self.spec, &mut buffer[..], 0).ok()?;
        ServiceSpec::decode(buffer.get(..len)?)
            .ok()
            .map(|spec| f(&spec))
    }

    /// Asks its process to end. The process is our child and not reaped, so its number is its own.
    pub(super) fn terminate(&self) {
        if let Some(pid) = self.pid() {
            let _ = sys::process::kill_process(pid, Signal::TERM);
        }
    }

    /// Ends everything in its group.
    pub(super) fn kill(&self) {
        cgroup::kill(self.name.as_str());
        // The group's file may be missing on an old kernel; the process itself is always there.
        if let Some(pid) = self.pid() {
            let _ = sys::process::kill_process(pid, Signal::KILL);
        }
    }

    /// How it fares, for a client.
    pub(super) fn status(&self) -> ServiceStatus {
        let state = self.life.state();
        let retry_at = match state {
            State::BackingOff => self.life.deadline().unwrap_or(Duration::ZERO),
            State::Stopped
            | State::Waiting
            | State::Starting
            | State::Running
            | State::Stopping
            | State::Finished
            | State::Failed => Duration::ZERO,
        };
        ServiceStatus {
            name: self.name.clone(),
            state: state_of(state),
            pid: self
                .pid()
                .map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs()),
            restarts: self.life.restarts(),
            changed_at_ms: clock::milliseconds(self.life.changed_at()),
            last_exit: self.last_exit,
            retry_at_ms: clock::milliseconds(retry_at),
        }
    }

    /// How its last process ended, for a person.
    pub(super) fn last_words(&self) -> LastWords {
        LastWords(self.last_exit)
    }
}

/// How a process ended, in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastWords(Option<Exit>);

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => write!(f, "ended"),
            Some(Exit::Code(code)) => write!(f, "exited with {code}"),
            Some(Exit::Signal(signal)) => write!(f, "ended by signal {signal}"),
            Some(Exit::OutOfMemory) => write!(f, "met its memory limit"),
            Some(Exit::Spawn(failure)) => {
                let errno = sys::errno::name_of(u32::from(failure.errno));
                let (index, what) = (failure.index, failure.stage.description());
                write!(f, "sandbox: {what} ({index}): {errno}")
            }
        }
    }
}

/// How a process ended, given the group's count of processes killed for memory now.
pub(super) fn exit_of(status: WaitStatus, run: &Run, oom_kills: u64) -> Exit {
    if let Some(failure) = run.failure {
        return Exit::Spawn(failure);
    }
    if let Some(code) = status.exit_status() {
        return Exit::Code(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let signal = status.terminating_signal().unwrap_or(0);
    if signal == Signal::KILL.as_raw() && oom_kills > run.oom_kills {
        return Exit::OutOfMemory;
    }
    Exit::Signal(u8::try_from(signal).unwrap_or(u8::MAX))
}

/// The part of a description that `supervise` decides by.
pub(super) fn policy_of(spec: &ServiceSpec<'_>) -> Policy {
    Policy {
        restart: match spec.restart {
            service::Restart::Always => Restart::Always,
            service::Restart::Never => Restart::Never,
            service::Restart::UntilSuccess => Restart::UntilSuccess,
        },
        ready: match spec.ready {
            service::Ready::OnExec => Ready::OnExec,
            service::Ready::OnMessage => Ready::OnMessage,
        },
        stop_timeout: Duration::from_millis(u64::from(spec.stop_timeout_ms)),
    }
}

/// A state as the contract spells it.
const fn state_of(state: State) -> service::State {
    match state {
        State::Stopped => service::State::Stopped,
        State::Waiting => service::State::Waiting,
        State::Starting => service::State::Starting,
        State::Running => service::State::Running,
        State::Stopping => service::State::Stopping,
        State::BackingOff => service::State::BackingOff,
        State::Finished => service::State::Finished,
        State::Failed => service::State::Failed,
    }
}
