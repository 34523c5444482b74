// SPDX-License-Identifier: MPL-2.0
//! An image that is written while what is in it still comes.
//!
//! Owns: writing contents before the tree that they belong to is known, and the order of the rest.
//! Never: writes a content again: what no entry of the tree means in the end stays in the image.

use std::io::{Read, Seek, SeekFrom, Write};

use super::blocks::Blocks;
use super::metadata::Metadata;
use super::{
    BLOCK_MAX, Error, OPTIONS, PADDING, SUPERBLOCK_LEN, Superblock, Tree, check, inodes,
    put_indexed,
};

/// Writes an image of contents that come one after another, and of the tree that is known at the end.
#[derive(Debug)]
pub struct Packer<W> {
    start: u64,
    pub(super) blocks: Blocks<W>,
    next: u64,
}

impl<W: Write + Seek> Packer<W> {
    /// Begins an image at the place where `out` is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(out: W) -> Result<Self, Error> {
        Self::with_blocks(out, BLOCK_MAX)
    }

    /// The same with blocks of `block` bytes, for an image of which it is known what it will have.
    pub(super) fn with_blocks(mut out: W, block: usize) -> Result<Self, Error> {
        let start = out.stream_position()?;
        out.write_all(&[0; SUPERBLOCK_LEN])?;
        out.write_all(&OPTIONS)?;
        let at = SUPERBLOCK_LEN.saturating_add(OPTIONS.len()) as u64;
        Ok(Self {
            start,
            blocks: Blocks::new(out, at, block),
            next: 0,
        })
    }

    /// Adds a content of `len` bytes, all that `from` has, and returns its number.
    ///
    /// # Errors
    /// It is longer or shorter, cannot be read or cannot be written.
    pub fn add(&mut self, from: &mut dyn Read, len: u64) -> Result<u64, Error> {
        let content = self.next;
        self.blocks.add(from, content, len, &mut |_| ())?;
        self.next = self.next.saturating_add(1);
        Ok(content)
    }

    /// How long the image is so far, in bytes; the tree will make it longer.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.blocks.len()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// Ends the image with its tree, whose contents are numbers that [`Packer::add`] returned. Returns
    /// what it was written to, at the image's end, and its length.
    ///
    /// # Errors
    /// The tree cannot be an image, or something cannot be written.
    pub fn finish(self, tree: &Tree) -> Result<(W, u64), Error> {
        check(tree)?;
        let block = self.blocks.size();
        let (mut out, placed, fragments, end) = self.blocks.finish()?;
        let mut at = end;

        let tables = inodes::tables(tree, &placed)?;
        let mut put = |bytes: &[u8]| -> Result<u64, Error> {
            let here = at;
            out.write_all(bytes)?;
            at = at.saturating_add(bytes.len() as u64);
            Ok(here)
        };
        let inode_table = put(&tables.inodes)?;
        let directory_table = put(&tables.directories)?;
        let mut list = Metadata::new();
        for (place, size) in &fragments {
            list.push(&place.to_le_bytes());
            list.push(&size.to_le_bytes());
            list.push(&0_u32.to_le_bytes());
        }
        let fragment_table = put_indexed(&mut put, list)?;
        let mut list = Metadata::new();
        for id in &tables.ids {
            list.push(&id.to_le_bytes());
        }
        let id_table = put_indexed(&mut put, list)?;

        let superblock = Superblock {
            block,
            inodes: u32::try_from(tree.len()).map_err(|_| Error::TooLarge)?,
            fragments: u32::try_from(fragments.len()).map_err(|_| Error::TooLarge)?,
            ids: u16::try_from(tables.ids.len()).map_err(|_| Error::TooLarge)?,
            root: tables.root,
            len: at,
            id_table,
            inode_table,
            directory_table,
            fragment_table,
        };
        let whole = at.next_multiple_of(PADDING);
        let padding = usize::try_from(whole.saturating_sub(at)).map_err(|_| Error::TooLarge)?;
        out.write_all(&vec![0; padding])?;
        out.seek(SeekFrom::Start(self.start))?;
        out.write_all(&superblock.emit())?;
        out.seek(SeekFrom::Start(self.start.saturating_add(whole)))?;
        Ok((out, whole))
    }
}
