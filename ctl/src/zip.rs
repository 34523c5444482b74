// SPDX-License-Identifier: MPL-2.0
//! Archives in the form that every desktop opens: zip (PKWARE APPNOTE 6.3.9).
//!
//! Owns: entries packed on their own, and their bytes in an archive.
//! Never: holds a content in memory, or writes a path that leaves the folder it is unpacked in.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::{Compression, Crc, write::DeflateEncoder};
use pki::UnixTime;

use crate::units;

/// Without the extension for large archives there are no more, and they end below 4 GiB.
const ENTRIES_MAX: usize = 65_000;
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Deflate came with version 2.0.
const VERSION: u16 = 20;
/// Names are in UTF-8 (4.4.4, bit 11).
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;
/// Made on Unix, so that the mode below counts (4.4.2).
const MADE_BY: u16 = (3 << 8) | VERSION;
/// A plain file that only its owner reads.
const MODE: u32 = 0o100_600 << 16;

/// A content that is packed while it comes, in a file that has no name any more.
#[derive(Debug)]
pub(crate) struct Packing {
    encoder: DeflateEncoder<File>,
    crc: Crc,
    len: u64,
}

/// A content that is ready for an archive.
#[derive(Debug)]
pub(crate) struct Packed {
    file: File,
    crc: u32,
    len: u32,
    packed_len: u32,
}

impl Packing {
    /// Begins one; its file lies in `folder` and is gone with it.
    pub(crate) fn begin(folder: &Path) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".ichorctl-{}-{count}", std::process::id()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self {
            encoder: DeflateEncoder::new(file, Compression::default()),
            crc: Crc::new(),
            len: 0,
        })
    }

    /// How much came.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Takes a piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> io::Result<()> {
        self.crc.update(piece);
        self.len = self
            .len
            .saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        self.encoder.write_all(piece)
    }

    /// Ends it.
    pub(crate) fn finish(self) -> io::Result<Packed> {
        let mut file = self.encoder.finish()?;
        let packed_len = file.stream_position()?;
        Ok(Packed {
            file,
            crc: self.crc.sum(),
            len: small(self.len)?,
            packed_len: small(packed_len)?,
        })
    }
}

fn small(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::Error::other("more than a zip archive holds (4 GiB)"))
}

/// An archive that is written.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    out: W,
    at: u64,
    /// The list at the end.
    central: Vec<u8>,
    count: usize,
    /// Time and date of every entry, as MS-DOS has them (4.4.6).
    stamp: (u16, u16),
}

impl<W: Write> Archive<W> {
    /// Begins one; every entry is of `now`.
    pub(crate) fn new(out: W, now: UnixTime) -> Self {
        Self {
            out,
            at: 0,
            central: Vec::new(),
            count: 0,
            stamp: stamp(now),
        }
    }

    /// Adds an entry below a folder.
    pub(crate) fn add(&mut self, folder: &str, name: &str, packed: Packed) -> io::Result<()> {
        if self.count >= ENTRIES_MAX {
            return Err(io::Error::other("more entries than a zip archive holds"));
        }
        let path = format!("{}/{}", harmless(folder), clean(name));
        let path_len =
            u16::try_from(path.len()).map_err(|_| io::Error::other("a path is too long"))?;
        let offset = small(self.at)?;
        let mut shared = Vec::new();
        for number in [VERSION, FLAGS, DEFLATED, self.stamp.0, self.stamp.1] {
            shared.extend_from_slice(&number.to_le_bytes());
        }
        for number in [packed.crc, packed.packed_len, packed.len] {
            shared.extend_from_slice(&number.to_le_bytes());
        }
        shared.extend_from_slice(&path_len.to_le_bytes());
        // No extra fields.
        shared.extend_from_slice(&0_u16.to_le_bytes());

        self.put(&LOCAL.to_le_bytes())?;
        self.put(&shared)?;
        self.put(path.as_bytes())?;
        let mut file = packed.file;
        file.seek(SeekFrom::Start(0))?;
        let copied = io::copy(&mut file.take(u64::from(packed.packed_len)), &mut self.out)?;
        if copied != u64::from(packed.packed_len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at = self.at.saturating_add(copied);

        self.central.extend_from_slice(&CENTRAL.to_le_bytes());
        self.central.extend_from_slice(&MADE_BY.to_le_bytes());
        self.central.extend_from_slice(&shared);
        // No comment, the first disk, nothing about the text.
        self.central.extend_from_slice(&[0; 6]);
        self.central.extend_from_slice(&MODE.to_le_bytes());
        self.central.extend_from_slice(&offset.to_le_bytes());
        self.central.extend_from_slice(path.as_bytes());
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(len);
        Ok(())
    }

    /// Writes the list of all entries; returns the size of the archive.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64)> {
        let start = small(self.at)?;
        let central = std::mem::take(&mut self.central);
        self.put(&central)?;
        let central_len = small(self.at.saturating_sub(u64::from(start)))?;
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        let mut end = END.to_le_bytes().to_vec();
        // This disk is the only one.
        end.extend_from_slice(&[0; 4]);
        end.extend_from_slice(&count.to_le_bytes());
        end.extend_from_slice(&count.to_le_bytes());
        end.extend_from_slice(&central_len.to_le_bytes());
        end.extend_from_slice(&start.to_le_bytes());
        end.extend_from_slice(&[0; 2]);
        self.put(&end)?;
        self.out.flush()?;
        Ok((self.out, self.at))
    }
}

