// SPDX-License-Identifier: MPL-2.0
//! Squashfs images, version 4.0, as layers of the root are.
//!
//! The format is that of the kernel's `fs/squashfs/squashfs_fs.h` and Documentation/filesystems/
//! squashfs.rst. Blocks are packed with LZ4, which the kernel of every board unpacks
//! (`kernel-config/storage.config`). All times are 0 and entries are in order of name, so that an
//! image depends on nothing but what is in it.
//!
//! Owns: the order of the parts of an image, and its superblock.
//! Never: keeps the content of files in memory; it takes them from where they are, block by block.

mod blocks;
mod inodes;
mod metadata;
mod packer;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, Write};

use metadata::Metadata;

pub use packer::Packer;

/// What a block of a file takes at most, unpacked. LZ4 looks back no further than this, so larger
/// blocks pack hardly better.
pub const BLOCK_MAX: usize = 1 << BLOCK_MAX_LOG;
const BLOCK_MAX_LOG: u16 = 16;
/// The smallest that the kernel takes: a page.
const BLOCK_MIN_LOG: u16 = 12;
const MAGIC: u32 = 0x7371_7368;
/// The compressor's number.
const LZ4: u16 = 5;
/// The options that the kernel wants to see: a block of 8 bytes that is stored as it is, with the version
/// of LZ4's stream and no flags.
const OPTIONS: [u8; 10] = [8, 0x80, 1, 0, 0, 0, 0, 0, 0, 0];
/// Equal files are stored once; there are no extended attributes; options follow the superblock.
const FLAGS: u16 = 0x0040 | 0x0200 | 0x0400;
const SUPERBLOCK_LEN: usize = 96;
/// A table that is not there.
const NO_TABLE: u64 = u64::MAX;
/// Images are filled up to this, as `mksquashfs` does: devices have whole sectors.
const PADDING: u64 = 4096;
/// More than what an entry of a folder, an inode and their share of tables take besides names.
const ENTRY_COST: u64 = 128;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A symbolic link and its target.
    Symlink(String),
    /// A file.
    File {
        /// Number of its content. Files of one number are stored once.
        content: u64,
        /// Length of its content.
        len: u64,
    },
}

/// One entry: what it is, and who may do what with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, at most `0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What is in an image: entries by their path, without a slash in front; the root's is empty.
pub type Tree = BTreeMap<String, Entry>;

/// Where the content of files comes from.
pub trait Contents {
    /// Opens the content of a number.
    ///
    /// # Errors
    /// When it cannot be read.
    fn open(&self, content: u64) -> io::Result<Box<dyn Read + '_>>;
}

