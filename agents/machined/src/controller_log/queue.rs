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

/// The most lines. All that a configuration changes fits, should logd be away just then.
const LINES_MAX: usize = 1024;

/// The lines, oldest first, with their moments.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<(SystemTime, Entry)>,
    lost: u64,
}

impl Queue {
    /// Adds lines of one moment; when there are too many, the oldest go.
    pub(super) fn extend(&mut self, at: SystemTime, entries: Vec<Entry>) {
        self.entries
            .extend(entries.into_iter().map(|entry| (at, entry)));
        while self.entries.len() > LINES_MAX {
            self.entries.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// Takes as many lines as one message takes.
    pub(super) fn take(&mut self, now: SystemTime) -> Option<String> {
        let mut taken = String::new();
        if self.lost > 0 {
            taken = Entry::lost(std::mem::take(&mut self.lost)).line(now);
            taken.push('\n');
        }
        while let Some((at, entry)) = self.entries.front() {
            let line = entry.line(*at);
            let line = cut(&line, LINE_MAX.saturating_sub(1));
            if taken.len().saturating_add(line.len()) >= APPEND_MAX {
                break;
            }
            taken.push_str(line);
            taken.push('\n');
            self.entries.pop_front();
        }
        (!taken.is_empty()).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn moment(number: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_millis(number))
            .unwrap()
    }

    fn entry() -> Entry {
        Entry::recovered("test.Controller", 1)
    }

    #[test]
    fn lines_come_in_order_as_many_as_a_message_takes() {
        let mut queue = Queue::default();
        for number in 0..100 {
            queue.extend(moment(number), vec![entry()]);
        }

        let mut taken = Vec::new();
        while let Some(message) = queue.take(SystemTime::UNIX_EPOCH) {
            assert!(message.len() <= APPEND_MAX && message.ends_with('\n'));
            taken.push(message);
        }

        assert!(taken.len() > 1, "it is more than one message");
        let lines: Vec<String> = (0..100).map(|n| entry().line(moment(n))).collect();
        assert_eq!(taken.concat(), format!("{}\n", lines.join("\n")));
    }

    #[test]
    fn when_logd_is_away_the_oldest_lines_go_and_are_counted_in_the_log() {
        let mut queue = Queue::default();
        for number in 0..10_000 {
            queue.extend(moment(number), vec![entry()]);
        }
        assert_eq!(queue.entries.len(), LINES_MAX);

        let first = queue.take(SystemTime::UNIX_EPOCH).unwrap();
        let mut lines = first.lines();
        let said = lines.next().unwrap();
        assert!(
            said.starts_with("1970-01-01T00:00:00.000Z WARN lines were lost"),
            "{said}"
        );
        let lost = 10_000 - LINES_MAX;
        assert!(said.ends_with(&format!("\"lines\": {lost}}}")), "{said}");
        let oldest = entry().line(moment(u64::try_from(lost).unwrap()));
        assert_eq!(lines.next().unwrap(), oldest);
        // It is said once.
        assert!(!queue.take(SystemTime::UNIX_EPOCH).unwrap().contains("lost"));
    }
}
