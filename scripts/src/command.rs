// SPDX-License-Identifier: MPL-2.0
//! Runs host programs and says clearly which one failed and what it said.
//!
//! Owns: child processes that end by themselves.
//! Never: hides a failure; QEMU, which is talked to while it runs, is in `qemu`.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say::Step;

/// How many lines of a failed program's log are shown.
const TAIL_LINES: usize = 40;

/// Shows a command the way one would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// Runs a program that writes to the terminal itself.
///
/// # Errors
/// When it cannot be started or ends with a failure.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start: {}", shown(command)))?;
    if !status.success() {
        bail!("{status}: {}", shown(command));
    }
    Ok(())
}

/// Runs a program and returns what it printed, without the last newline.
///
/// # Errors
/// When it cannot be started, fails, or prints what is not UTF-8; with its error output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start: {}", shown(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}\n{said}", output.status, shown(command));
    }
    let text = String::from_utf8(output.stdout)
        .with_context(|| format!("not text: output of {}", shown(command)))?;
    Ok(text.trim_end().to_owned())
}

/// Runs a long program with its output in a log file, counting its lines as progress.
///
/// # Errors
/// When it cannot be started or fails; with the end of the log.
pub fn run_logged(command: &mut Command, log: &Path, step: &mut Step, about: usize) -> Result<()> {
    let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone().context("cannot share the log file")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .with_context(|| format!("cannot start: {}", shown(command)))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let mut lines: usize = 0;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("cannot read the program's output")?;
        file.write_all(&line)
            .and_then(|()| file.write_all(b"\n"))
            .context("cannot write the log")?;
        lines = lines.saturating_add(1);
        step.progress(|| format!("{lines} of about {about} steps"));
    }
    let status = child.wait().context("cannot wait for the program")?;
    if !status.success() {
        bail!(
            "{status}: {}\n{}\nwhole log: {}",
            shown(command),
            tail(log),
            log.display()
        );
    }
    Ok(())
}

/// Returns the last lines of a file, or nothing when it cannot be read.
fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
