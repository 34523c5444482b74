// SPDX-License-Identifier: MPL-2.0
//! Bytes in, whole lines out.
//!
//! Owns: where a line ends, also one that never does: at `LINE_MAX` it is cut, and what follows
//! is a line of its own, so nothing is lost.
//! Never: holds bytes; the unfinished line is already in the ring.

use heapless::Vec;
use proto::log::LINE_MAX;

use crate::capacity::TURN_MAX;

/// Room for one turn and the newlines that cutting adds.
pub const ADDED_MAX: usize = TURN_MAX + 8;

/// What one turn adds to a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addition {
    /// The bytes.
    pub bytes: Vec<u8, ADDED_MAX>,
    /// How many bytes become whole lines now: those of the unfinished line and of `bytes`.
    pub complete: u64,
}

/// Splits `input`, at most [`TURN_MAX`] bytes, which follows an unfinished line of `pending`
/// bytes.
#[must_use]
pub fn split(pending: u64, input: &[u8]) -> Addition {
    let mut addition = Addition::default();
    let mut pending = usize::try_from(pending).unwrap_or(0);
    for byte in input.iter().take(TURN_MAX) {
        if pending >= LINE_MAX.saturating_sub(1) && *byte != b'\n' {
            addition.end(&mut pending);
        }
        if *byte == b'\n' {
            addition.end(&mut pending);
        } else {
            let _ = addition.bytes.push(*byte);
            pending = pending.saturating_add(1);
        }
    }
    addition
}

impl Addition {
    /// The newline that ends an unfinished line whose writer is gone.
    #[must_use]
    pub fn finish(pending: u64) -> Self {
        let mut addition = Self::default();
        if let Ok(mut pending @ 1..) = usize::try_from(pending) {
            addition.end(&mut pending);
        }
        addition
    }

    /// Ends a line of `pending` bytes.
    fn end(&mut self, pending: &mut usize) {
        let _ = self.bytes.push(b'\n');
        let line = u64::try_from(*pending).unwrap_or(0).saturating_add(1);
        self.complete = self.complete.saturating_add(line);
        *pending = 0;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{ADDED_MAX, Addition, split};
    use crate::capacity::TURN_MAX;
    use proto::log::LINE_MAX;

    #[test]
    fn whole_lines_are_complete_and_the_rest_is_not() {
        let addition = split(0, b"one\ntwo\nthr");

        assert_eq!(&addition.bytes[..], b"one\ntwo\nthr");
        assert_eq!(addition.complete, 8);
    }

    #[test]
    fn an_unfinished_line_is_completed_by_its_newline() {
        assert_eq!(split(3, b"ee\n").complete, 6);
        assert_eq!(split(3, b"ee").complete, 0);
        assert_eq!(split(3, b"").complete, 0);
    }

    #[test]
    fn a_line_of_exactly_the_longest_length_is_not_cut() {
        let mut line: Vec<u8> = std::vec![b'x'; LINE_MAX - 1];
        line.push(b'\n');

        let addition = split(0, &line);

        assert_eq!(&addition.bytes[..], &line[..]);
        assert_eq!(addition.complete, LINE_MAX as u64);
    }

    #[test]
    fn a_line_one_too_long_is_cut_and_goes_on_as_another() {
        let addition = split(LINE_MAX as u64 - 1, b"yz\n");

        assert_eq!(&addition.bytes[..], b"\nyz\n");
        assert_eq!(addition.complete, LINE_MAX as u64 + 3);
    }

    #[test]
    fn the_worst_turn_fits_its_room() {
        for pending in [0, 1, LINE_MAX as u64 - 1] {
            let addition = split(pending, &[b'x'; TURN_MAX]);
            let newlines = addition.bytes.iter().filter(|byte| **byte == b'\n').count();

            assert_eq!(addition.bytes.len(), TURN_MAX + newlines);
            assert!(addition.bytes.len() <= ADDED_MAX);
        }
    }

    #[test]
    fn a_writer_that_is_gone_has_its_line_ended_once() {
        assert_eq!(&Addition::finish(5).bytes[..], b"\n");
        assert_eq!(Addition::finish(5).complete, 6);
        assert_eq!(Addition::finish(0), Addition::default());
    }
}
