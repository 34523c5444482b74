// SPDX-License-Identifier: MPL-2.0
//! The archive that the kernel unpacks as its first root: cpio in the "newc" format.
//!
//! The format is described in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
//! Entries are sorted, numbered in order and carry time 0, so that an archive depends on nothing but
//! what is in it.
//!
//! Owns: writing and reading of archives held in memory, and writing of larger ones.
//! Never: follows a name out of the archive; names that could are refused.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

/// Starts every header.
const MAGIC: &[u8; 6] = b"070701";
/// The magic number and 13 fields of 8 hexadecimal digits.
const HEADER_LEN: usize = 6 + 13 * 8;
/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";
/// Names and data start at multiples of this.
const ALIGNMENT: usize = 4;
/// An archive is filled up to this, so that another one can follow it.
const BLOCK: usize = 512;
/// The kernel refuses longer names (`PATH_MAX`, with the closing zero).
pub const NAME_MAX: usize = 4095;

const TYPE_MASK: u32 = 0o170_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_SYMLINK: u32 = 0o120_000;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A file and its bytes.
    File(Vec<u8>),
    /// A symbolic link and its target.
    Symlink(String),
}

/// One entry: what it is, and who may do what with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Why an entry or an archive is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The name is empty, absolute, too long, or has an empty, `.` or `..` part or a zero byte.
    BadName,
    /// The name ends archives.
    ReservedName,
    /// The name is in the archive already.
    Duplicate,
    /// The folder that should hold it is not in the archive.
    NoParent,
    /// Permission bits beyond `0o7777`.
    BadMode,
    /// More than 4 GiB in one entry, or more than 2³² entries.
    TooLarge,
    /// The bytes end inside an entry.
    Truncated,
    /// A header does not start with the magic number, or has a field that is not hexadecimal.
    BadHeader,
    /// An entry is neither folder, file nor link.
    BadKind,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BadName => "the name is not a plain relative path",
            Self::ReservedName => "the name is the end mark of archives",
            Self::Duplicate => "the name is in the archive already",
            Self::NoParent => "its folder is not in the archive",
            Self::BadMode => "the mode has bits beyond 07777",
            Self::TooLarge => "too large for this format",
            Self::Truncated => "the archive ends inside an entry",
            Self::BadHeader => "not a header of the newc format",
            Self::BadKind => "neither folder, file nor link",
        })
    }
}

impl std::error::Error for Error {}

/// An archive: entries by name. Parents sort before their children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// Returns an archive without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; the folders above it must be there.
    ///
    /// # Errors
    /// When the name or the mode is refused; the archive is then as before.
    pub fn add(&mut self, name: &str, entry: Entry) -> Result<(), Error> {
        check_name(name)?;
        if entry.mode > 0o7777 {
            return Err(Error::BadMode);
        }
        if self.entries.contains_key(name) {
            return Err(Error::Duplicate);
        }
        if let Some((parent, _)) = name.rsplit_once('/') {
            let parent = self.entries.get(parent).ok_or(Error::NoParent)?;
            if parent.kind != Kind::Directory {
                return Err(Error::NoParent);
            }
        }
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Returns the entries in the order of the archive.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .map(|(name, entry)| (name.as_str(), entry))
    }

    /// Returns an entry by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Returns the bytes of the archive.
    ///
    /// # Errors
    /// When an entry is too large for the format.
    pub fn emit(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for (inode, (name, entry)) in (1_u32..).zip(&self.entries) {
            let (file_type, data, links) = match &entry.kind {
                Kind::Directory => (TYPE_DIRECTORY, &[][..], 2),
                Kind::File(data) => (TYPE_FILE, data.as_slice(), 1),
                Kind::Symlink(target) => (TYPE_SYMLINK, target.as_bytes(), 1),
            };
            let header = Header {
                inode,
                mode: file_type | entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                links,
                size: u32::try_from(data.len()).map_err(|_| Error::TooLarge)?,
            };
            emit_entry(&mut bytes, &header, name, data)?;
        }
        let end = Header {
            inode: 0,
            mode: 0,
            uid: 0,
            gid: 0,
            links: 1,
            size: 0,
        };
        emit_entry(&mut bytes, &end, TRAILER, &[])?;
        pad(&mut bytes, BLOCK);
        Ok(bytes)
    }

    /// Reads an archive; bytes after its end mark are left alone.
    ///
    /// # Errors
    /// When it is malformed, or has an entry that [`Archive::add`] would refuse.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::parse_prefix(bytes).map(|(archive, _)| archive)
    }

    /// Reads an archive and says how long it is, with its end mark but without what fills it up.
    ///
    /// # Errors
    /// The same.
    pub fn parse_prefix(bytes: &[u8]) -> Result<(Self, usize), Error> {
        let mut archive = Self::new();
        let mut at: usize = 0;
        loop {
            let header = parse_header(bytes.get(at..).ok_or(Error::Truncated)?)?;
            let name_at = at.saturating_add(HEADER_LEN);
            let name_end = name_at.saturating_add(header.name_len);
            let name = bytes.get(name_at..name_end).ok_or(Error::Truncated)?;
            let (zero, name) = name.split_last().ok_or(Error::BadName)?;
            if *zero != 0 {
                return Err(Error::BadName);
            }
            let name = str::from_utf8(name).map_err(|_| Error::BadName)?;
            let data_at = name_end.next_multiple_of(ALIGNMENT);
            if name == TRAILER {
                return Ok((archive, data_at.min(bytes.len())));
            }
            let data_end = data_at.saturating_add(header.data_len);
            let data = bytes.get(data_at..data_end).ok_or(Error::Truncated)?;
            archive.add(name, header.entry(data)?)?;
            at = data_end.next_multiple_of(ALIGNMENT);
        }
    }
}

