// SPDX-License-Identifier: MPL-2.0
//! The contents of files while an extension is looked at: one file without a name.
//!
//! Owns: keeping what does not belong in memory on disk, for as long as the extension is held, and each
//! content once.
//! Never: leaves anything behind; the file loses its name as soon as it is open. Begins what the disk has
//! no room for.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use image::squashfs::Contents;
use ring::digest::{Context, SHA256};

/// How much is copied at once.
const CHUNK: usize = 64 * 1024;
/// How many names are tried: others may have left theirs.
const TRIES: usize = 16;

/// Contents by number.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    len: u64,
    ranges: Vec<(u64, u64)>,
    /// Numbers of contents by their digests.
    known: BTreeMap<[u8; 32], u64>,
}

/// Makes a file that nobody else can open: its name is gone before it is returned.
pub(crate) fn unnamed(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..TRIES {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".extension-{}-{count}", std::process::id()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match file {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Refuses what the disk of a file has no room for.
fn check_room(file: &File, wanted: u64) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(file)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if wanted > free {
        let what = format!(
            "{wanted} bytes are wanted in the folder for temporary files, and {free} are free; make \
             room, or name another one in TMPDIR"
        );
        return Err(io::Error::new(io::ErrorKind::StorageFull, what));
    }
    Ok(())
}

impl Spool {
    /// Makes an empty one in a folder.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: unnamed(folder)?,
            len: 0,
            ranges: Vec::new(),
            known: BTreeMap::new(),
        })
    }

    /// Adds `len` bytes and returns their number. What is there already gets the number that it has.
    pub(crate) fn add(&mut self, from: &mut dyn Read, len: u64) -> io::Result<u64> {
        check_room(&self.file, len)?;
        let start = self.len;
        let mut from = from.take(len);
        let mut buffer = vec![0; CHUNK];
        let mut sum = Context::new(&SHA256);
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            let piece = buffer.get(..count).unwrap_or_default();
            sum.update(piece);
            self.file.write_all(piece)?;
            self.len = self.len.saturating_add(count as u64);
        }
        if self.len.saturating_sub(start) != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let next = self.ranges.len() as u64;
        let Ok(digest) = <[u8; 32]>::try_from(sum.finish().as_ref()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if let Some(known) = self.known.get(&digest) {
            self.file.set_len(start)?;
            self.file.seek(SeekFrom::Start(start))?;
            self.len = start;
            return Ok(*known);
        }
        self.known.insert(digest, next);
        self.ranges.push((start, len));
        Ok(next)
    }

    /// What is written becomes a part of the content that [`Spool::close`] ends.
    pub(crate) fn writer(&mut self) -> &mut dyn Write {
        self
    }

    /// Ends the content that was written; returns its number.
    pub(crate) fn close(&mut self) -> u64 {
        let start = self
            .ranges
            .last()
            .map_or(0, |(at, len)| at.saturating_add(*len));
        self.ranges.push((start, self.len.saturating_sub(start)));
        (self.ranges.len() as u64).saturating_sub(1)
    }

    /// Reads a whole content that is not longer than `max`.
    pub(crate) fn read(&self, content: u64, max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.range(content)?
            .take(max.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn range(&self, content: u64) -> io::Result<Range<'_>> {
        let range = usize::try_from(content)
            .ok()
            .and_then(|number| self.ranges.get(number));
        let (at, left) = *range.ok_or(io::ErrorKind::NotFound)?;
        Ok(Range {
            file: &self.file,
            at,
            left,
        })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.len = self.len.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Contents for Spool {
    fn open(&self, content: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.range(content)?))
    }
}

/// A part of a file.
#[derive(Debug)]
pub(crate) struct Range<'f> {
    pub(crate) file: &'f File,
    pub(crate) at: u64,
    pub(crate) left: u64,
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .file
            .read_at(buffer.get_mut(..room).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(count as u64);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_are_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();
        let mut add = |bytes: &[u8]| spool.add(&mut &bytes[..], bytes.len() as u64).unwrap();

        let numbers = [
            add(b"one"),
            add(b"two"),
            add(b"one"),
            add(b""),
            add(b"three"),
            add(b""),
        ];

        assert_eq!(numbers, [0, 1, 0, 2, 3, 2]);
        assert_eq!(spool.file.metadata().unwrap().len(), 11);
        for (number, bytes) in [(0, &b"one"[..]), (1, b"two"), (2, b""), (3, b"three")] {
            assert_eq!(spool.read(number, 10).unwrap(), bytes);
        }
    }

    #[test]
    fn what_the_disk_has_no_room_for_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();

        let error = spool.add(&mut io::repeat(0), u64::MAX).unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("are free; make room"), "{error}");
        assert_eq!(spool.file.metadata().unwrap().len(), 0);
    }
}
