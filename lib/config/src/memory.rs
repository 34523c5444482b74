// SPDX-License-Identifier: MPL-2.0
//! What reading a file may take up in memory.
//!
//! Owns: the limit, and what a value costs on its way from text to struct.
//! Never: asks the allocator; the costs are upper bounds that a measurement keeps honest.

use crate::schema::Kind;

/// How many bytes of memory a byte of a file may take up while it is read.
pub const MEMORY_PER_BYTE: usize = 10;
/// What any file may take up, however small it is: enough for 5,000 networks of a firewall rule, which are
/// 40 times their text.
pub const MEMORY_FLOOR: usize = 6 * 1024 * 1024;

/// An event of the parser with its place, 96 bytes, all of which it keeps until the document ends; twice,
/// because the list of them is moved when it grows and leaves holes behind.
const EVENT: usize = 192;
/// The smallest piece that an allocator hands out.
const PIECE: usize = 32;
/// A piece and the unused part of it, beside the bytes asked for.
const PIECE_EDGE: usize = 24;
/// A value in a list of the tree, with the room that a growing list has left.
const LIST_SLOT: usize = 48;
/// The room for four values that a list starts with.
const FIRST_SLOTS: usize = 128;
/// An entry of a mapping of the tree by itself, as the first ones are: a key and a value.
const FIRST_ENTRY: usize = 56 + PIECE_EDGE;
/// A further entry, with the room that a growing mapping has left.
const ENTRY_SLOT: usize = 112;
/// The node that holds up to 11 entries of a mapping in a struct: 544 bytes, and what it leaves unused.
const NODE: usize = 672;
/// An entry in such a node when the node is half full.
const NODE_SLOT: usize = 104;

/// What is left of the limit.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    left: usize,
    values: usize,
}

impl Memory {
    /// What a file of this size may take up; its text is kept, which counts.
    pub(crate) fn of_file(size: usize) -> Self {
        let limit = size.saturating_mul(MEMORY_PER_BYTE).max(MEMORY_FLOOR);
        Self {
            left: limit.saturating_sub(size),
            values: 0,
        }
    }

    /// For what has other limits.
    pub(crate) fn unlimited() -> Self {
        Self {
            left: usize::MAX,
            values: 0,
        }
    }

    /// How many values there were so far.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// Counts a value of any kind. `None` when there is no room for it.
    pub(crate) fn value(&mut self) -> Option<()> {
        self.values = self.values.saturating_add(1);
        self.take(EVENT)
    }

    /// A text, in the parser, in the tree and decoded.
    pub(crate) fn text(&mut self, len: usize) -> Option<()> {
        let copies = len.saturating_add(PIECE_EDGE).saturating_mul(3);
        self.take(copies.max(PIECE.saturating_mul(2)))
    }

    /// A list, which ends with an event of its own.
    pub(crate) fn list(&mut self) -> Option<()> {
        self.take(EVENT.saturating_add(FIRST_SLOTS))
    }

    /// An item of a list, in the tree and in the struct's list.
    pub(crate) fn item(&mut self, kind: &Kind) -> Option<()> {
        self.take(LIST_SLOT.saturating_add(slot(kind)))
    }

    /// A mapping, which ends with an event of its own.
    pub(crate) fn map(&mut self) -> Option<()> {
        self.take(EVENT)
    }

    /// An entry of a mapping with its key, in the tree and, unless the struct has a field for it, there in
    /// a mapping again.
    pub(crate) fn entry(&mut self, number: usize, key: usize, of: &Kind) -> Option<()> {
        let (entry, node) = if number == 0 {
            (FIRST_ENTRY, NODE)
        } else {
            (ENTRY_SLOT, NODE_SLOT)
        };
        let again = match of {
            Kind::Map(kind) => node.saturating_add(slot(kind).saturating_mul(2)),
            Kind::Text
            | Kind::Word
            | Kind::Argument
            | Kind::List(_)
            | Kind::Struct(_)
            | Kind::Free => 0,
        };
        self.take(EVENT.saturating_add(entry).saturating_add(again))?;
        self.text(key)
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }
}

/// How large a field of this kind is at most.
fn slot(kind: &Kind) -> usize {
    match kind {
        Kind::Word => 16,
        Kind::Text | Kind::Argument | Kind::List(_) | Kind::Map(_) => 24,
        Kind::Free => 32,
        Kind::Struct(entries) => entries.iter().map(|entry| slot(entry.kind)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::slot;
    use crate::document;
    use crate::schema::Field;
    use crate::{Document, Value};

    fn fits<T: Field>() -> (usize, usize) {
        (size_of::<T>(), slot(T::KIND))
    }

    #[test]
    fn no_struct_is_larger_than_its_slot() {
        for (size, slot) in [
            fits::<Document>(),
            fits::<document::Device>(),
            fits::<document::MachineConfig>(),
            fits::<document::ClusterConfig>(),
            fits::<document::MachineFile>(),
            fits::<Value>(),
            fits::<String>(),
        ] {
            assert!(size <= slot, "{size} > {slot}");
            assert!(slot <= size.saturating_mul(2), "{size} is far below {slot}");
        }
    }
}
