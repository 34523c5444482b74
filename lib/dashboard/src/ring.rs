// SPDX-License-Identifier: MPL-2.0
//! The last lines of a log.
//!
//! Owns: turning pieces into lines, and how many are kept.
//! Never: holds more than its limits, whatever comes.

use std::collections::VecDeque;

use crate::units::harmless;

/// Enough to scroll through; with lines as long as they may be it is two megabytes.
pub(crate) const LINES_MAX: usize = 2000;
/// A longer line goes on in the next one. In bytes.
const LINE_MAX: usize = 1024;

/// Lines, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring {
    lines: VecDeque<String>,
    /// A line that has no end yet.
    begun: Vec<u8>,
}

impl Ring {
    /// Takes a piece; returns how many lines it made.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> usize {
        let mut made = 0_usize;
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(LINE_MAX) {
                self.begun.extend_from_slice(part);
                if self.begun.ends_with(b"\n") || self.begun.len() >= LINE_MAX {
                    self.end_line();
                    made = made.saturating_add(1);
                }
            }
        }
        made
    }

    /// Nothing follows: a line without an end is one, too.
    pub(crate) fn end(&mut self) {
        if !self.begun.is_empty() {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let begun = std::mem::take(&mut self.begun);
        let text = String::from_utf8_lossy(&begun);
        // Each byte that is no letter takes three to say so.
        let end = text.floor_char_boundary(LINE_MAX);
        let text = text.get(..end).unwrap_or_default();
        if self.lines.len() >= LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(harmless(text.trim_end()));
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Rows of a window, the last one `back` lines before the end; long lines take several rows.
    pub(crate) fn window(&self, back: usize, width: usize, height: usize) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for line in self.lines.iter().rev().skip(back) {
            if rows.len() >= height {
                break;
            }
            let mut folded = folded(line, width.max(1));
            folded.reverse();
            rows.append(&mut folded);
        }
        rows.truncate(height);
        rows.reverse();
        rows
    }
}

fn folded(line: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    if letters.is_empty() {
        return vec![String::new()];
    }
    letters
        .chunks(width)
        .map(|row| row.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_letters_make_no_line_longer_than_the_longest() {
        let mut ring = Ring::default();

        ring.feed(&[0xff; 4 * LINE_MAX]);

        assert_eq!(ring.len(), 4);
        assert!(ring.lines.iter().all(|line| line.len() <= LINE_MAX));
    }

    #[test]
    fn pieces_become_lines_that_cannot_draw() {
        let mut ring = Ring::default();

        assert_eq!(ring.feed(b"one\ntw"), 1);
        assert_eq!(ring.feed(b"o\x1b[2J\xff\n\n"), 2);

        assert_eq!(ring.window(0, 80, 10), ["one", "two [2J\u{fffd}", ""]);
        assert_eq!(ring.window(1, 80, 1), ["two [2J\u{fffd}"]);
        assert_eq!(ring.window(0, 2, 3), ["[2", "J\u{fffd}", ""]);

        ring.feed(b"three");
        for _ in 0..2 {
            ring.end();
            assert_eq!(ring.window(0, 80, 1), ["three"]);
        }
    }

    #[test]
    fn an_endless_log_and_an_endless_line_stay_within_the_limits() {
        let mut ring = Ring::default();
        for _ in 0..40 {
            ring.feed(&[b'x'; 64 * 1024]);
        }
        assert_eq!(ring.len(), LINES_MAX);
        assert!(ring.begun.len() <= LINE_MAX);
        assert!(ring.lines.iter().all(|line| line.len() <= LINE_MAX));
        let rows = ring.window(0, 80, 24);
        assert_eq!(rows.len(), 24);
        assert!(ring.window(5000, 80, 24).is_empty());
    }
}
