// SPDX-License-Identifier: MPL-2.0
//! Inodes and folders: the two tables that a tree becomes.
//!
//! Owns: the numbers of inodes, and the forms of inodes and of lists of folders.
//! Never: writes; the tables are bytes in memory.

use std::collections::BTreeMap;

use super::blocks::Placed;
use super::metadata::{Metadata, Place};
use super::{Entry, Error, Kind, Tree};

/// Kinds of inodes; a folder with a long list has a kind of its own.
const DIRECTORY: u16 = 1;
const FILE: u16 = 2;
const SYMLINK: u16 = 3;
const LONG_DIRECTORY: u16 = 8;
/// What a folder's size is besides its list: the entries `.` and `..` (`squashfs_readdir`).
const DOTS: usize = 3;
/// The most entries that share a header.
const SHARED_MAX: usize = 256;
const NO_FRAGMENT: u32 = u32::MAX;
const NO_ATTRIBUTES: u32 = u32::MAX;

/// What comes out.
pub(super) struct Tables {
    pub(super) inodes: Vec<u8>,
    pub(super) directories: Vec<u8>,
    pub(super) ids: Vec<u32>,
    /// Where the root's inode is.
    pub(super) root: u64,
}

/// An entry of a folder: its inode is written.
struct Child<'t> {
    name: &'t str,
    place: Place,
    number: u32,
    kind: u16,
}

struct Writer<'t> {
    inodes: Metadata,
    directories: Metadata,
    ids: Vec<u32>,
    id_numbers: BTreeMap<u32, u16>,
    /// By folder, with the last name first.
    children: BTreeMap<&'t str, Vec<Child<'t>>>,
}

