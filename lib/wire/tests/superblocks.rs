// SPDX-License-Identifier: MPL-2.0
//! What is promised of names from disks: headers made by the file systems' own tools are read
//! right, and damaged ones harm nothing.
//!
//! `superblocks/*.txt` are the headers that mkfs.ext4, mkfs.xfs, mkfs.vfat, mkfs.btrfs, mkswap,
//! cryptsetup, mksquashfs and xorriso of Debian 12 wrote: offset, then 16 bytes, where not zero.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use wire::superblock::{FORMATS, Format, Kind, Superblock, file_name};

/// A disk with these bytes and zeros elsewhere.
fn disk(text: &str) -> Vec<u8> {
    let mut disk = vec![0; 0x12000];
    for line in text.lines() {
        let (offset, bytes) = line.split_once(' ').unwrap();
        let offset = usize::from_str_radix(offset, 16).unwrap();
        for (index, pair) in bytes.as_bytes().chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).unwrap();
            disk[offset + index] = u8::from_str_radix(pair, 16).unwrap();
        }
    }
    disk
}

fn window(disk: &[u8], at: u64, len: usize) -> Option<&[u8]> {
    let at = usize::try_from(at).unwrap();
    disk.get(at..at.checked_add(len)?)
}

fn probe(disk: &[u8]) -> Vec<Superblock> {
    let has_magic =
        |format: &&Format| window(disk, format.magic_at, format.magic.len()) == Some(format.magic);
    FORMATS
        .iter()
        .filter(has_magic)
        .filter_map(|format| format.parse(window(disk, format.header_at, format.header_len)?))
        .collect()
}

macro_rules! disks {
    ($($name:ident: $kind:ident, $uuid:literal, $label:literal;)+) => {
        const DISKS: &[(&str, Kind, &str, &str)] =
            &[$((include_str!(concat!("superblocks/", stringify!($name), ".txt")),
                Kind::$kind, $uuid, $label)),+];
    };
}

disks! {
    ext4: Ext, "11111111-2222-3333-4444-555555555555", "my data";
    xfs: Xfs, "21111111-2222-3333-4444-555555555555", "STATE";
    fat32: Vfat, "ABCD-1234", "EFI SYS";
    fat12: Vfat, "0000-BEEF", "";
    btrfs: Btrfs, "31111111-2222-3333-4444-555555555555", "läbel/1";
    swap: Swap, "41111111-2222-3333-4444-555555555555", "sw";
    swap64: Swap, "42111111-2222-3333-4444-555555555555", "sw64";
    luks1: Luks, "61111111-2222-3333-4444-555555555555", "";
    luks2: Luks, "51111111-2222-3333-4444-555555555555", "crypt";
    squash: Squashfs, "", "";
    iso: Iso9660, "2021-02-03-04-05-06-00", "metal-iso";
}

#[test]
fn headers_made_by_the_real_tools_are_read_and_match_one_format_only() {
    for (text, kind, uuid, label) in DISKS {
        let found = probe(&disk(text));

        assert_eq!(found.len(), 1, "{kind:?}: {found:?}");
        assert_eq!(found[0].kind, *kind);
        assert_eq!(found[0].uuid.as_str(), *uuid, "{kind:?}");
        assert_eq!(&found[0].label[..], label.as_bytes(), "{kind:?}");
    }
}

#[test]
fn an_empty_disk_and_a_partitioned_disk_have_nothing() {
    let mut partitioned = disk("");
    partitioned[510] = 0x55;
    partitioned[511] = 0xaa;

    assert_eq!(probe(&disk("")), []);
    assert_eq!(probe(&partitioned), []);
}

#[test]
fn damaged_headers_are_read_or_refused_and_their_names_stay_file_names() {
    for (text, ..) in DISKS {
        let whole = disk(text);
        for format in FORMATS {
            let at = usize::try_from(format.header_at).unwrap();
            for index in at..at + format.header_len {
                for byte in [0x00, 0x2f, 0xff] {
                    let mut damaged = whole.clone();
                    damaged[index] = byte;
                    if let Some(superblock) = probe_at(&damaged, format) {
                        for name in [superblock.uuid.as_bytes(), &superblock.label] {
                            assert!(file_name(name).is_none_or(|name| !name.contains('/')));
                        }
                    }
                }
            }
        }
    }
}

fn probe_at(disk: &[u8], format: &Format) -> Option<Superblock> {
    format.parse(window(disk, format.header_at, format.header_len)?)
}

#[test]
fn a_short_header_is_refused() {
    for (text, ..) in DISKS {
        let whole = disk(text);
        for format in FORMATS {
            for len in 0..format.header_len {
                let header = window(&whole, format.header_at, len).unwrap();

                assert_eq!(format.parse(header), None);
            }
        }
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    proptest::proptest!(|(bytes in proptest::collection::vec(proptest::num::u8::ANY, 1024))| {
        for format in FORMATS {
            let _ = format.parse(&bytes);
        }
        let _ = file_name(&bytes);
    });
}

#[test]
fn a_luks_uuid_that_is_no_uuid_is_no_name() {
    let mut disk = disk(DISKS[8].0);
    disk[168..176].copy_from_slice(b"../../x\0");

    assert_eq!(probe(&disk)[0].uuid.as_str(), "");
}

#[test]
fn names_are_escaped_as_udev_does() {
    let name = |bytes: &[u8]| file_name(bytes).map(|name| name.as_str().to_owned());

    assert_eq!(name(b"my data").unwrap(), r"my\x20data");
    assert_eq!(name("läbel/1".as_bytes()).unwrap(), r"läbel\x2f1");
    assert_eq!(name(br"a\b").unwrap(), r"a\x5cb");
    assert_eq!(name(b"a\xffb").unwrap(), r"a\xffb");
    assert_eq!(name(b"#+-.:=@_").unwrap(), "#+-.:=@_");
}

#[test]
fn names_that_are_none_are_refused() {
    for bad in [&b""[..], b".", b"..", &[b'a'; 256], &[b'/'; 64]] {
        assert_eq!(file_name(bad), None);
    }
    assert!(file_name(&[b'a'; 255]).is_some());
}