/// An archive that is written entry by entry, for what does not belong in memory. Names are trusted to
/// be plain and to follow their folders; [`Archive`] checks them when it reads.
#[derive(Debug)]
pub struct Stream<W> {
    out: W,
    /// Where it begins.
    start: Option<u64>,
    inode: u32,
}

/// A file whose content is being written.
#[derive(Debug)]
pub struct Open {
    name: String,
    mode: u32,
    header_at: u64,
    content_at: u64,
}

impl<W: Write + Seek> Stream<W> {
    /// Begins where `out` is.
    pub fn new(out: W) -> Self {
        Self {
            out,
            start: None,
            inode: 0,
        }
    }

    /// What it is written to.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn folder(&mut self, name: &str, mode: u32) -> io::Result<()> {
        self.header(name, TYPE_DIRECTORY | mode, 2, 0)
    }

    /// Begins a file; what is written to [`Stream::out`] until [`Stream::end`] is its content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&mut self, name: &str, mode: u32) -> io::Result<Open> {
        let header_at = self.out.stream_position()?;
        self.header(name, TYPE_FILE | mode, 1, 0)?;
        Ok(Open {
            name: name.to_owned(),
            mode,
            header_at,
            content_at: self.out.stream_position()?,
        })
    }

    /// Ends a file: its length, which is known now, goes into its header.
    ///
    /// # Errors
    /// The outer one when it cannot be written, the inner one when it is too long for the format.
    pub fn end(&mut self, file: Open) -> io::Result<Result<(), Error>> {
        let end = self.out.stream_position()?;
        let Ok(size) = u32::try_from(end.saturating_sub(file.content_at)) else {
            return Ok(Err(Error::TooLarge));
        };
        self.out.seek(SeekFrom::Start(file.header_at))?;
        self.inode = self.inode.saturating_sub(1);
        self.header(&file.name, TYPE_FILE | file.mode, 1, size)?;
        self.out.seek(SeekFrom::Start(end))?;
        self.pad(ALIGNMENT)?;
        Ok(Ok(()))
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.inode = u32::MAX;
        self.header(TRAILER, 0, 1, 0)?;
        self.pad(BLOCK)?;
        Ok(self.out)
    }

    fn header(&mut self, name: &str, mode: u32, links: u32, size: u32) -> io::Result<()> {
        if self.start.is_none() {
            self.start = Some(self.out.stream_position()?);
        }
        // The end mark has number 0, and entries count from 1.
        self.inode = self.inode.wrapping_add(1);
        let header = Header {
            inode: self.inode,
            mode,
            uid: 0,
            gid: 0,
            links,
            size,
        };
        let mut bytes = Vec::new();
        emit_entry(&mut bytes, &header, name, &[]).map_err(io::Error::other)?;
        self.out.write_all(&bytes)
    }

    fn pad(&mut self, multiple: usize) -> io::Result<()> {
        let at = self.out.stream_position()?;
        let len = at.saturating_sub(self.start.unwrap_or(at));
        let zeros = len.next_multiple_of(multiple as u64).saturating_sub(len);
        self.out
            .write_all(&vec![0; usize::try_from(zeros).unwrap_or(0)])
    }
}

