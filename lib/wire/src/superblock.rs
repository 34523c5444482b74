// SPDX-License-Identifier: MPL-2.0
//! What is on a block device: the kind of file system, its label and its UUID.
//!
//! A [`Format`] says which few bytes to read and how to read them; nobody reads more. Layouts:
//! each file system's own header, as named at its row.
//!
//! Owns: the table of formats and how names from a disk are written in `/dev/disk`.
//! Never: reads a device, or trusts a byte of it.

use core::fmt::Write as _;

use heapless::{String, Vec};

/// The longest header that any format asks for, in bytes.
pub const HEADER_MAX: usize = 1024;
/// The longest magic that any format asks for, in bytes.
pub const MAGIC_MAX: usize = 10;
/// The longest label, in bytes (btrfs).
pub const LABEL_MAX: usize = 256;
/// The longest UUID in text: 8-4-4-4-12, or what the format has instead.
pub const UUID_MAX: usize = 36;
/// The longest file name (limits.h), which an escaped label must fit.
pub const FILE_NAME_MAX: usize = 255;

/// What kind of thing is on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ext2, ext3 or ext4.
    Ext,
    /// XFS.
    Xfs,
    /// FAT12, FAT16 or FAT32.
    Vfat,
    /// btrfs.
    Btrfs,
    /// squashfs: it has neither label nor UUID.
    Squashfs,
    /// A CD's file system.
    Iso9660,
    /// Swap space.
    Swap,
    /// An encrypted volume.
    Luks,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// The kind.
    pub kind: Kind,
    /// The UUID as it is named in `by-uuid`; empty when there is none.
    pub uuid: String<UUID_MAX>,
    /// The label, its padding removed; empty when there is none.
    pub label: Vec<u8, LABEL_MAX>,
}

/// How one format is recognised.
#[derive(Debug)]
pub struct Format {
    /// Where its magic is on the device, in bytes.
    pub magic_at: u64,
    /// The magic.
    pub magic: &'static [u8],
    /// Where its header is on the device, in bytes.
    pub header_at: u64,
    /// How many bytes of the header are needed.
    pub header_len: usize,
    /// Reads the header; `None` when it is not one after all.
    parse: fn(&[u8]) -> Option<Superblock>,
}

impl Format {
    /// Reads a header whose magic was right. `None` when it is not one after all.
    #[must_use]
    pub fn parse(&self, header: &[u8]) -> Option<Superblock> {
        (header.len() >= self.header_len)
            .then(|| (self.parse)(header))
            .flatten()
    }
}

/// One swap row: the magic ends the first page, whose size is the machine's that made it.
const fn swap(magic_at: u64) -> Format {
    Format {
        magic_at,
        magic: b"SWAPSPACE2",
        header_at: 1024,
        header_len: 44,
        parse: parse_swap,
    }
}

/// Every format.
pub const FORMATS: &[Format] = &[
    // Kernel, Documentation/filesystems/ext4/super.rst.
    Format {
        magic_at: 1024 + 0x38,
        magic: &[0x53, 0xef],
        header_at: 1024,
        header_len: 136,
        parse: parse_ext,
    },
    // Kernel, fs/xfs/libxfs/xfs_format.h, struct xfs_dsb.
    Format {
        magic_at: 0,
        magic: b"XFSB",
        header_at: 0,
        header_len: 120,
        parse: parse_xfs,
    },
    // ECMA-107: the boot sector of FAT.
    Format {
        magic_at: 510,
        magic: &[0x55, 0xaa],
        header_at: 0,
        header_len: 512,
        parse: parse_vfat,
    },
    // Kernel, include/uapi/linux/btrfs_tree.h, struct btrfs_super_block.
    Format {
        magic_at: 0x10040,
        magic: b"_BHRfS_M",
        header_at: 0x10000,
        header_len: 0x22b,
        parse: parse_btrfs,
    },
    // Kernel, fs/squashfs/squashfs_fs.h, struct squashfs_super_block.
    Format {
        magic_at: 0,
        magic: b"hsqs",
        header_at: 0,
        header_len: 96,
        parse: parse_squashfs,
    },
    // ECMA-119 §8.4: the primary volume descriptor.
    Format {
        magic_at: 32769,
        magic: b"CD001",
        header_at: 32768,
        header_len: 847,
        parse: parse_iso9660,
    },
    // Kernel, include/linux/swap.h, union swap_header: pages of 4, 16 and 64 KiB.
    swap(4096 - 10),
    swap(16384 - 10),
    swap(65536 - 10),
    // LUKS1 and LUKS2 on-disk format specifications, §2: the same places up to the UUID.
    Format {
        magic_at: 0,
        magic: b"LUKS\xba\xbe",
        header_at: 0,
        header_len: 208,
        parse: parse_luks,
    },
];

/// A 16-byte UUID as text; `None` when it is all zeros.
fn uuid_text(bytes: &[u8]) -> Option<String<UUID_MAX>> {
    if bytes.len() != 16 || bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-').ok()?;
        }
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

/// A label without what pads it.
fn label_of(field: &[u8], padding: u8) -> Vec<u8, LABEL_MAX> {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    let mut label = field.get(..end).unwrap_or_default();
    while let Some(shorter) = label.strip_suffix(&[padding]) {
        label = shorter;
    }
    Vec::from_slice(label).unwrap_or_default()
}

/// A superblock with a 16-byte UUID and a label that NULs pad.
fn plain(kind: Kind, uuid: &[u8], label: &[u8]) -> Superblock {
    Superblock {
        kind,
        uuid: uuid_text(uuid).unwrap_or_default(),
        label: label_of(label, 0),
    }
}

