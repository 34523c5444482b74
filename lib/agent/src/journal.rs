// SPDX-License-Identifier: MPL-2.0
//! Log lines.
//!
//! Owns: the budget of lines: what strangers do must not fill the log.
//! Never: waits for the reader of the log. Who writes leaves keys, certificates and tokens out.

use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Lines in one [`SPAN`]: enough to tell a story, too few to hide one.
const LINES_MAX: u32 = 20;
/// The time that [`LINES_MAX`] is counted over.
const SPAN: Duration = Duration::from_secs(10);

static BUDGET: Mutex<Option<Budget>> = Mutex::new(None);

/// Writes one line, or counts it when there were too many.
pub fn say(line: fmt::Arguments<'_>) {
    let now = Instant::now();
    let missed = match BUDGET.lock() {
        Ok(mut budget) => match budget.get_or_insert_with(|| Budget::new(now)).take(now) {
            Some(missed) => missed,
            None => return,
        },
        Err(_) => 0,
    };
    // A log that cannot be written has nobody to be told to.
    let mut out = std::io::stdout().lock();
    if missed > 0 {
        let _ = writeln!(out, "{missed} lines left out");
    }
    let _ = writeln!(out, "{line}");
}

#[derive(Debug)]
struct Budget {
    since: Instant,
    used: u32,
    missed: u32,
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self {
            since: now,
            used: 0,
            missed: 0,
        }
    }

    /// Says whether a line may be written now, and how many were not before it.
    fn take(&mut self, now: Instant) -> Option<u32> {
        if now.saturating_duration_since(self.since) >= SPAN {
            self.since = now;
            self.used = 0;
        }
        if self.used >= LINES_MAX {
            self.missed = self.missed.saturating_add(1);
            return None;
        }
        self.used = self.used.saturating_add(1);
        Some(std::mem::take(&mut self.missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_the_next_line_says_how_much_was_left_out() {
        let start = Instant::now();
        let mut budget = Budget::new(start);

        let written = (0..10_000).filter(|_| budget.take(start).is_some()).count();

        assert_eq!(written, 20);
        assert_eq!(budget.take(start + SPAN), Some(9_980));
        assert_eq!(budget.take(start + SPAN), Some(0));
    }
}
