// SPDX-License-Identifier: MPL-2.0
//! Runs `ichorctl` as its users do, and keeps what it said.
//!
//! Owns: one call of the client and its result.
//! Never: reads what it prints for more than the test needs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use xtask::wait;

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

fn command(client: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(client);
    command
        .args(arguments)
        .current_dir(folder)
        // Nothing of the person who runs the tests may reach the client.
        .env_remove("TALOSCONFIG")
        .env_remove("TALOS_EDITOR")
        .env_remove("EDITOR")
        .env("HOME", folder)
        // What an editor leaves goes with the test.
        .env("TMPDIR", folder);
    command
}

/// Runs the client with `arguments`, in `folder`.
///
/// # Errors
/// It could not be started.
pub fn run(client: &Path, folder: &Path, arguments: &[&str]) -> Result<Output> {
    run_with(client, folder, arguments, None)
}

/// The same for somebody who has an editor.
///
/// # Errors
/// It could not be started.
pub fn run_with(
    client: &Path,
    folder: &Path,
    arguments: &[&str],
    editor: Option<&str>,
) -> Result<Output> {
    let mut command = command(client, folder, arguments);
    if let Some(editor) = editor {
        command.env("EDITOR", editor);
    }
    let output = command
        .output()
        .with_context(|| format!("cannot start {}: build it with ./x build", client.display()))?;
    Ok(said(output, arguments))
}

fn said(output: std::process::Output, arguments: &[&str]) -> Output {
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        call: format!("ichorctl {}", arguments.join(" ")),
    }
}

/// Runs the client, but no longer than `patience`: `None` when it was not done then. A connection that is
/// begun while a machine starts may wait for many seconds for QEMU's network to try again; the next one is
/// answered at once.
///
/// # Errors
/// It could not be started or ended.
pub fn run_within(
    client: &Path,
    folder: &Path,
    arguments: &[&str],
    patience: Duration,
) -> Result<Option<Output>> {
    let mut child = command(client, folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", client.display()))?;
    // What it says is read afterwards: it fits the pipes.
    let ended = wait::until(patience, || child.try_wait()?.context("it still runs"));
    let is_done = ended.is_ok();
    if !is_done {
        child.kill().context("cannot end the client")?;
    }
    let output = child
        .wait_with_output()
        .context("cannot wait for the client")?;
    Ok(is_done.then(|| said(output, arguments)))
}

/// Runs a client that follows something, until each of `wanted` has been in a line, and ends it.
///
/// # Errors
/// Not all of them came within `limit`, or the client ended by itself before.
pub fn follow(
    client: &Path,
    folder: &Path,
    arguments: &[&str],
    wanted: &[&str],
    limit: Duration,
) -> Result<()> {
    let mut child = command(client, folder, arguments)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", client.display()))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let (sender, lines) = channel();
    // Ends when the client does, which is killed below.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let deadline = Instant::now()
        .checked_add(limit)
        .context("the limit is too long")?;
    let mut missing = wanted.to_vec();
    let mut seen = Vec::new();
    while !missing.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            break;
        };
        missing.retain(|word| !line.contains(word));
        seen.push(line);
    }
    child.kill().context("cannot end the client")?;
    child.wait().context("cannot wait for the client")?;
    if !missing.is_empty() {
        let call = arguments.join(" ");
        bail!("ichorctl {call}: no {missing:?} in:\n{}", seen.join("\n"));
    }
    Ok(())
}
