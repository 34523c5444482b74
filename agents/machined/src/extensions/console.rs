// SPDX-License-Identifier: MPL-2.0
//! The output of a service on the console too (`logToConsole`).
//!
//! Owns: from where on its log is shown.
//! Never: loses a line silently: a log that moved on faster than the console says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::news::logs::{AtEnd, Reader};
use crate::node::Node;

/// How long to wait for a log that is not there, or for logd.
const AGAIN: Duration = Duration::from_secs(1);

/// How many lines of one service are shown in a second. A serial line takes about a hundred, and
/// the kernel writes them while machined waits.
const LINES_PER_SECOND: u32 = 20;

const SECOND: Duration = Duration::from_secs(1);

/// From where on a log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// All of it.
    Beginning,
    /// What comes next.
    Now,
}

/// Shows what the service `id` says, for ever.
pub(super) async fn show(node: Arc<Node>, id: String, from: From) {
    let mut lines = match from {
        From::Beginning => u32::MAX,
        From::Now => 0,
    };
    let mut pace = Pace::default();
    loop {
        if let Ok(mut reader) = Reader::open(&node.places, &id, lines).await {
            // Only what comes next, should the reader be lost.
            lines = 0;
            while let Ok(piece) = reader.next(AtEnd::Wait).await {
                let piece = piece.unwrap_or_default();
                let lost = reader.take_lost();
                if lost > 0 {
                    node.journal
                        .pass_on(format_args!("{id}: {lost} bytes are not shown"));
                }
                for line in String::from_utf8_lossy(&piece).lines() {
                    tokio::time::sleep(pace.wait(Instant::now())).await;
                    node.journal.pass_on(format_args!("{id}: {line}"));
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// So many lines a second.
#[derive(Debug, Default)]
struct Pace {
    /// When the present second began.
    began: Option<Instant>,
    /// The lines in it.
    lines: u32,
}

impl Pace {
    /// How long to wait at `now` until the next line may be shown, which then counts as shown.
    fn wait(&mut self, now: Instant) -> Duration {
        let began = *self.began.get_or_insert(now);
        let over = now.saturating_duration_since(began);
        let wait = match SECOND.checked_sub(over) {
            Some(_) if self.lines < LINES_PER_SECOND => {
                self.lines = self.lines.saturating_add(1);
                return Duration::ZERO;
            }
            rest => rest.unwrap_or(Duration::ZERO),
        };
        self.began = now.checked_add(wait);
        self.lines = 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that floods its log held machined at the console.
    #[test]
    fn ext_15_a_flood_is_shown_at_the_pace_of_a_console() {
        let mut pace = Pace::default();
        let began = Instant::now();
        let mut now = began;

        for _ in 0..=10 * LINES_PER_SECOND {
            now += pace.wait(now);
        }
        assert_eq!(now - began, Duration::from_secs(10));

        // After a pause nothing is waited for.
        now += Duration::from_secs(5);
        assert_eq!(pace.wait(now), Duration::ZERO);
    }
}
