// SPDX-License-Identifier: MPL-2.0
//! The command line of Ichor: what an operator types becomes calls to nodes.
//!
//! Owns: flags, tables, exit codes, and the words of errors.
//! Never: touches more than the files it names, or asks when nobody is there to answer.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod dial;
mod places;
mod screen;
mod session;
mod table;
mod trouble;
mod trust;
mod units;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Line;
pub use crate::places::Environment;
pub use crate::screen::Screen;
use crate::trouble::Trouble;

/// Does what the arguments say. Exit code 0: done; 1: not done, or not on every node.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => return usage(&error, screen),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.complain(&Trouble::new(format!(
                "cannot start the event loop: {error}"
            )));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(line, environment, screen));
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) if screen.is_clean() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(trouble) => {
            screen.complain(&trouble);
            ExitCode::FAILURE
        }
    }
}

fn usage(error: &clap::Error, screen: &mut Screen<'_>) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            screen.print(format_args!("{error}"));
            ExitCode::SUCCESS
        }
        _ => {
            screen.warn(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}