/// Why an image cannot be made.
#[derive(Debug)]
pub enum Error {
    /// An entry has no folder above it, a name that cannot be, or a mode beyond `0o7777`.
    BadEntry(String),
    /// There is more than the format holds: 4 GiB, 65 535 owners, or names of more than 255 bytes.
    TooLarge,
    /// A file was longer or shorter than was said.
    Changed(u64),
    /// The content could not be read or the image could not be written.
    Io(io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadEntry(path) => write!(f, "{path:?} cannot be in an image"),
            Self::TooLarge => f.write_str("too large for an image"),
            Self::Changed(_) => f.write_str("a file changed while it was read"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The size of blocks, in bytes, for an image whose files have `len` bytes in all: as small as holds all
/// of them, because the kernel sets aside three blocks for each image that is mounted, and three for
/// each processor (fs/squashfs/super.c, lz4_wrapper.c).
#[must_use]
pub const fn block_for(len: u64) -> usize {
    let mut log = BLOCK_MIN_LOG;
    while log < BLOCK_MAX_LOG && 1 << log < len {
        log = log.saturating_add(1);
    }
    1 << log
}

/// The most that an image of `tree` can take.
#[must_use]
pub fn size_max(tree: &Tree) -> u64 {
    let mut seen = BTreeSet::new();
    let block = block_for(content_len(tree)) as u64;
    let mut size = PADDING.saturating_add(SUPERBLOCK_LEN as u64);
    for (path, entry) in tree {
        size = size.saturating_add(ENTRY_COST);
        size = size.saturating_add(path.len() as u64);
        size = size.saturating_add(match &entry.kind {
            Kind::Directory => 0,
            Kind::Symlink(target) => target.len() as u64,
            Kind::File { content, len } if seen.insert(*content) => {
                // A word for each block.
                let words = len.div_ceil(block).saturating_mul(4);
                len.saturating_add(words)
            }
            Kind::File { len, .. } => len.div_ceil(block).saturating_mul(4),
        });
    }
    size.next_multiple_of(PADDING)
}

/// How many bytes all files of a tree have, equal ones counted once.
fn content_len(tree: &Tree) -> u64 {
    let mut seen = BTreeSet::new();
    let lens = tree.values().filter_map(|entry| match entry.kind {
        Kind::File { content, len } => seen.insert(content).then_some(len),
        Kind::Directory | Kind::Symlink(_) => None,
    });
    lens.fold(0, u64::saturating_add)
}

/// Writes an image, from the place where `out` is; returns its length. `progress` hears how many
/// bytes of files were packed so far.
///
/// # Errors
/// When the tree cannot be an image, or something cannot be read or written.
pub fn write<W: Write + Seek>(
    tree: &Tree,
    contents: &dyn Contents,
    out: &mut W,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    check(tree)?;
    let mut packer = Packer::with_blocks(out, block_for(content_len(tree)))?;
    for entry in tree.values() {
        if let Kind::File { content, len } = entry.kind
            && !packer.blocks.has(content)
        {
            let mut from = contents.open(content)?;
            packer.blocks.add(&mut *from, content, len, progress)?;
        }
    }
    let (_, len) = packer.finish(tree)?;
    Ok(len)
}

/// Puts the blocks of a table and then the list of where they are, which is what finds it.
fn put_indexed(
    put: &mut dyn FnMut(&[u8]) -> Result<u64, Error>,
    list: Metadata,
) -> Result<u64, Error> {
    let (bytes, starts) = list.finish();
    let base = put(&bytes)?;
    let mut index = Vec::new();
    for start in starts {
        let at = base.saturating_add(start as u64);
        index.extend_from_slice(&at.to_le_bytes());
    }
    put(&index)
}

fn check(tree: &Tree) -> Result<(), Error> {
    let bad = |path: &str| Error::BadEntry(path.to_owned());
    let is_folder = |path: &str| {
        tree.get(path)
            .is_some_and(|entry| entry.kind == Kind::Directory)
    };
    if !is_folder("") {
        return Err(bad(""));
    }
    for (path, entry) in tree.iter().filter(|(path, _)| !path.is_empty()) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.len() > 255 {
            return Err(Error::TooLarge);
        }
        let is_plain = !matches!(name, "" | "." | "..") && !name.contains('\0');
        if !is_plain || path.starts_with('/') || !is_folder(folder) {
            return Err(bad(path));
        }
        if entry.mode > 0o7777 {
            return Err(bad(path));
        }
    }
    Ok(())
}

struct Superblock {
    block: usize,
    inodes: u32,
    fragments: u32,
    ids: u16,
    root: u64,
    len: u64,
    id_table: u64,
    inode_table: u64,
    directory_table: u64,
    fragment_table: u64,
}

impl Superblock {
    fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SUPERBLOCK_LEN);
        let log = self.block.trailing_zeros();
        for word in [MAGIC, self.inodes, 0, 1 << log, self.fragments] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        // The last two are the version of the format.
        let log = u16::try_from(log).unwrap_or(BLOCK_MAX_LOG);
        for half in [LZ4, log, FLAGS, self.ids, 4, 0] {
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        for long in [
            self.root,
            self.len,
            self.id_table,
            NO_TABLE,
            self.inode_table,
            self.directory_table,
            self.fragment_table,
            NO_TABLE,
        ] {
            bytes.extend_from_slice(&long.to_le_bytes());
        }
        bytes
    }
}