/// The fields that differ between entries; all others are zero.
struct Header {
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    size: u32,
}

fn emit_entry(bytes: &mut Vec<u8>, header: &Header, name: &str, data: &[u8]) -> Result<(), Error> {
    let name_len = u32::try_from(name.len())
        .map_err(|_| Error::BadName)?
        .saturating_add(1);
    bytes.extend_from_slice(MAGIC);
    // Time, the four device numbers and the checksum are zero.
    let fields = [
        header.inode,
        header.mode,
        header.uid,
        header.gid,
        header.links,
        0,
        header.size,
        0,
        0,
        0,
        0,
        name_len,
        0,
    ];
    for field in fields {
        bytes.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    pad(bytes, ALIGNMENT);
    bytes.extend_from_slice(data);
    pad(bytes, ALIGNMENT);
    Ok(())
}

fn pad(bytes: &mut Vec<u8>, multiple: usize) {
    bytes.resize(bytes.len().next_multiple_of(multiple), 0);
}

/// What a header says, checked.
struct Parsed {
    file_type: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    data_len: usize,
    name_len: usize,
}

fn parse_header(bytes: &[u8]) -> Result<Parsed, Error> {
    let (head, _) = bytes
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(Error::Truncated)?;
    let fields = head.strip_prefix(MAGIC).ok_or(Error::BadHeader)?;
    let mut values = fields.chunks_exact(8).map(parse_field);
    let mut next = || values.next().unwrap_or(Err(Error::BadHeader));
    let _inode = next()?;
    let mode = next()?;
    let uid = next()?;
    let gid = next()?;
    let _links = next()?;
    let _time = next()?;
    let size = next()?;
    for _device_number in 0..4 {
        next()?;
    }
    let name_len = next()?;
    Ok(Parsed {
        file_type: mode & TYPE_MASK,
        mode: mode & !TYPE_MASK,
        uid,
        gid,
        data_len: usize::try_from(size).map_err(|_| Error::TooLarge)?,
        name_len: usize::try_from(name_len).map_err(|_| Error::TooLarge)?,
    })
}

impl Parsed {
    fn entry(&self, data: &[u8]) -> Result<Entry, Error> {
        let kind = match self.file_type {
            TYPE_DIRECTORY if data.is_empty() => Kind::Directory,
            TYPE_FILE => Kind::File(data.to_vec()),
            TYPE_SYMLINK => {
                Kind::Symlink(String::from_utf8(data.to_vec()).map_err(|_| Error::BadName)?)
            }
            _ => return Err(Error::BadKind),
        };
        Ok(Entry {
            kind,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
        })
    }
}

fn parse_field(digits: &[u8]) -> Result<u32, Error> {
    // `from_str_radix` would also take a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Error::BadHeader);
    }
    let digits = str::from_utf8(digits).map_err(|_| Error::BadHeader)?;
    u32::from_str_radix(digits, 16).map_err(|_| Error::BadHeader)
}

