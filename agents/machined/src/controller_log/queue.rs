// SPDX-License-Identifier: MPL-2.0
//! Lines on their way to logd.
//!
//! Owns: how many there may be, and that lines that had to go are counted in the log.
//! Never: gives more than one message takes.

use std::collections::VecDeque;
use std::time::SystemTime;

use proto::log::{APPEND_MAX, LINE_MAX};

use super::entry::Entry;
use crate::journal::cut;

/// The most bytes. All that a configuration changes fits, should logd be away just then.
const BYTES_MAX: usize = 128 * 1024;

/// The lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    lost: u64,
}

impl Queue {
    /// Adds a line; when there are too many, the oldest go.
    pub(super) fn push(&mut self, line: String) {
        let mut line = line;
        line.truncate(cut(&line, LINE_MAX.saturating_sub(1)).len());
        line.push('\n');
        self.bytes = self.bytes.saturating_add(line.len());
        self.lines.push_back(line);
        while self.bytes > BYTES_MAX && self.pop().is_some() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    fn pop(&mut self) -> Option<String> {
        let line = self.lines.pop_front()?;
        self.bytes = self.bytes.saturating_sub(line.len());
        Some(line)
    }

    /// Takes as many lines as one message takes.
    pub(super) fn take(&mut self, now: SystemTime) -> Option<String> {
        let mut taken = String::new();
        if self.lost > 0 {
            taken = Entry::lost(std::mem::take(&mut self.lost)).line(now);
            taken.push('\n');
        }
        while let Some(next) = self.lines.front() {
            if taken.len().saturating_add(next.len()) > APPEND_MAX {
                break;
            }
            taken.push_str(&self.pop().unwrap_or_default());
        }
        (!taken.is_empty()).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_order_as_many_as_a_message_takes() {
        let mut queue = Queue::default();
        let lines: Vec<String> = (0..100).map(|number| format!("{number:0>99}")).collect();
        for line in &lines {
            queue.push(line.clone());
        }

        let mut taken = Vec::new();
        while let Some(message) = queue.take(SystemTime::UNIX_EPOCH) {
            assert!(message.len() <= APPEND_MAX && message.ends_with('\n'));
            taken.push(message);
        }

        assert_eq!(taken.len(), 3);
        assert_eq!(taken.concat(), format!("{}\n", lines.join("\n")));
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn the_longest_line_is_cut_to_what_a_message_takes() {
        let mut queue = Queue::default();
        queue.push("x".repeat(LINE_MAX * 2));

        let taken = queue.take(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(taken.len(), APPEND_MAX);
    }

    #[test]
    fn when_logd_is_away_the_oldest_lines_go_and_are_counted_in_the_log() {
        let mut queue = Queue::default();
        for number in 0..10_000_u32 {
            queue.push(format!("{number:0>99}"));
        }
        assert!(queue.bytes <= BYTES_MAX);
        let kept = queue.lines.len();

        let first = queue.take(SystemTime::UNIX_EPOCH).unwrap();
        let mut lines = first.lines();
        let said = lines.next().unwrap();
        assert!(
            said.starts_with("1970-01-01T00:00:00.000Z WARN lines were lost"),
            "{said}"
        );
        assert!(
            said.ends_with(&format!("\"lines\": {}}}", 10_000 - kept)),
            "{said}"
        );
        assert_eq!(lines.next().unwrap(), format!("{:0>99}", 10_000 - kept));
        // It is said once.
        assert!(!queue.take(SystemTime::UNIX_EPOCH).unwrap().contains("lost"));
    }
}
