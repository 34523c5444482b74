// SPDX-License-Identifier: MPL-2.0
//! The last step: becoming the service's program.
//!
//! Owns: its arguments, its environment and its descriptors.
//! Never: passes a descriptor that is not the service's.

use core::ffi::CStr;
use core::fmt::Write as _;

use proto::MAX_MESSAGE;
use proto::paths::{FIRST_LISTENER_FD, MAX_LISTENERS};
use proto::service::{ARGS_MAX, ENV_MAX, ServiceSpec, Stage};
use sys::io::Errno;
use sys::spawn::Strings;
use sys::text::Text;

use crate::{Failure, at, at_one};

/// Strings of a description fit its message, so with a NUL each they fit this.
const BYTES_MAX: usize = MAX_MESSAGE;
/// The program's name, its arguments, NULL.
const ARGV_MAX: usize = ARGS_MAX + 2;
/// The environment, NULL.
const ENVP_MAX: usize = ENV_MAX + 1;

/// The longest path that the kernel takes, in bytes.
const PATH_MAX: usize = 4096;
/// Where programs are in images that do not say.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    let errno = if spec.path.contains('/') {
        match arguments.get(0) {
            Some(path) => sys::spawn::exec(path, &arguments, &environment),
            None => Errno::INVAL,
        }
    } else {
        let mut last = Errno::NOENT;
        for folder in search_path(spec).split(':') {
            let errno = try_folder(folder, spec.path, &arguments, &environment);
            match errno {
                Errno::NOENT | Errno::NOTDIR => {}
                // Another folder may have one that may be run.
                Errno::ACCESS => last = errno,
                errno => {
                    last = errno;
                    break;
                }
            }
        }
        last
    };
    Err(at(Stage::Exec)(errno))
}

/// Where a program is looked for by its name.
fn search_path<'a>(spec: &ServiceSpec<'a>) -> &'a str {
    let said = spec.env.iter().find_map(|it| it.strip_prefix("PATH="));
    said.unwrap_or(USUAL_PATH)
}

/// Becomes the program of that name in a folder, or says why not.
fn try_folder(
    folder: &str,
    name: &str,
    arguments: &Strings<ARGV_MAX, BYTES_MAX>,
    environment: &Strings<ENVP_MAX, BYTES_MAX>,
) -> Errno {
    let mut path = Text::<PATH_MAX>::new();
    // An empty one is the working folder (execvp(3)).
    let separator = if folder.is_empty() { "./" } else { "/" };
    if folder.len().saturating_add(name.len()) > PATH_MAX - 3 {
        return Errno::NOENT;
    }
    let _ = write!(path, "{folder}{separator}{name}\0");
    match CStr::from_bytes_until_nul(path.as_bytes()) {
        Ok(path) => sys::spawn::exec(path, arguments, environment),
        Err(_) => Errno::NOENT,
    }
}
