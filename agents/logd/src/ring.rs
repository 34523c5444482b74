// SPDX-License-Identifier: MPL-2.0
//! One log: the last lines of it, in a file of fixed size that outlives logd.
//!
//! An append writes the bytes first and then the header, which alone says how far the log goes.
//! A logd that is killed between the two has written only where nothing is served: the last
//! [`GAP`] bytes behind the end. So after a restart every cursor is still right.
//!
//! Owns: the file, and which bytes of it a cursor means.
//! Never: holds lines in memory.

use proto::log::CHUNK_MAX;
use sys::fd::{BorrowedFd, OwnedFd};
use sys::fs::{self, Mode, OFlags};
use sys::io::{self, Errno};

use crate::capacity::GAP;
use crate::header::{self, Header};
use crate::lines::Addition;

/// Bytes read at once while looking for the beginning of a line.
const STEP: usize = 1024;

/// How the file of a ring was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There was none.
    New,
    /// As it was left.
    Kept,
    /// It was no ring; what it held is gone.
    Reset(header::Error),
}

/// One log.
#[derive(Debug)]
pub struct Ring {
    file: OwnedFd,
    header: Header,
}

/// A piece of a log: `len` bytes of whole lines that begin at `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The cursor of the first byte.
    pub from: u64,
    /// How many bytes.
    pub len: usize,
}

