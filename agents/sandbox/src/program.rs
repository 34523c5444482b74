// SPDX-License-Identifier: MPL-2.0
//! The last step: becoming the service's program.
//!
//! Owns: its arguments, its environment and its descriptors.
//! Never: passes a descriptor that is not the service's.

use proto::MAX_MESSAGE;
use proto::paths::{FIRST_LISTENER_FD, MAX_LISTENERS};
use proto::service::{ARGS_MAX, ENV_MAX, ServiceSpec, Stage};
use sys::io::Errno;
use sys::spawn::Strings;

use crate::{Failure, at, at_one};

/// Strings of a description fit its message, so with a NUL each they fit this.
const BYTES_MAX: usize = MAX_MESSAGE;
/// The program's name, its arguments, NULL.
const ARGV_MAX: usize = ARGS_MAX + 2;
/// The environment, NULL.
const ENVP_MAX: usize = ENV_MAX + 1;

/// Becomes the program. Returns only on failure.
pub(crate) fn become_service(spec: &ServiceSpec<'_>) -> Failure {
    match attempt(spec) {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

/// Nothing.
enum Never {}

fn attempt(spec: &ServiceSpec<'_>) -> Result<Never, Failure> {
    let listeners = i32::try_from(MAX_LISTENERS).unwrap_or(0);
    let others = FIRST_LISTENER_FD.saturating_add(listeners);
    sys::spawn::close_on_exec_from(others).map_err(at(Stage::Exec))?;

    let mut arguments = Strings::<ARGV_MAX, BYTES_MAX>::new();
    arguments.push(spec.path).map_err(at(Stage::Exec))?;
    for (index, argument) in spec.args.iter().enumerate() {
        let failed = at_one(Stage::Exec, index);
        arguments.push(argument).map_err(failed)?;
    }
    let mut environment = Strings::<ENVP_MAX, BYTES_MAX>::new();
    for (index, variable) in spec.env.iter().enumerate() {
        let failed = at_one(Stage::Exec, index);
        environment.push(variable).map_err(failed)?;
    }
    let path = arguments
        .get(0)
        .ok_or(Errno::INVAL)
        .map_err(at(Stage::Exec))?;
    let errno = sys::spawn::exec(path, &arguments, &environment);
    Err(at(Stage::Exec)(errno))
}
