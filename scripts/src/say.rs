// SPDX-License-Identifier: MPL-2.0
//! Everything that the build tool prints: what it does, how far it is, how long it took.
//!
//! Owns: standard output and error.
//! Never: decides what is done.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place of this program that prints"
)]

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a long step reports when nobody watches a terminal.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);
/// How often it reports on a terminal, where the line is overwritten.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(300);

/// Prints one line of a result.
pub fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// Prints text as it is.
pub fn text(text: impl AsRef<str>) {
    print!("{}", text.as_ref());
    // A closed pipe is the reader's decision, not an error of the step.
    let _ = std::io::stdout().flush();
}

/// Prints a line for the person who waits, not for the program that reads.
pub fn note(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// A long step: says that it starts, how far it is, and how long it took.
#[derive(Debug)]
pub struct Step {
    what: String,
    started_at: Instant,
    reported_at: Instant,
    on_terminal: bool,
}

impl Step {
    /// Starts a step and says so.
    #[must_use]
    pub fn start(what: impl Into<String>) -> Self {
        let what = what.into();
        let on_terminal = std::io::stderr().is_terminal();
        eprintln!("==> {what}");
        let now = Instant::now();
        Self {
            what,
            started_at: now,
            reported_at: now,
            on_terminal,
        }
    }

    /// Says how far it is, but not more often than a reader can use.
    pub fn progress(&mut self, how_far: impl FnOnce() -> String) {
        let interval = if self.on_terminal {
            TERMINAL_INTERVAL
        } else {
            QUIET_INTERVAL
        };
        if self.reported_at.elapsed() < interval {
            return;
        }
        self.reported_at = Instant::now();
        let seconds = self.started_at.elapsed().as_secs();
        if self.on_terminal {
            eprint!("\r\x1b[K    {}, {seconds} s", how_far());
            // Progress that cannot be shown must not stop the step.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("    {}, {seconds} s", how_far());
        }
    }

    /// Says that it is done.
    pub fn done(self) {
        let clear = if self.on_terminal { "\r\x1b[K" } else { "" };
        eprintln!(
            "{clear}    {}: done in {:.1} s",
            self.what,
            self.started_at.elapsed().as_secs_f64()
        );
    }
}
