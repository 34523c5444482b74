// SPDX-License-Identifier: MPL-2.0
//! Kernel modules as files: relocatable ELF files of 64 bits (System V ABI, chapter 4), with what the
//! module says about itself in the section `.modinfo`, and a signature behind the end.
//!
//! Owns: finding those two.
//! Never: reads code, or more of a file than it needs.

use std::io;

use crate::arch::Arch;
use crate::spool::Spool;

/// What the kernel looks for at the end of a signed module (`include/linux/module_signature.h`).
const SIGNED: &[u8] = b"~Module signature appended~\n";
/// `e_type` of a relocatable file.
const RELOCATABLE: u16 = 1;
/// The length of an ELF header and of one of its section headers.
const HEADER_LEN: u64 = 64;
/// The most sections. A module has some dozens; those of the largest drivers have some thousands,
/// one for each function.
const SECTIONS_MAX: u16 = 32_768;
/// The most bytes of the names of sections.
const NAMES_MAX: u64 = 4 << 20;
/// The most bytes of `.modinfo`. Drivers of a whole family of devices have some 100 kB of aliases.
const INFORMATION_MAX: u64 = 1 << 20;

/// What a module's file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// The processor that it is for; none that nodes have if `None`.
    pub(crate) arch: Option<Arch>,
    /// `.modinfo`: `key=value`, each ended by a NUL.
    pub(crate) information: Vec<u8>,
    /// Whether there is a signature behind it.
    pub(crate) is_signed: bool,
}

/// Why a file is no module.
#[derive(Debug)]
pub(crate) enum Error {
    /// It cannot be read.
    Io(io::Error),
    /// It is none, and what is wrong.
    NoModule(&'static str),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read: {error}"),
            Self::NoModule(what) => write!(f, "is no kernel module: {what}"),
        }
    }
}

/// Where a section is in its file.
#[derive(Clone, Copy)]
struct Section {
    name: u32,
    at: u64,
    len: u64,
}

/// Reads what is to be known of the module that is a content of `spool`, `len` bytes long.
pub(crate) fn read(spool: &Spool, content: u64, len: u64) -> Result<File, Error> {
    let part = |at, len| spool.part(content, at, len);
    let header = part(0, HEADER_LEN)?;
    // Class 2 has 64 bits, data 1 the lowest byte first.
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return Err(Error::NoModule("not an ELF file of 64 bits"));
    }
    if u16_at(&header, 16) != Some(RELOCATABLE) {
        return Err(Error::NoModule("not a relocatable ELF file"));
    }
    let arch = match u16_at(&header, 18) {
        Some(0x3e) => Some(Arch::Amd64),
        Some(0xb7) => Some(Arch::Arm64),
        Some(_) | None => None,
    };
    let cut = Error::NoModule("it is cut off");
    let (Some(table), Some(entry_len), Some(count), Some(names)) = (
        u64_at(&header, 40),
        u16_at(&header, 58),
        u16_at(&header, 60),
        u16_at(&header, 62),
    ) else {
        return Err(cut);
    };
    if u64::from(entry_len) != HEADER_LEN || count == 0 || count > SECTIONS_MAX {
        return Err(Error::NoModule("its table of sections is damaged"));
    }
    let table = part(table, HEADER_LEN.saturating_mul(count.into()))?;
    let sections: Vec<Section> = table
        .chunks_exact(64)
        .filter_map(|entry| {
            Some(Section {
                name: u32_at(entry, 0)?,
                at: u64_at(entry, 24)?,
                len: u64_at(entry, 32)?,
            })
        })
        .collect();
    if sections.len() != usize::from(count) {
        return Err(cut);
    }
    let names = sections.get(usize::from(names));
    let names = names.ok_or(Error::NoModule("its sections have no names"))?;
    let names = whole(&part, *names, NAMES_MAX)?;
    let information = sections.iter().find(|section| {
        let name = usize::try_from(section.name).ok();
        let name = name.and_then(|from| names.get(from..)).unwrap_or_default();
        name.starts_with(b".modinfo\0")
    });
    let information =
        information.ok_or(Error::NoModule("it says nothing about itself (.modinfo)"))?;
    let information = whole(&part, *information, INFORMATION_MAX)?;
    let end = part(len.saturating_sub(SIGNED.len() as u64), SIGNED.len() as u64)?;
    Ok(File {
        arch,
        information,
        is_signed: end == SIGNED,
    })
}

