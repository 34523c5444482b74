// SPDX-License-Identifier: MPL-2.0
//! The content of files: whole blocks, and fragments for what is left over at their ends.
//!
//! Owns: packing content, and where each one is.
//! Never: reads a content twice, or holds more than two blocks of it.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use super::Error;

/// Says of the size of a block that it is stored as it is.
const STORED: u32 = 1 << 24;

/// Where a content is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placed {
    /// Start of its first block.
    pub(super) start: u64,
    /// Size of each block as the image has it; 0 is a block of zeros that is not there at all.
    pub(super) sizes: Vec<u32>,
    /// Number of the fragment that its end is in, and the offset there.
    pub(super) fragment: Option<(u32, u32)>,
}

/// The place and size of each fragment block.
pub(super) type Fragments = Vec<(u64, u32)>;

/// The part of an image that is being written.
#[derive(Debug)]
pub(super) struct Blocks<W> {
    out: W,
    /// What a block has at most, in bytes.
    size: usize,
    at: u64,
    read: u64,
    placed: BTreeMap<u64, Placed>,
    fragments: Fragments,
    open: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    /// Goes on in `out`, `at` bytes after the start of the image, with blocks of `size` bytes.
    pub(super) fn new(out: W, at: u64, size: usize) -> Self {
        Self {
            out,
            size,
            at,
            read: 0,
            placed: BTreeMap::new(),
            fragments: Vec::new(),
            open: Vec::with_capacity(size),
        }
    }

    /// Whether a content is there already.
    pub(super) fn has(&self, content: u64) -> bool {
        self.placed.contains_key(&content)
    }

    /// Adds a content, which is all that is left to read.
    pub(super) fn add(
        &mut self,
        from: &mut dyn Read,
        content: u64,
        len: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let mut placed = Placed {
            start: self.at,
            ..Placed::default()
        };
        let mut block = Vec::with_capacity(self.size);
        let mut left = len;
        while left > 0 {
            block.clear();
            let wanted = left.min(self.size as u64);
            let got = (&mut *from).take(wanted).read_to_end(&mut block)? as u64;
            if got != wanted {
                return Err(Error::Changed(content));
            }
            left = left.saturating_sub(got);
            if block.len() == self.size {
                let size = self.block(&block)?;
                placed.sizes.push(size);
            } else {
                placed.fragment = Some(self.fragment(&block)?);
            }
            self.read = self.read.saturating_add(got);
            progress(self.read);
        }
        if from.read(&mut [0])? != 0 {
            return Err(Error::Changed(content));
        }
        self.placed.insert(content, placed);
        Ok(())
    }

    /// Writes a block and returns its size; zeros take none.
    fn block(&mut self, block: &[u8]) -> Result<u32, Error> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(0);
        }
        self.pack(block)
    }

    fn pack(&mut self, block: &[u8]) -> Result<u32, Error> {
        let packed = lz4_flex::block::compress(block);
        let (bytes, flag) = if packed.len() < block.len() {
            (packed.as_slice(), 0)
        } else {
            (block, STORED)
        };
        self.out.write_all(bytes)?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        let size = u32::try_from(bytes.len()).map_err(|_| Error::TooLarge)?;
        Ok(size | flag)
    }

    fn fragment(&mut self, end: &[u8]) -> Result<(u32, u32), Error> {
        if self.open.len().saturating_add(end.len()) > self.size {
            self.close()?;
        }
        let number = u32::try_from(self.fragments.len()).map_err(|_| Error::TooLarge)?;
        let offset = u32::try_from(self.open.len()).map_err(|_| Error::TooLarge)?;
        self.open.extend_from_slice(end);
        Ok((number, offset))
    }

    fn close(&mut self) -> Result<(), Error> {
        let open = std::mem::take(&mut self.open);
        let start = self.at;
        let size = self.pack(&open)?;
        self.fragments.push((start, size));
        Ok(())
    }

    /// What a block has at most, in bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How long this part of the image is so far.
    pub(super) fn len(&self) -> u64 {
        self.at
    }

    /// Returns what it was written to, where everything is, and the end of this part of the image.
    pub(super) fn finish(mut self) -> Result<(W, BTreeMap<u64, Placed>, Fragments, u64), Error> {
        if !self.open.is_empty() {
            self.close()?;
        }
        Ok((self.out, self.placed, self.fragments, self.at))
    }
}
