// SPDX-License-Identifier: MPL-2.0
//! The command line of Ichor.
//!
//! Owns: what the process was started with, and its exit code.
//! Never: decides anything; the library does.
#![forbid(unsafe_code)]

use std::io::{BufWriter, IsTerminal as _, stderr, stdout};
use std::process::ExitCode;

use ichorctl::{Environment, Outcome, Screen};

fn main() -> ExitCode {
    let is_read = stdout().is_terminal();
    let mut out = BufWriter::new(stdout().lock());
    let mut err = stderr().lock();
    let is_watched = err.is_terminal();
    let mut screen = Screen::new(&mut out, &mut err);
    if is_watched {
        screen = screen.on_terminal();
    }
    if is_read {
        screen = screen.to_terminal();
    }
    match ichorctl::run(std::env::args_os(), &Environment::of_process(), &mut screen) {
        Outcome::Done => ExitCode::SUCCESS,
        Outcome::Failed => ExitCode::FAILURE,
        Outcome::Stopped(number) => {
            ExitCode::from(u8::try_from(number.saturating_add(128)).unwrap_or(u8::MAX))
        }
    }
}
