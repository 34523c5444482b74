// SPDX-License-Identifier: MPL-2.0
//! The console as standard input, output and error.
//!
//! Owns: which device init talks to.
//! Never: fails the boot: a machine may have no console.

use sys::fs::{Mode, OFlags};
use sys::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::fatal::Fatal;

/// Opens the console, or the null device on a machine that has none.
///
/// # Errors
/// When there is neither.
pub fn open() -> Result<(), Fatal> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let device = sys::fs::open(c"/dev/console", flags, Mode::empty())
        .or_else(|_| sys::fs::open(c"/dev/null", flags, Mode::empty()))
        .map_err(Fatal::during("open", "/dev/console"))?;
    dup2_stdin(&device)
        .and_then(|()| dup2_stdout(&device))
        .and_then(|()| dup2_stderr(&device))
        .map_err(Fatal::during("take", "/dev/console"))
}
