// SPDX-License-Identifier: MPL-2.0
//! The headers of a tar archive (pax, POSIX.1-2017 "pax Interchange Format").
//!
//! Owns: the form of a header, what goes before one whose fields are too short, and an archive of one
//! file that is in memory.
//! Never: reads or writes a file.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Everything in an archive is a multiple of this.
pub(super) const BLOCK: usize = 512;

/// The longest name and target of a link in a header.
const NAME_MAX: usize = 100;
/// The largest owner: seven octal digits.
const ID_MAX: u32 = 0o7_777_777;
/// The largest size and time: eleven octal digits.
const NUMBER_MAX: u64 = 0o77_777_777_777;

/// What a member is, with the letter that POSIX has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    File = b'0',
    Symlink = b'2',
    CharacterDevice = b'3',
    BlockDevice = b'4',
    Folder = b'5',
    Pipe = b'6',
}

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub name: &'a [u8],
    pub kind: Kind,
    /// Where a link points to.
    pub link: &'a [u8],
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// In bytes; 0 for all but files.
    pub len: u64,
    /// In seconds since 1970; times before are written as 1970.
    pub modified: i64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
}

impl Member<'_> {
    /// The blocks that stand before the content.
    pub(super) fn blocks(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let mut short = *self;
        if self.name.len() > NAME_MAX {
            record(&mut records, "path", self.name);
            short.name = b"long";
        }
        if self.link.len() > NAME_MAX {
            record(&mut records, "linkpath", self.link);
            short.link = b"long";
        }
        if self.len > NUMBER_MAX {
            record(&mut records, "size", self.len.to_string().as_bytes());
            short.len = 0;
        }
        if self.uid > ID_MAX {
            record(&mut records, "uid", self.uid.to_string().as_bytes());
            short.uid = 0;
        }
        if self.gid > ID_MAX {
            record(&mut records, "gid", self.gid.to_string().as_bytes());
            short.gid = 0;
        }
        let mut blocks = Vec::new();
        if !records.is_empty() {
            let before = Member {
                name: b"pax",
                link: b"",
                mode: 0o644,
                uid: 0,
                gid: 0,
                len: records.len() as u64,
                modified: 0,
                device: (0, 0),
                ..short
            };
            before.block(&mut blocks, b'x');
            blocks.append(&mut records);
            blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
        }
        short.block(&mut blocks, self.kind as u8);
        blocks
    }

    /// One header, whose fields are long enough.
    fn block(&self, out: &mut Vec<u8>, letter: u8) {
        let mut head = Vec::with_capacity(BLOCK);
        text(&mut head, self.name, NAME_MAX);
        octal(&mut head, u64::from(self.mode & 0o7777), 8);
        octal(&mut head, u64::from(self.uid), 8);
        octal(&mut head, u64::from(self.gid), 8);
        octal(&mut head, self.len, 12);
        octal(
            &mut head,
            u64::try_from(self.modified).unwrap_or(0).min(NUMBER_MAX),
            12,
        );
        let checksum_at = head.len();
        // The checksum counts itself as spaces.
        head.extend_from_slice(b"        ");
        head.push(letter);
        text(&mut head, self.link, NAME_MAX);
        head.extend_from_slice(b"ustar\x0000");
        // The names of owners: numbers are what counts here.
        head.resize(head.len().saturating_add(64), 0);
        octal(&mut head, u64::from(self.device.0), 8);
        octal(&mut head, u64::from(self.device.1), 8);
        head.resize(BLOCK, 0);
        let sum: u64 = head.iter().map(|byte| u64::from(*byte)).sum();
        let written = format!("{sum:06o}\0 ");
        for (place, byte) in head.iter_mut().skip(checksum_at).zip(written.bytes()) {
            *place = byte;
        }
        out.append(&mut head);
    }
}

/// Packs one file that only its owner may read; `modified` is in seconds since 1970.
///
/// # Errors
/// None that memory does not make.
pub(crate) fn archive_of(name: &str, content: &[u8], modified: i64) -> io::Result<Vec<u8>> {
    let member = Member {
        name: name.as_bytes(),
        kind: Kind::File,
        link: b"",
        mode: 0o600,
        uid: 0,
        gid: 0,
        len: content.len() as u64,
        modified,
        device: (0, 0),
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&member.blocks())?;
    encoder.write_all(content)?;
    // Two blocks of zeros end an archive.
    let end = padding(member.len).saturating_add(2 * BLOCK);
    encoder.write_all(&vec![0; end])?;
    encoder.finish()
}

/// How many zeros follow content of this length.
pub(super) fn padding(len: u64) -> usize {
    let block = BLOCK as u64;
    let over = len.checked_rem(block).unwrap_or(0);
    let zeros = block.saturating_sub(over).checked_rem(block).unwrap_or(0);
    usize::try_from(zeros).unwrap_or(0)
}

fn text(out: &mut Vec<u8>, bytes: &[u8], width: usize) {
    let end = out.len().saturating_add(width);
    out.extend(bytes.iter().take(width));
    out.resize(end, 0);
}

/// A number with a NUL behind it.
fn octal(out: &mut Vec<u8>, number: u64, width: usize) {
    let digits = width.saturating_sub(1);
    out.extend_from_slice(format!("{number:0digits$o}\0").as_bytes());
}

/// A record of a pax header; its length counts itself.
fn record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let bare = key.len().saturating_add(value.len()).saturating_add(3);
    let mut len = bare;
    loop {
        let whole = bare.saturating_add(len.to_string().len());
        if whole == len {
            break;
        }
        len = whole;
    }
    out.extend_from_slice(format!("{len} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: Member<'_> = Member {
        name: b"a/file",
        kind: Kind::File,
        link: b"",
        mode: 0o100_644,
        uid: 1000,
        gid: 100,
        len: 5,
        modified: 1_700_000_000,
        device: (0, 0),
    };

    #[test]
    fn a_header_is_one_block_with_its_fields_in_their_places() {
        let block = MEMBER.blocks();

        assert_eq!(block.len(), 512);
        assert_eq!(&block[..7], b"a/file\0");
        assert_eq!(&block[100..108], b"0000644\0");
        assert_eq!(&block[108..116], b"0001750\0");
        assert_eq!(&block[124..136], b"00000000005\0");
        assert_eq!(&block[136..148], b"14524770400\0");
        assert_eq!(block[156], b'0');
        assert_eq!(&block[257..265], b"ustar\x0000");
        assert_eq!(&block[329..345], b"0000000\x000000000\0");
    }

    #[test]
    fn what_does_not_fit_stands_before_the_header() {
        let name = vec![b'n'; 101];
        let member = Member {
            name: &name,
            uid: 2_000_000_000,
            len: 1 << 40,
            ..MEMBER
        };

        let blocks = member.blocks();

        assert_eq!(blocks.len(), 3 * 512);
        let records = String::from_utf8_lossy(&blocks[512..1024]).into_owned();
        assert!(records.contains(&format!("111 path={}\n", "n".repeat(101))));
        assert!(records.contains("22 size=1099511627776\n"), "{records}");
        assert!(records.contains("18 uid=2000000000\n"), "{records}");
        assert_eq!(&blocks[1024..1028], b"long");
    }

    #[test]
    fn content_is_filled_up_to_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
