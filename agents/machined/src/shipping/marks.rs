// SPDX-License-Identifier: MPL-2.0
//! When the parts of a log were written: logs of services have no times of their own.
//!
//! Owns: the marks of one log, and that there are few of them.
//! Never: reads a clock.

use std::collections::VecDeque;
use std::time::Duration;

/// The most marks of one log. When there are more, every second one goes: what waits long for its
/// receiver has coarser times. All marks of all logs together are below 64 KiB.
const MARKS_MAX: usize = 32;
/// What a ring holds at most: nothing before that will be asked for.
const RING_MAX: u64 = 256 * 1024;

/// The marks of one log.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Where the log ended, and when, by the monotonic clock.
    marks: VecDeque<(u64, Duration)>,
}

impl Marks {
    /// Notes that the log ends at a cursor now.
    pub(crate) fn note(&mut self, end: u64, now: Duration) {
        match self.marks.back() {
            // It is another log, of the same name.
            Some((last, _)) if *last > end => self.marks.clear(),
            Some((last, _)) if *last == end => return,
            Some(_) | None => {}
        }
        let oldest = end.saturating_sub(RING_MAX);
        while self.marks.front().is_some_and(|(end, _)| *end < oldest) {
            self.marks.pop_front();
        }
        if self.marks.len() >= MARKS_MAX {
            // The second of each pair stays: a line is never said to be older than it is.
            let mut place = 0_usize;
            self.marks.retain(|_| {
                place = place.saturating_add(1);
                place.is_multiple_of(2)
            });
        }
        self.marks.push_back((end, now));
    }

    /// When the line that ends at a cursor had been written; nothing when it has just been.
    #[must_use]
    pub(crate) fn written_at(&self, end: u64) -> Option<Duration> {
        let place = self.marks.partition_point(|(mark, _)| *mark < end);
        self.marks.get(place).map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn log_03_a_line_has_the_time_at_which_it_came_however_late_it_is_sent() {
        let mut marks = Marks::default();
        marks.note(100, seconds(1));
        marks.note(150, seconds(5));
        marks.note(150, seconds(9));

        for (end, at) in [
            (1, Some(1)),
            (100, Some(1)),
            (101, Some(5)),
            (150, Some(5)),
            (151, None),
        ] {
            assert_eq!(marks.written_at(end), at.map(seconds), "{end}");
        }
    }

    #[test]
    fn marks_are_few_and_no_line_is_said_to_be_older_than_it_is() {
        let mut marks = Marks::default();
        for second in 1..=10_000 {
            marks.note(second * 10, seconds(second));
        }

        assert!(marks.marks.len() <= MARKS_MAX);
        for second in 8_000..=10_000 {
            assert!(marks.written_at(second * 10).unwrap() >= seconds(second));
        }
        // What is written meanwhile has fine times.
        assert_eq!(marks.written_at(100_000), Some(seconds(10_000)));
        marks.note(10_000_000, seconds(10_001));
        assert_eq!(marks.marks.len(), 1);
    }

    #[test]
    fn a_log_that_began_anew_has_new_times() {
        let mut marks = Marks::default();
        marks.note(100, seconds(1));
        marks.note(10, seconds(2));

        assert_eq!(marks.written_at(10), Some(seconds(2)));
        assert_eq!(marks.written_at(11), None);
    }
}