fn parse_ext(header: &[u8]) -> Option<Superblock> {
    // The revision (0 or 1): revision 0 has neither UUID nor label.
    let revision = u32::from_le_bytes(*header.get(76..)?.first_chunk()?);
    match revision {
        0 => Some(plain(Kind::Ext, &[], &[])),
        1 => Some(plain(
            Kind::Ext,
            header.get(104..120)?,
            header.get(120..136)?,
        )),
        _ => None,
    }
}

fn parse_xfs(header: &[u8]) -> Option<Superblock> {
    // The block size: 512 bytes to 64 KiB.
    let block_size = u32::from_be_bytes(*header.get(4..)?.first_chunk()?);
    let sound = block_size.is_power_of_two() && (512..=65536).contains(&block_size);
    sound.then_some(())?;
    Some(plain(Kind::Xfs, header.get(32..48)?, header.get(108..120)?))
}

fn parse_btrfs(header: &[u8]) -> Option<Superblock> {
    Some(plain(
        Kind::Btrfs,
        header.get(0x20..0x30)?,
        header.get(0x12b..0x22b)?,
    ))
}

fn parse_squashfs(header: &[u8]) -> Option<Superblock> {
    let major = u16::from_le_bytes(*header.get(28..)?.first_chunk()?);
    (major == 4).then(|| plain(Kind::Squashfs, &[], &[]))
}

fn parse_vfat(header: &[u8]) -> Option<Superblock> {
    let sector = u16::from_le_bytes(*header.get(11..)?.first_chunk()?);
    let cluster = *header.get(13)?;
    let copies = *header.get(16)?;
    let media = *header.get(21)?;
    let sound = sector.is_power_of_two()
        && (512..=4096).contains(&sector)
        && cluster.is_power_of_two()
        && (1..=2).contains(&copies)
        && (media == 0xf0 || media >= 0xf8);
    sound.then_some(())?;
    let (serial, label) = if header.get(82..87)? == b"FAT32" {
        (header.get(67..71)?, header.get(71..82)?)
    } else if header.get(54..57)? == b"FAT" {
        (header.get(39..43)?, header.get(43..54)?)
    } else {
        return None;
    };
    let serial = u32::from_le_bytes(*serial.first_chunk()?);
    let mut uuid = String::new();
    if serial != 0 {
        let (high, low) = (serial.wrapping_shr(16), serial & 0xffff);
        write!(uuid, "{high:04X}-{low:04X}").ok()?;
    }
    let mut label = label_of(label, b' ');
    if label == b"NO NAME" {
        label.clear();
    }
    Some(Superblock {
        kind: Kind::Vfat,
        uuid,
        label,
    })
}

fn parse_iso9660(header: &[u8]) -> Option<Superblock> {
    // Type 1: the primary volume descriptor.
    (*header.first()? == 1).then_some(())?;
    // ECMA-119 §8.4.27, §8.4.26: when it was changed, or made: 16 digits, year to centisecond.
    let changed = header.get(830..846)?;
    let made = header.get(813..829)?;
    let set = |digits: &&[u8]| {
        digits.iter().all(u8::is_ascii_digit) && digits.iter().any(|digit| *digit != b'0')
    };
    let mut uuid = String::new();
    if let Some(digits) = [changed, made].into_iter().find(set) {
        for (index, digit) in digits.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10 | 12 | 14) {
                uuid.push('-').ok()?;
            }
            uuid.push(char::from(*digit)).ok()?;
        }
    }
    Some(Superblock {
        kind: Kind::Iso9660,
        uuid,
        label: label_of(header.get(40..72)?, b' '),
    })
}

fn parse_swap(header: &[u8]) -> Option<Superblock> {
    // Version 1, in the byte order of the machine that made it; little-endian here.
    let version = u32::from_le_bytes(*header.first_chunk()?);
    (version == 1).then_some(())?;
    Some(plain(Kind::Swap, header.get(12..28)?, header.get(28..44)?))
}

fn parse_luks(header: &[u8]) -> Option<Superblock> {
    let version = u16::from_be_bytes(*header.get(6..)?.first_chunk()?);
    let label = match version {
        1 => &[][..],
        2 => header.get(24..72)?,
        _ => return None,
    };
    // The UUID is text here. It must look like one: it becomes a file's name.
    let text = label_of(header.get(168..208)?, 0);
    let plausible = text
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let uuid = core::str::from_utf8(&text)
        .ok()
        .filter(|_| plausible)
        .and_then(|text| String::try_from(text).ok())
        .unwrap_or_default();
    Some(Superblock {
        kind: Kind::Luks,
        uuid,
        label: label_of(label, 0),
    })
}

/// Whether an ASCII character stays as it is in the name of a link.
#[must_use]
pub const fn stays(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '#' | '+' | '-' | '.' | ':' | '=' | '@' | '_')
}

/// Writes a name that comes from a disk as a file name: letters, digits, `#+-.:=@_` and UTF-8
/// stay, every other byte becomes `\xNN`, as udev has it. `None` when nothing is left, when it
/// would name a folder, or when it is longer than a file's name may be.
#[must_use]
pub fn file_name(name: &[u8]) -> Option<String<FILE_NAME_MAX>> {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if stays(c) || !c.is_ascii() {
                text.push(c).ok()?;
            } else {
                write!(text, "\\x{:02x}", u32::from(c)).ok()?;
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").ok()?;
        }
    }
    (!matches!(text.as_str(), "" | "." | "..")).then_some(text)
}
