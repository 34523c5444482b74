// SPDX-License-Identifier: MPL-2.0
//! Refuses hostile bytes before a parser sees them.
//!
//! Owns: the limits of size, depth and number.
//! Never: takes more than one pass over the bytes, or allocates.

use crate::error::{Fault, LoadError, Position};

/// Largest file: a generated configuration has 5 to 30 KB, one with a large CNI's manifests inline a
/// few hundred.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting; the parser stops at 128, real files at about 15.
pub const MAX_DEPTH: usize = 100;
/// Most entries of lists and mappings, counted by their punctuation. The parser takes up to 200 bytes for
/// each, so this bounds what it allocates to 20 MB; 1 MiB of Kubernetes manifests has about 60,000.
pub const MAX_ITEMS: usize = 100_000;
/// Most steps that open brackets can cost the parser: a second or two on a small machine. 1 MiB of JSON
/// in braces stays below a fifth of it.
const MAX_WORK: usize = 2_000_000_000;

/// Returns the bytes as text if a parser may have it.
pub(crate) fn check(bytes: &[u8]) -> Result<&str, LoadError> {
    if bytes.len() > MAX_BYTES {
        return Err(LoadError::one(Fault::TooLarge, None));
    }
    // UTF-16 marks are not UTF-8, so they are named first.
    if [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"]
        .iter()
        .any(|mark| bytes.starts_with(mark))
    {
        return Err(LoadError::one(Fault::ByteOrderMark, None));
    }
    let text = core::str::from_utf8(bytes).map_err(|error| {
        LoadError::one(Fault::NotUtf8, Some(position(bytes, error.valid_up_to())))
    })?;
    let mut counter = Counter::default();
    for (at, c) in text.char_indices() {
        if is_control(c) {
            return Err(LoadError::one(
                Fault::ControlCharacter(c),
                Some(position(bytes, at)),
            ));
        }
        counter.take(c);
        if let Some(fault) = counter.fault() {
            return Err(LoadError::one(fault, Some(position(bytes, at))));
        }
    }
    Ok(text)
}

/// Characters outside of YAML 1.2 §5.1 (`c-printable`).
fn is_control(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r'))
        || c == '\x7f'
        || ('\u{fffe}'..='\u{ffff}').contains(&c)
}

/// The line and column of byte `at`.
fn position(bytes: &[u8], at: usize) -> Position {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line = before
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        .saturating_add(1);
    let start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |n| n.saturating_add(1));
    let column = at.saturating_sub(start).saturating_add(1);
    Position { line, column }
}

/// Counts by punctuation what the parser may have to hold.
///
/// Brackets in text count as well: which ones are structure only a parser can tell. Two bounds follow.
/// `open` and `dashes` are what nesting looks like; a line of prose starts them afresh, so unbalanced
/// brackets in a script do not add up. They can be fooled, `work` cannot: the parser looks at each open
/// bracket once per item, and no more can be open than there are.
#[derive(Default)]
struct Counter {
    items: usize,
    brackets: usize,
    open: usize,
    /// `- - - a` nests as deep as it has dashes.
    dashes: usize,
    previous: char,
    /// The last character of the line that is no space.
    last: char,
}

impl Counter {
    fn take(&mut self, c: char) {
        match c {
            '[' | '{' => {
                self.open = self.open.saturating_add(1);
                self.brackets = self.brackets.saturating_add(1);
                self.items = self.items.saturating_add(1);
            }
            ']' | '}' => self.open = self.open.saturating_sub(1),
            ',' => self.items = self.items.saturating_add(1),
            ' ' | '\t' | '\n' | '\r' if matches!(self.previous, '-' | ':' | '?') => {
                self.items = self.items.saturating_add(1);
                if self.previous != ':' {
                    self.dashes = self.dashes.saturating_add(1);
                }
            }
            _ => {}
        }
        if c == '\n' {
            self.dashes = 0;
            if !matches!(self.last, '[' | '{' | ']' | '}' | ',') {
                self.open = 0;
            }
        }
        self.previous = c;
        if !c.is_ascii_whitespace() {
            self.last = c;
        }
    }

    fn fault(&self) -> Option<Fault> {
        if self.open > MAX_DEPTH || self.dashes > MAX_DEPTH {
            Some(Fault::TooDeep)
        } else if self.items > MAX_ITEMS || self.brackets.saturating_mul(self.items) > MAX_WORK {
            Some(Fault::TooManyItems)
        } else {
            None
        }
    }
}
