// SPDX-License-Identifier: MPL-2.0
//! A place in what has happened, that a watcher comes back to.
//!
//! Owns: its form as bytes, and that one of another store is known as such.
//! Never: says whether what came after it is still kept; the store does.

use std::fmt;

/// A place between two events of a store. What a client keeps of it is bytes that mean nothing to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bookmark {
    /// Which store: one that was started anew counts from the beginning.
    pub(crate) store: u64,
    /// How many events there had been of all types.
    pub(crate) events: u64,
}

impl Bookmark {
    /// How many bytes one has.
    pub const LEN: usize = 16;

    /// Returns it as bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        // The halves in their order, big end first.
        let both = (self.store as u128) << 64 | self.events as u128;
        both.to_be_bytes()
    }

    /// Reads one that a client kept; nothing when it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (store, events) = bytes.split_first_chunk()?;
        Some(Self {
            store: u64::from_be_bytes(*store),
            events: u64::from_be_bytes(events.try_into().ok()?),
        })
    }
}

/// Why a watch cannot go on from a bookmark: it is of another store, or what came after it is not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten;

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what came after the bookmark is not known any more")
    }
}

impl std::error::Error for Forgotten {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_read_as_it_was_written_and_nothing_else_is_one() {
        let bookmark = Bookmark {
            store: 7,
            events: u64::MAX,
        };
        let bytes = bookmark.to_bytes();

        assert_eq!(Bookmark::parse(&bytes), Some(bookmark));
        for none in [&[][..], &bytes[1..], &[&bytes[..], &[0]].concat()] {
            assert_eq!(Bookmark::parse(none), None);
        }
    }
}
