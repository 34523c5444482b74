// SPDX-License-Identifier: MPL-2.0
//! Runs `ichorctl` as its users do, and keeps what it said.
//!
//! Owns: one call of the client and its result.
//! Never: reads what it prints for more than the test needs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What one call of the client said.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// The call, for messages.
    pub call: String,
}

impl Output {
    /// What it printed, if it succeeded.
    ///
    /// # Errors
    /// It ended with a failure.
    pub fn ok(self) -> Result<String> {
        ensure!(
            self.code == 0,
            "{}: exit code {}\n{}{}",
            self.call,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self.stdout)
    }

    /// What it complained about, if it failed.
    ///
    /// # Errors
    /// It succeeded.
    pub fn refused(self) -> Result<String> {
        ensure!(
            self.code != 0,
            "{}: succeeded\n{}{}",
            self.call,
            self.stdout,
            self.stderr
        );
        Ok(self.stderr)
    }
}

/// Runs the client with `arguments`, in `folder`.
///
/// # Errors
/// It could not be started.
pub fn run(client: &Path, folder: &Path, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(client)
        .args(arguments)
        .current_dir(folder)
        // Nothing of the person who runs the tests may reach the client.
        .env_remove("TALOSCONFIG")
        .env("HOME", folder)
        .output()
        .with_context(|| format!("cannot start {}: build it with ./x build", client.display()))?;
    Ok(Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        call: format!("ichorctl {}", arguments.join(" ")),
    })
}