/// A path below a folder, part by part.
fn clean(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(harmless).collect();
    parts.join("/")
}

/// A name that nodes gave, as one part of a path on every system.
pub(crate) fn harmless(name: &str) -> String {
    let kept: String = name
        .chars()
        .take(128)
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() || "-_.".contains(letter) => letter,
            _ => '_',
        })
        .collect();
    match kept.trim_start_matches('.') {
        "" => "_".to_owned(),
        name => name.to_owned(),
    }
}

/// Time and date in UTC, to two seconds, from 1980 on.
fn stamp(now: UnixTime) -> (u16, u16) {
    let date = units::date(now);
    let mut parts = date
        .rsplit('-')
        .map(|part| part.parse::<u16>().unwrap_or(0));
    let (day, month, year) = (parts.next(), parts.next(), parts.next());
    let years = year.unwrap_or(0).saturating_sub(1980).min(127);
    let second = u16::try_from(now.0.rem_euclid(86_400) / 2).unwrap_or(0);
    let (hour, minute) = (second / 1800, second / 30 % 60);
    (
        (hour << 11) | (minute << 5) | (second % 30),
        (years << 9) | (month.unwrap_or(1) << 5) | day.unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn packed(content: &[u8]) -> Packed {
        let mut packing = Packing::begin(&std::env::temp_dir()).unwrap();
        for piece in content.chunks(7) {
            packing.feed(piece).unwrap();
        }
        packing.finish().unwrap()
    }

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Archive::new(Vec::new(), UnixTime(1_790_007_205));
        for (name, content) in entries {
            archive.add("10.0.0.2", name, packed(content)).unwrap();
        }
        let (bytes, len) = archive.finish().unwrap();
        assert_eq!(bytes.len() as u64, len);
        bytes
    }

    #[test]
    fn an_archive_has_the_layout_of_the_specification() {
        let bytes = archive(&[("a.txt", b"hello hello hello hello"), ("logs/b", b"")]);

        assert!(bytes.starts_with(b"PK\x03\x04\x14\0\0\x08\x08\0"));
        // 2026-09-21 16:13:24 (in steps of two seconds), for every entry.
        let time = ((16_u16 << 11) | (13 << 5) | 12).to_le_bytes();
        let date = ((46_u16 << 9) | (9 << 5) | 21).to_le_bytes();
        assert_eq!(bytes.get(10..14).unwrap(), [time, date].concat());
        let end = bytes.len() - 22;
        assert_eq!(bytes.get(end..end + 4).unwrap(), b"PK\x05\x06");
        assert_eq!(bytes.get(end + 8..end + 12).unwrap(), [2, 0, 2, 0]);
        let start = bytes.get(end + 16..end + 20).unwrap().try_into().unwrap();
        let start = usize::try_from(u32::from_le_bytes(start)).unwrap();
        assert!(bytes.get(start..).unwrap().starts_with(b"PK\x01\x02"));
        assert_eq!(
            bytes
                .windows(12)
                .filter(|part| part == b"10.0.0.2/log")
                .count(),
            2
        );
    }

    /// Somebody else's reading of the specification, where there is one.
    #[test]
    fn archives_are_read_by_others() {
        let noise: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
            .collect();
        let bytes = archive(&[("a.txt", b"hello"), ("b", &noise), ("empty", b"")]);
        let path = std::env::temp_dir().join(format!("ichorctl-zip-{}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        for (program, arguments) in [
            ("python3", ["-m", "zipfile", "-t"].as_slice()),
            ("unzip", &["-t"]),
        ] {
            let tested = Command::new(program)
                .args(arguments)
                .arg(&path)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .output();
            if let Ok(tested) = tested {
                assert!(tested.status.success(), "{program}: {tested:?}");
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn names_of_nodes_cannot_leave_the_folder() {
        for (name, shown) in [
            ("../../etc/passwd", "_/_/etc/passwd"),
            ("/etc/passwd", "_/etc/passwd"),
            ("a\\b\0c\n", "a_b_c_"),
            ("logs/k8s.io:pod/x.log", "logs/k8s.io_pod/x.log"),
            ("", "_"),
        ] {
            assert_eq!(clean(name), shown);
        }
        assert_eq!(harmless("fd00::2"), "fd00__2");
        assert_eq!(harmless(&"x".repeat(5000)).len(), 128);
    }
}
