// SPDX-License-Identifier: MPL-2.0
//! Makes the process of a service.
//!
//! Owns: its group, its pipes and the numbers of its descriptors, up to the exec of the sandbox.
//! Never: does what the sandbox does.

use heapless::Vec;
use proto::paths::{
    FIRST_LISTENER_FD, MAX_LISTENERS, READY_FD, SANDBOX, SANDBOX_ERROR_FD, SANDBOX_SPEC_FD,
};
use proto::service::{Exit, Ready, SpawnFailure, Stage};
use supervise::Event;
use sys::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use sys::io::Errno;
use sys::pipe::{PipeFlags, pipe_with};
use sys::spawn::{Placement, Strings};
use sys::thread::UnshareFlags;

use super::slot::{Run, Slot};
use super::{Source, Supervisor};
use crate::cgroup;

/// Input, output, errors, readiness, description, failures, and the listeners.
const DESCRIPTORS_MAX: usize = 6 + MAX_LISTENERS;

/// The exit code of a child that could not become the sandbox.
const NOT_EXECUTED: u8 = 1;

impl Supervisor {
    /// Makes the process of the service at a place, or tells the service that it cannot be made.
    pub(super) fn spawn(&mut self, place: usize) {
        let Some(slot) = self.slots.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        match make_process(slot, &self.null) {
            Ok(run) => {
                let watched = [
                    (&run.ready, Source::Ready(place)),
                    (&run.errors, Source::Errors(place)),
                ];
                for (pipe, source) in watched {
                    if let Some(pipe) = pipe {
                        // Fails for lack of kernel memory only; the exit is noticed anyway.
                        let _ = sys::event::epoll::add(
                            &self.epoll,
                            pipe,
                            source.encode(),
                            sys::event::epoll::EventFlags::IN,
                        );
                    }
                }
                slot.run = Some(run);
            }
            Err(failure) => {
                slot.last_exit = Some(Exit::Spawn(failure));
                self.happened(place, Event::SpawnFailed);
            }
        }
    }
}

/// A failure of a stage before the sandbox.
fn failed(stage: Stage) -> impl FnOnce(Errno) -> SpawnFailure {
    move |errno| SpawnFailure {
        stage,
        errno: number(errno),
        index: 0,
    }
}

fn number(errno: Errno) -> u16 {
    u16::try_from(errno.raw_os_error()).unwrap_or(0)
}

/// Makes a process in the service's group that becomes the sandbox.
fn make_process(slot: &Slot, null: &OwnedFd) -> Result<Run, SpawnFailure> {
    let (limits, ready, namespaces) = slot
        .with_spec(|spec| {
            (
                cgroup::Limits {
                    memory_max: spec.memory_max,
                    pids_max: spec.pids_max,
                    cpu_weight: spec.cpu_weight,
                    cpu_max_us: spec.cpu_max_us,
                },
                spec.ready,
                match spec.container {
                    // The sandbox makes the mount namespace, which it fills.
                    Some(_) => UnshareFlags::NEWPID | UnshareFlags::NEWIPC,
                    None => UnshareFlags::empty(),
                },
            )
        })
        .ok_or(Errno::BADMSG)
        .map_err(failed(Stage::ReadSpec))?;
    let name = slot.name.as_str();
    let group = cgroup::open(name, limits).map_err(failed(Stage::Cgroup))?;
    let oom_kills = cgroup::oom_kills(name);

    let (errors_read, errors_write) = pipe().map_err(failed(Stage::Descriptors))?;
    let ready = match ready {
        Ready::OnMessage => Some(pipe().map_err(failed(Stage::Descriptors))?),
        Ready::OnExec => None,
    };
    let (ready_read, ready_write) = ready.unzip();

    let mut given = Vec::<(BorrowedFd<'_>, RawFd), DESCRIPTORS_MAX>::new();
    let fixed = [
        (null.as_fd(), 0),
        (slot.output_write.as_fd(), 1),
        (slot.output_write.as_fd(), 2),
        (slot.spec.as_fd(), SANDBOX_SPEC_FD),
        (errors_write.as_fd(), SANDBOX_ERROR_FD),
    ];
    let ready = ready_write.as_ref().map(|pipe| (pipe.as_fd(), READY_FD));
    let listeners = slot
        .listeners
        .iter()
        .map(OwnedFd::as_fd)
        .zip(FIRST_LISTENER_FD..);
    for descriptor in fixed.into_iter().chain(ready).chain(listeners) {
        given
            .push(descriptor)
            .map_err(|_| Errno::MFILE)
            .map_err(failed(Stage::Descriptors))?;
    }

    let spawned = sys::spawn::spawn(
        Placement {
            cgroup: Some(group.as_fd()),
            namespaces,
        },
        &given,
        || tell(&errors_write, Stage::ExecSandbox, become_sandbox()),
        |errno| tell(&errors_write, Stage::Descriptors, errno),
    )
    .map_err(failed(Stage::Clone))?;
    Ok(Run {
        pid: spawned.pid,
        ready: ready_read,
        errors: Some(errors_read),
        failure: None,
        oom_kills,
    })
}

/// A pipe whose end for init never waits and whose end for the child can be passed.
fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    sys::io::ioctl_fionbio(&read, true)?;
    Ok((read, sys::spawn::raise(write)?))
}

/// In the child: becomes the sandbox, or returns why not.
fn become_sandbox() -> Errno {
    let mut arguments = Strings::<2, 64>::new();
    let environment = Strings::<1, 1>::new();
    if let Err(errno) = arguments.push(SANDBOX) {
        return errno;
    }
    match arguments.get(0) {
        Some(path) => sys::spawn::exec(path, &arguments, &environment),
        None => Errno::INVAL,
    }
}

/// In the child: says what failed.
fn tell(errors: &OwnedFd, stage: Stage, errno: Errno) -> u8 {
    let mut bytes = [0; SpawnFailure::MAX_LEN];
    let failure = SpawnFailure {
        stage,
        errno: number(errno),
        index: 0,
    };
    if let Some(bytes) = failure
        .encode(&mut bytes)
        .ok()
        .and_then(|len| bytes.get(..len))
    {
        let _ = sys::io::write(errors, bytes);
    }
    NOT_EXECUTED
}