/// Makes the tables. Numbers go by order of path, from 1 for the root; inodes are written from the last
/// to the first, so that those of a folder's entries are known when its list is written.
pub(super) fn tables(tree: &Tree, placed: &BTreeMap<u64, Placed>) -> Result<Tables, Error> {
    let numbers: BTreeMap<&str, u32> = tree.keys().map(String::as_str).zip(1..).collect();
    let number_of = |path: &str| numbers.get(path).copied().ok_or(Error::TooLarge);
    let mut writer = Writer {
        inodes: Metadata::new(),
        directories: Metadata::new(),
        ids: Vec::new(),
        id_numbers: BTreeMap::new(),
        children: BTreeMap::new(),
    };
    let mut root = Place::default();
    for (path, entry) in tree.iter().rev() {
        let number = number_of(path)?;
        let place = writer.inodes.place().ok_or(Error::TooLarge)?;
        if path.is_empty() {
            // The number after the last stands for what is above the root.
            let above = u32::try_from(tree.len()).map_err(|_| Error::TooLarge)?;
            let above = above.checked_add(1).ok_or(Error::TooLarge)?;
            writer.directory(path, entry, number, above)?;
            root = place;
            continue;
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let kind = match &entry.kind {
            Kind::Directory => {
                writer.directory(path, entry, number, number_of(folder)?)?;
                DIRECTORY
            }
            Kind::Symlink(target) => {
                writer.symlink(target, entry, number)?;
                SYMLINK
            }
            Kind::File { content, len } => {
                let content = placed.get(content).ok_or(Error::Changed(*content))?;
                writer.file(content, *len, entry, number)?;
                FILE
            }
        };
        writer.children.entry(folder).or_default().push(Child {
            name,
            place,
            number,
            kind,
        });
    }
    Ok(Tables {
        inodes: writer.inodes.finish().0,
        directories: writer.directories.finish().0,
        ids: writer.ids,
        root: (u64::from(root.block) << 16) | u64::from(root.offset),
    })
}

impl<'t> Writer<'t> {
    fn id(&mut self, id: u32) -> Result<u16, Error> {
        if let Some(number) = self.id_numbers.get(&id) {
            return Ok(*number);
        }
        let number = u16::try_from(self.ids.len()).map_err(|_| Error::TooLarge)?;
        if number == u16::MAX {
            return Err(Error::TooLarge);
        }
        self.ids.push(id);
        self.id_numbers.insert(id, number);
        Ok(number)
    }

    fn header(&mut self, kind: u16, entry: &Entry, number: u32) -> Result<(), Error> {
        let (uid, gid) = (self.id(entry.uid)?, self.id(entry.gid)?);
        for half in [kind, entry.mode, uid, gid] {
            self.inodes.push(&half.to_le_bytes());
        }
        self.words(&[0, number]);
        Ok(())
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.inodes.push(&word.to_le_bytes());
        }
    }

    fn symlink(&mut self, target: &str, entry: &Entry, number: u32) -> Result<(), Error> {
        let len = u32::try_from(target.len()).map_err(|_| Error::TooLarge)?;
        self.header(SYMLINK, entry, number)?;
        self.words(&[1, len]);
        self.inodes.push(target.as_bytes());
        Ok(())
    }

    fn file(
        &mut self,
        content: &Placed,
        len: u64,
        entry: &Entry,
        number: u32,
    ) -> Result<(), Error> {
        let start = u32::try_from(content.start).map_err(|_| Error::TooLarge)?;
        let len = u32::try_from(len).map_err(|_| Error::TooLarge)?;
        let (fragment, offset) = content.fragment.unwrap_or((NO_FRAGMENT, 0));
        self.header(FILE, entry, number)?;
        self.words(&[start, fragment, offset, len]);
        self.words(&content.sizes);
        Ok(())
    }

    fn directory(
        &mut self,
        path: &'t str,
        entry: &Entry,
        number: u32,
        above: u32,
    ) -> Result<(), Error> {
        let mut children = self.children.remove(path).unwrap_or_default();
        children.reverse();
        let folders = children.iter().filter(|child| child.kind == DIRECTORY);
        let links = u32::try_from(folders.count())
            .map_err(|_| Error::TooLarge)?
            .saturating_add(2);
        let place = self.directories.place().ok_or(Error::TooLarge)?;
        let len = self.list(&children)?.saturating_add(DOTS);
        if let Ok(short) = u16::try_from(len) {
            self.header(DIRECTORY, entry, number)?;
            self.words(&[place.block, links]);
            self.inodes.push(&short.to_le_bytes());
            self.inodes.push(&place.offset.to_le_bytes());
            self.words(&[above]);
        } else {
            let len = u32::try_from(len).map_err(|_| Error::TooLarge)?;
            self.header(LONG_DIRECTORY, entry, number)?;
            self.words(&[links, len, place.block, above]);
            // There is no index: a list is searched from its start.
            self.inodes.push(&0_u16.to_le_bytes());
            self.inodes.push(&place.offset.to_le_bytes());
            self.words(&[NO_ATTRIBUTES]);
        }
        Ok(())
    }

    /// Writes the list of a folder and returns its length.
    fn list(&mut self, children: &[Child<'_>]) -> Result<usize, Error> {
        let mut len: usize = 0;
        let mut put = |bytes: &[u8]| {
            self.directories.push(bytes);
            len = len.saturating_add(bytes.len());
        };
        let mut rest = children;
        while let Some(first) = rest.first() {
            let shared = rest
                .iter()
                .take(SHARED_MAX)
                .take_while(|child| {
                    child.place.block == first.place.block && delta(child, first).is_some()
                })
                .count();
            let (together, later) = rest.split_at(shared);
            let count = u32::try_from(shared).map_err(|_| Error::TooLarge)?;
            put(&count.saturating_sub(1).to_le_bytes());
            put(&first.place.block.to_le_bytes());
            put(&first.number.to_le_bytes());
            for child in together {
                let name_len = u16::try_from(child.name.len()).map_err(|_| Error::TooLarge)?;
                put(&child.place.offset.to_le_bytes());
                put(&delta(child, first).unwrap_or(0).to_le_bytes());
                put(&child.kind.to_le_bytes());
                put(&name_len.saturating_sub(1).to_le_bytes());
                put(child.name.as_bytes());
            }
            rest = later;
        }
        Ok(len)
    }
}

/// How far the number of a child is from that in the header.
fn delta(child: &Child<'_>, first: &Child<'_>) -> Option<i16> {
    i16::try_from(i64::from(child.number).saturating_sub(i64::from(first.number))).ok()
}