impl Ring {
    /// Opens the ring `name` in `folder`, or makes it with `capacity` bytes.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(folder: BorrowedFd<'_>, name: &str, capacity: u32) -> io::Result<(Self, Found)> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
        let file_len = u64::try_from(fs::fstat(&file)?.st_size).unwrap_or(0);
        let mut front = [0; header::LEN];
        let read = io::pread(&file, &mut front[..], 0)?;
        let parsed = Header::parse(front.get(..read).unwrap_or_default(), file_len);
        let (header, found) = match parsed {
            Ok(header) => (header, Found::Kept),
            Err(_) if file_len == 0 => (Header::new(capacity), Found::New),
            Err(error) => (Header::new(capacity), Found::Reset(error)),
        };
        let ring = Self { file, header };
        if found != Found::Kept {
            fs::ftruncate(&ring.file, 0)?;
            fs::ftruncate(&ring.file, header.file_len())?;
            ring.save(&header)?;
        }
        Ok((ring, found))
    }

    /// Its state.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Adds bytes; `mark` is kept with them. On an error nothing was added.
    ///
    /// # Errors
    /// The kernel's: no memory for a page of the file.
    pub fn append(&mut self, addition: &Addition, mark: u64) -> io::Result<()> {
        let end = self.header.total.saturating_add(self.header.pending);
        let bytes = &addition.bytes[..];
        let (place, room) = self.place(end);
        let (first, second) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        write_all(&self.file, first, place)?;
        write_all(&self.file, second, header::LEN as u64)?;
        let added = u64::try_from(bytes.len()).unwrap_or(0);
        let unfinished = self.header.pending.saturating_add(added);
        let header = Header {
            total: self.header.total.saturating_add(addition.complete),
            pending: unfinished.saturating_sub(addition.complete),
            mark,
            ..self.header
        };
        self.save(&header)?;
        self.header = header;
        Ok(())
    }

    /// Copies whole lines from `cursor` on to the front of `buffer`: as many as fit. A cursor
    /// that the ring has left behind means the oldest line kept; so does one that is past the
    /// end: it is from a log that was reset.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self, cursor: u64, buffer: &mut [u8; CHUNK_MAX]) -> io::Result<Piece> {
        let oldest = self.oldest();
        let wanted = if cursor > self.header.total {
            oldest
        } else {
            cursor.max(oldest)
        };
        let from = self.line_at(wanted)?;
        let left = usize::try_from(self.header.total.saturating_sub(from)).unwrap_or(CHUNK_MAX);
        let len = left.min(CHUNK_MAX);
        let bytes = buffer.get_mut(..len).unwrap_or_default();
        self.copy(from, bytes)?;
        // The end of the log is the end of a line; a buffer's end need not be. A piece without
        // any newline is no line of ours; it is given as it is, so that a reader gets past it.
        let len = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last.saturating_add(1),
            None => len,
        };
        Ok(Piece { from, len })
    }

    /// The cursor at which the last `lines` lines begin.
    ///
    /// # Errors
    /// The kernel's.
    pub fn tail(&self, lines: u32) -> io::Result<u64> {
        if lines == 0 {
            return Ok(self.header.total);
        }
        let oldest = self.oldest();
        let mut newlines = 0_u32;
        let mut end = self.header.total;
        let mut block = [0; STEP];
        while end > oldest && lines != u32::MAX {
            let len = usize::try_from(end.saturating_sub(oldest))
                .unwrap_or(STEP)
                .min(STEP);
            let begin = end.saturating_sub(u64::try_from(len).unwrap_or(0));
            let bytes = block.get_mut(..len).unwrap_or_default();
            self.copy(begin, bytes)?;
            for (index, byte) in bytes.iter().enumerate().rev() {
                newlines = newlines.saturating_add(u32::from(*byte == b'\n'));
                // One more than wanted: the end of the line before.
                if newlines > lines {
                    let after = u64::try_from(index).unwrap_or(0).saturating_add(1);
                    return Ok(begin.saturating_add(after));
                }
            }
            end = begin;
        }
        self.line_at(oldest)
    }

    /// The oldest byte that is served; a line may have begun before it.
    fn oldest(&self) -> u64 {
        let kept = u64::from(self.header.capacity).saturating_sub(GAP);
        self.header.total.saturating_sub(kept)
    }

    /// The first beginning of a line at or after `cursor`, which is not before the oldest byte.
    fn line_at(&self, cursor: u64) -> io::Result<u64> {
        // The byte before the oldest is still whole: it is in the gap's first half.
        let mut at = cursor.saturating_sub(1);
        let mut block = [0; STEP];
        while cursor > 0 && at < self.header.total {
            let left = usize::try_from(self.header.total.saturating_sub(at)).unwrap_or(STEP);
            let bytes = block.get_mut(..left.min(STEP)).unwrap_or_default();
            self.copy(at, bytes)?;
            if let Some(index) = bytes.iter().position(|byte| *byte == b'\n') {
                let after = u64::try_from(index).unwrap_or(0).saturating_add(1);
                return Ok(at.saturating_add(after));
            }
            at = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        }
        Ok(cursor)
    }

    /// Where in the file the byte at `cursor` is, and how many bytes follow it before the ring's
    /// end.
    fn place(&self, cursor: u64) -> (u64, usize) {
        let capacity = u64::from(self.header.capacity);
        let offset = cursor.checked_rem(capacity).unwrap_or(0);
        let room = usize::try_from(capacity.saturating_sub(offset)).unwrap_or(usize::MAX);
        (offset.saturating_add(header::LEN as u64), room)
    }

    /// Copies the bytes at `cursor`, at most a ring's worth.
    fn copy(&self, cursor: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (place, room) = self.place(cursor);
        let split = room.min(buffer.len());
        let (first, second) = buffer.split_at_mut_checked(split).unwrap_or_default();
        read_all(&self.file, first, place)?;
        read_all(&self.file, second, header::LEN as u64)
    }

    /// Writes the header.
    fn save(&self, header: &Header) -> io::Result<()> {
        write_all(&self.file, &header.emit(), 0)
    }
}

/// Writes all of `bytes`.
fn write_all(file: &OwnedFd, bytes: &[u8], at: u64) -> io::Result<()> {
    let (mut bytes, mut at) = (bytes, at);
    while !bytes.is_empty() {
        match io::pwrite(file, bytes, at) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(count) => {
                bytes = bytes.get(count..).unwrap_or_default();
                at = at.saturating_add(u64::try_from(count).unwrap_or(0));
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Fills all of `buffer`.
fn read_all(file: &OwnedFd, buffer: &mut [u8], at: u64) -> io::Result<()> {
    let (mut buffer, mut at) = (buffer, at);
    while !buffer.is_empty() {
        match io::pread(file, &mut *buffer, at) {
            // Somebody made the file shorter.
            Ok(0) => return Err(Errno::IO),
            Ok(count) => {
                buffer = buffer.get_mut(count..).unwrap_or_default();
                at = at.saturating_add(u64::try_from(count).unwrap_or(0));
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
