// SPDX-License-Identifier: MPL-2.0
//! Text of nodes that cannot draw on a terminal.
//!
//! Owns: which characters a terminal would obey (ECMA-48: C0, DEL and C1).
//! Never: touches the end of a line or a tabulator; changes what goes anywhere but to a terminal.

/// What stands where a control character was.
const INSTEAD: char = ' ';

/// Replaces control characters, but those that make lines and columns.
pub(crate) fn text(text: &str) -> String {
    let kept = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars()
        .map(|c| if kept(c) { c } else { INSTEAD })
        .collect()
}

/// Replaces every control character: what must stay one line.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { INSTEAD } else { c })
        .collect()
}

/// The same for bytes that come in pieces, in UTF-8 or not.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The piece before ended with the first byte of what may be a control character: in UTF-8 C1 is
    /// C2 80 to C2 9F.
    is_begun: bool,
}

impl Stream {
    /// Replaces control characters in the next piece, but those that make lines and columns.
    pub(crate) fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        let harmless = |byte: &u8| {
            let is_second = std::mem::replace(&mut self.is_begun, *byte == 0xc2);
            match byte {
                b'\n' | b'\t' => *byte,
                0..=0x1f | 0x7f => b' ',
                // The byte before stays, and is nothing without this one.
                0x80..=0x9f if is_second => b' ',
                0x20.. => *byte,
            }
        };
        piece.iter().map(harmless).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_stay_and_nothing_else_that_a_terminal_obeys() {
        let given = "a\tb\n\x1b[2J\x07\r\u{9b}1m\x7fé";

        assert_eq!(text(given), "a\tb\n [2J   1m é");
        assert_eq!(line(given), "a b  [2J   1m é");
    }

    #[test]
    fn bytes_are_cleaned_wherever_they_are_cut() {
        let given = "a\tb\n\x1b[2J\u{9b}1mé".as_bytes();
        let whole = Stream::default().next(given);
        assert_eq!(whole, b"a\tb\n [2J\xc2 1m\xc3\xa9");

        let mut stream = Stream::default();
        let pieces = given.chunks(1).flat_map(|piece| stream.next(piece));
        assert_eq!(pieces.collect::<Vec<u8>>(), whole);
        // Outside of UTF-8 there is no C1.
        assert_eq!(Stream::default().next(b"\xff\x9b"), b"\xff\x9b");
    }
}
