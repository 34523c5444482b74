// SPDX-License-Identifier: MPL-2.0
//! Tables of an image: a stream of bytes in packed blocks of 8 KiB.
//!
//! Owns: where a byte of the stream comes to lie.
//! Never: knows what the bytes mean.

/// How many bytes of the stream are in a block.
const BLOCK: usize = 8192;
/// Says that a block is stored as it is.
const STORED: u16 = 0x8000;

/// Where something in a table is: the start of its block in the table, and the offset in it unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) block: u32,
    pub(super) offset: u16,
}

/// A table that is being written.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    done: Vec<u8>,
    open: Vec<u8>,
    starts: Vec<usize>,
}

impl Metadata {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Where the next byte will be. `None` when that is beyond 4 GiB.
    pub(super) fn place(&self) -> Option<Place> {
        Some(Place {
            block: u32::try_from(self.done.len()).ok()?,
            offset: u16::try_from(self.open.len()).ok()?,
        })
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK.saturating_sub(self.open.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.open.extend_from_slice(now);
            if self.open.len() == BLOCK {
                self.close();
            }
            bytes = later;
        }
    }

    fn close(&mut self) {
        self.starts.push(self.done.len());
        let packed = lz4_flex::block::compress(&self.open);
        let (bytes, flag) = if packed.len() < self.open.len() {
            (&packed, 0)
        } else {
            (&self.open, STORED)
        };
        // A block is at most 8 KiB.
        let len = u16::try_from(bytes.len()).unwrap_or(0);
        self.done.extend_from_slice(&(len | flag).to_le_bytes());
        self.done.extend_from_slice(bytes);
        self.open.clear();
    }

    /// Returns the table, and where its blocks start.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<usize>) {
        if !self.open.is_empty() {
            self.close();
        }
        (self.done, self.starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_cut_every_8_kib_and_places_say_where() {
        let mut table = Metadata::new();
        table.push(&[7; 8190]);
        assert_eq!(
            table.place().unwrap(),
            Place {
                block: 0,
                offset: 8190
            }
        );

        table.push(&[7; 3]);

        let place = table.place().unwrap();
        assert_eq!(place.offset, 1);
        let (bytes, starts) = table.finish();
        assert_eq!(starts, [0, place.block as usize]);
        let first = u16::from_le_bytes([bytes[0], bytes[1]]);
        assert_eq!(first & STORED, 0, "equal bytes pack well");
        assert_eq!(usize::from(first) + 2, starts[1]);
    }

    #[test]
    fn what_does_not_pack_is_stored() {
        let mut table = Metadata::new();
        table.push(&[1, 2, 3]);

        assert_eq!(table.finish().0, [3, 0x80, 1, 2, 3]);
    }
}