fn check_name(name: &str) -> Result<(), Error> {
    if name == TRAILER {
        return Err(Error::ReservedName);
    }
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    if name.len() > NAME_MAX || name.contains('\0') || !name.split('/').all(plain) {
        return Err(Error::BadName);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(data: &[u8]) -> Entry {
        Entry {
            kind: Kind::File(data.to_vec()),
            mode: 0o644,
            uid: 0,
            gid: 0,
        }
    }

    fn folder() -> Entry {
        Entry {
            kind: Kind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
        }
    }

    fn sample() -> Archive {
        let mut archive = Archive::new();
        archive
            .add(
                "init",
                Entry {
                    mode: 0o755,
                    ..file(b"\x7fELF")
                },
            )
            .unwrap();
        archive.add("etc", folder()).unwrap();
        archive.add("etc/odd", file(b"12345")).unwrap();
        let link = Kind::Symlink("/proc/self/mounts".to_owned());
        archive
            .add(
                "etc/mtab",
                Entry {
                    kind: link,
                    mode: 0o777,
                    uid: 1,
                    gid: 2,
                },
            )
            .unwrap();
        archive
    }

    #[test]
    fn what_is_written_is_read_back() {
        let archive = sample();

        let bytes = archive.emit().unwrap();

        assert_eq!(Archive::parse(&bytes), Ok(archive));
        assert_eq!(bytes.len() % BLOCK, 0);
    }

    #[test]
    fn the_order_of_adding_does_not_change_the_bytes() {
        let mut first = Archive::new();
        first.add("b", file(b"2")).unwrap();
        first.add("a", file(b"1")).unwrap();
        let mut second = Archive::new();
        second.add("a", file(b"1")).unwrap();
        second.add("b", file(b"2")).unwrap();

        assert_eq!(first.emit(), second.emit());
    }

    #[test]
    fn an_empty_archive_is_its_end_mark() {
        let bytes = Archive::new().emit().unwrap();

        assert_eq!(bytes.len(), BLOCK);
        assert!(bytes.starts_with(MAGIC));
        assert_eq!(Archive::parse(&bytes), Ok(Archive::new()));
    }

    #[test]
    fn names_that_lead_out_of_the_archive_are_refused() {
        let long = "x".repeat(NAME_MAX + 1);
        for name in [
            "", "/", "/init", "..", "../x", "a/../b", ".", "a//b", "a/", "a\0b", &long,
        ] {
            assert_eq!(
                Archive::new().add(name, file(b"")),
                Err(Error::BadName),
                "{name:?}"
            );
        }
    }

    #[test]
    fn the_end_mark_cannot_be_a_name() {
        assert_eq!(
            Archive::new().add(TRAILER, file(b"")),
            Err(Error::ReservedName)
        );
    }

    #[test]
    fn an_entry_needs_its_folder_first() {
        let mut archive = Archive::new();
        assert_eq!(archive.add("etc/passwd", file(b"")), Err(Error::NoParent));

        archive.add("etc", file(b"")).unwrap();

        assert_eq!(archive.add("etc/passwd", file(b"")), Err(Error::NoParent));
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut archive = Archive::new();
        archive.add("init", file(b"1")).unwrap();

        assert_eq!(archive.add("init", file(b"2")), Err(Error::Duplicate));
        assert_eq!(archive.get("init"), Some(&file(b"1")));
    }

    #[test]
    fn a_mode_with_type_bits_is_refused() {
        let entry = Entry {
            mode: 0o100_644,
            ..file(b"")
        };

        assert_eq!(Archive::new().add("init", entry), Err(Error::BadMode));
    }

    #[test]
    fn every_cut_of_an_archive_is_refused() {
        let bytes = sample().emit().unwrap();
        let end = bytes
            .windows(TRAILER.len())
            .position(|part| part == TRAILER.as_bytes())
            .unwrap();

        for len in 0..=end + TRAILER.len() {
            assert!(Archive::parse(&bytes[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn a_changed_header_is_refused_or_read_but_never_panics() {
        let bytes = sample().emit().unwrap();
        for at in 0..bytes.len() {
            for value in [0, b'0', b'F', b'/', b'-', 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = Archive::parse(&changed);
            }
        }
    }

    #[test]
    fn another_magic_number_is_refused() {
        for magic in ["070702", "070707", "\x71\u{47}0707", "      "] {
            let mut bytes = sample().emit().unwrap();
            bytes[..6].copy_from_slice(&magic.as_bytes()[..6]);
            assert_eq!(Archive::parse(&bytes), Err(Error::BadHeader));
        }
    }

    #[test]
    fn a_sign_is_no_hexadecimal_digit() {
        let mut bytes = sample().emit().unwrap();
        bytes[6] = b'+';

        assert_eq!(Archive::parse(&bytes), Err(Error::BadHeader));
    }

    #[test]
    fn a_device_node_is_refused() {
        let mut bytes = Vec::new();
        let header = Header {
            inode: 1,
            mode: 0o020_600,
            uid: 0,
            gid: 0,
            links: 1,
            size: 0,
        };
        emit_entry(&mut bytes, &header, "console", &[]).unwrap();

        assert_eq!(Archive::parse(&bytes), Err(Error::BadKind));
    }
}
