// SPDX-License-Identifier: MPL-2.0
//! The step between PID 1's clone and a service's exec.
//!
//! It reads what the service may have, gives up everything else, and becomes the service. What
//! goes wrong goes back to init as (stage, errno, index), so that an operator reads "cannot mount:
//! ENOENT" and not "failed".
//!
//! Owns: the order of the steps, and what each gives up.
//! Never: goes on after a step that failed, or is left running.
#![no_std]
#![forbid(unsafe_code)]

mod calls;
mod container;
mod devices;
mod filter;
mod identity;
mod mounts;
mod place;
mod process;
mod profile;
mod program;
mod root;
mod users;

use proto::MAX_MESSAGE;
use proto::paths::{SANDBOX_ERROR_FD, SANDBOX_SPEC_FD};
use proto::service::{ServiceSpec, SpawnFailure, Stage};
use sys::fd::OwnedFd;
use sys::io::Errno;

/// A step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failure {
    stage: Stage,
    errno: Errno,
    /// Which one, where the stage has several.
    index: usize,
}

/// The exit code after a failure that was reported.
const REPORTED: u8 = 1;
/// The exit code when there is nobody to report to.
const UNREPORTED: u8 = 2;

/// Gives up what the description does not grant and becomes the service. Returns only on failure.
#[must_use]
pub fn main(_arguments: sys::start::Arguments) -> u8 {
    let Ok(errors) = sys::inherited::take(SANDBOX_ERROR_FD) else {
        return UNREPORTED;
    };
    let mut buffer = [0; MAX_MESSAGE];
    let failure = match read_spec(&mut buffer) {
        Ok(spec) => confine_and_run(&spec),
        Err(errno) => at(Stage::ReadSpec)(errno),
    };
    report(&errors, failure)
}

/// Reads the description. The file is shared with init, so its offset is left alone.
fn read_spec(buffer: &mut [u8; MAX_MESSAGE]) -> Result<ServiceSpec<'_>, Errno> {
    let file = sys::inherited::take(SANDBOX_SPEC_FD)?;
    let len = sys::io::pread(&file, &mut buffer[..], 0)?;
    let bytes = buffer.get(..len).unwrap_or_default();
    ServiceSpec::decode(bytes).map_err(|_| Errno::BADMSG)
}

/// Takes every step in order.
fn confine_and_run(spec: &ServiceSpec<'_>) -> Failure {
    match confine(spec) {
        Ok(()) => program::become_service(spec),
        Err(failure) => failure,
    }
}

/// Takes every step before the last. What needs a privilege comes before the step that drops it.
fn confine(spec: &ServiceSpec<'_>) -> Result<(), Failure> {
    process::set_up(spec).map_err(at(Stage::Process))?;
    match &spec.container {
        Some(container) => {
            let (uid, gid) = (spec.uid, spec.gid);
            let on_the_node = |id| identity::on_the_node(container.users, id);
            devices::give_output(on_the_node(uid), on_the_node(gid))
                .map_err(at(Stage::Descriptors))?;
            if let Some(users) = container::enter(spec, container)? {
                users::enter(&users).map_err(at(Stage::Users))?;
            }
        }
        None => {
            if mounts::needs_namespace(spec) {
                mounts::enter_namespace(None).map_err(at(Stage::Namespaces))?;
            }
            mounts::attach_all(spec)?;
            mounts::change_root(spec).map_err(at(Stage::Root))?;
        }
    }
    identity::keep_bounding(spec).map_err(at(Stage::Capabilities))?;
    identity::become_user(spec).map_err(at(Stage::User))?;
    if let Some(container) = &spec.container {
        container::enter_working_folder(container).map_err(at(Stage::WorkingFolder))?;
    }
    // Before the sets: without `no_new_privs` it takes a capability.
    filter::install(spec).map_err(at(Stage::Seccomp))?;
    identity::keep_capabilities(spec).map_err(at(Stage::Capabilities))
}

/// Names the stage of an error.
fn at(stage: Stage) -> impl FnOnce(Errno) -> Failure {
    at_one(stage, 0)
}

/// Names the stage of an error, and which one of several it is about.
fn at_one(stage: Stage, index: usize) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure {
        stage,
        errno,
        index,
    }
}

/// Tells init.
fn report(errors: &OwnedFd, failure: Failure) -> u8 {
    let said = SpawnFailure {
        stage: failure.stage,
        errno: u16::try_from(failure.errno.raw_os_error()).unwrap_or(0),
        index: u8::try_from(failure.index).unwrap_or(u8::MAX),
    };
    let mut bytes = [0; SpawnFailure::MAX_LEN];
    let sent = said
        .encode(&mut bytes)
        .ok()
        .and_then(|len| bytes.get(..len))
        .is_some_and(|bytes| sys::io::write(errors, bytes).is_ok());
    if sent { REPORTED } else { UNREPORTED }
}