/// Reads a whole section.
fn whole(
    part: &dyn Fn(u64, u64) -> io::Result<Vec<u8>>,
    section: Section,
    max: u64,
) -> Result<Vec<u8>, Error> {
    if section.len > max {
        return Err(Error::NoModule("one of its sections is too long"));
    }
    let bytes = part(section.at, section.len)?;
    if bytes.len() as u64 != section.len {
        return Err(Error::NoModule("it is cut off"));
    }
    Ok(bytes)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    field(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    field(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    field(bytes, at).map(u64::from_le_bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A module that says this about itself, as little of one as can be.
    pub(crate) fn module(machine: u16, information: &str, is_signed: bool) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let information = information.replace('\n', "\0");
        let first = HEADER_LEN;
        let second = first.saturating_add(information.len() as u64);
        let table = second.saturating_add(names.len() as u64);
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        for half in [RELOCATABLE, machine] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.resize(40, 0);
        bytes.extend(table.to_le_bytes());
        bytes.resize(58, 0);
        for half in [64_u16, 3, 2] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.extend(information.as_bytes());
        bytes.extend(names);
        bytes.extend([0; 64]);
        for (name, at, len) in [
            (1_u32, first, information.len() as u64),
            (10, second, names.len() as u64),
        ] {
            let mut entry = name.to_le_bytes().to_vec();
            entry.resize(24, 0);
            entry.extend(at.to_le_bytes());
            entry.extend(len.to_le_bytes());
            entry.resize(64, 0);
            bytes.extend(entry);
        }
        if is_signed {
            bytes.extend(SIGNED);
        }
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<File, Error> {
        let mut spool = Spool::new(&std::env::temp_dir()).unwrap();
        let len = bytes.len() as u64;
        let content = spool.add(&mut &bytes[..], len).unwrap();
        read(&spool, content, len)
    }

    #[test]
    fn what_a_module_says_is_found() {
        let file = read_bytes(&module(0x3e, "name=a\ndepends=b\n", true)).unwrap();

        assert_eq!(file.arch, Some(Arch::Amd64));
        assert_eq!(file.information, b"name=a\0depends=b\0");
        assert!(file.is_signed);
        let other = read_bytes(&module(0xb7, "name=a\n", false)).unwrap();
        assert_eq!((other.arch, other.is_signed), (Some(Arch::Arm64), false));
        assert_eq!(read_bytes(&module(3, "", false)).unwrap().arch, None);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        let good = module(0x3e, "name=a\n", true);
        for (at, byte, said) in [
            (0, 0, "not an ELF file"),
            (4, 1, "not an ELF file"),
            (16, 2, "not a relocatable"),
            (58, 63, "its table"),
            (61, 255, "its table"),
            (62, 9, "no names"),
            (40, 255, "cut off"),
            (66 + 7, b'x', ".modinfo"),
        ] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            let error = read_bytes(&bytes).unwrap_err().to_string();
            assert!(error.contains(said), "{at}: {error}");
        }
        for text in ["", "#!/bin/sh", "\x7fELF"] {
            assert!(read_bytes(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn every_prefix_and_every_flipped_byte_is_read_or_refused() {
        let good = module(0x3e, "name=a\ndepends=\n", true);
        for len in 0..good.len() {
            let _ = read_bytes(&good[..len]);
        }
        for at in 0..good.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                let _ = read_bytes(&bytes);
            }
        }
    }
}
