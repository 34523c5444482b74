// SPDX-License-Identifier: MPL-2.0
//! Refuses hostile bytes before a parser sees them.
//!
//! Owns: the limits of size, depth and number.
//! Never: lets the parser's cost grow beyond a bound.

use crate::error::{Fault, LoadError, Position};
use crate::memory::Memory;
use crate::pairs::{joined, restore};
use crate::read::read;
use crate::schema::Kind;

/// Largest file: a generated configuration has 5 to 30 KB, one with a large CNI's manifests inline a
/// few hundred.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting: where the parser stops; real files have about 15.
pub const MAX_DEPTH: usize = 128;
/// Most entries of lists and mappings, counted by their punctuation. The parser takes up to 200 bytes for
/// each, so this bounds what it allocates to 20 MB; 1 MiB of Kubernetes manifests has about 60,000.
pub const MAX_ITEMS: usize = 100_000;
/// Most steps that open brackets may cost the parser before it is asked how deep they really are: about
/// 0.1 s on a desktop machine. 1 MiB of JSON in braces asks some 20 times, smaller files never.
const MAX_STEPS: usize = 20_000_000;

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
    let readable = &*joined(text);
    let bytes = readable.as_bytes();
    let place = |at| {
        let mut place = position(bytes, at);
        restore(text, [&mut place]);
        Some(place)
    };
    let mut counter = Counter::default();
    for (at, c) in readable.char_indices() {
        if is_control(c) {
            return Err(LoadError::one(Fault::ControlCharacter(c), place(at)));
        }
        counter.take(c);
        if counter.items > MAX_ITEMS {
            return Err(LoadError::one(Fault::TooManyItems, place(at)));
        }
        if counter.steps() > MAX_STEPS {
            probe(readable.get(..at).unwrap_or_default())?;
            counter.start_over();
        }
    }
    Ok(text)
}

/// Has the parser read the first part of a text, to see how deep it nests. That the part breaks off is
/// no fault.
fn probe(part: &str) -> Result<(), LoadError> {
    for document in serde_yaml_ng::Deserializer::from_str(part) {
        match read(document, &Kind::Free, part.len(), &mut Memory::unlimited()) {
            Ok(_) => {}
            Err(problem) if matches!(problem.fault, Fault::NotYaml(_) | Fault::BadEscape) => {
                return Ok(());
            }
            // Too deep, or a list for a key: no rest can make that good.
            Err(problem) => return Err(LoadError::one(problem.fault, problem.position)),
        }
    }
    Ok(())
}

/// Characters outside of YAML 1.2 §5.1 (`c-printable`).
fn is_control(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r'))
        || c == '\x7f'
        || ('\u{fffe}'..='\u{ffff}').contains(&c)
}

/// The line and column of byte `at`.
pub(crate) fn position(bytes: &[u8], at: usize) -> Position {
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
    // What continues a character of UTF-8 begins none.
    let characters = before.iter().skip(start).filter(|b| **b & 0xc0 != 0x80);
    let column = characters.count().saturating_add(1);
    Position { line, column }
}

/// Counts by punctuation what the parser may have to hold.
///
/// Punctuation in text, quotes and comments counts as well: what is structure only a parser can tell. So
/// these are upper bounds. The parser looks at each open bracket once per item, and no more can be open
/// than there were since it was last asked.
#[derive(Default)]
struct Counter {
    items: usize,
    /// Items and opening brackets since the parser was last asked.
    recent: usize,
    brackets: usize,
    previous: char,
}

impl Counter {
    fn take(&mut self, c: char) {
        let is_item = match c {
            '[' | '{' => {
                self.brackets = self.brackets.saturating_add(1);
                true
            }
            ',' => true,
            ' ' | '\t' | '\n' | '\r' => matches!(self.previous, '-' | ':' | '?'),
            _ => false,
        };
        if is_item {
            self.items = self.items.saturating_add(1);
            self.recent = self.recent.saturating_add(1);
        }
        self.previous = c;
    }

    fn steps(&self) -> usize {
        self.brackets.saturating_mul(self.recent)
    }

    fn start_over(&mut self) {
        self.brackets = 0;
        self.recent = 0;
    }
}
