// SPDX-License-Identifier: MPL-2.0
//! Looking at what is on a block device.
//!
//! Owns: reading the few bytes that a format asks for.
//! Never: writes, or decides for one of two formats that both seem to be there.

use sys::fd::{AsFd, OwnedFd};
use sys::fs::{self, Mode, OFlags};
use sys::io;
use wire::superblock::{FORMATS, Format, HEADER_MAX, MAGIC_MAX, Superblock};

/// Nodes that are not looked at: memory, flash whose reading is slow or has effects, and parts
/// of a card that hold no file system. (A prefix each.)
const BLIND: &[&str] = &["ram", "zram", "fd", "mtd", "nbd"];

/// The marks of more than one thing: giving the device one's name could mount the wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous;

/// Looks at `node` below the folder `dev`. `None`: nothing that is known, or it cannot be read.
///
/// # Errors
/// More than one thing seems to be there.
pub fn probe(dev: &OwnedFd, node: &str) -> Result<Option<Superblock>, Ambiguous> {
    let part_of_card = node
        .strip_prefix("mmcblk")
        .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let rpmb_or_boot =
        part_of_card.is_some_and(|part| part.starts_with("boot") || part.starts_with("rpmb"));
    if rpmb_or_boot || BLIND.iter().any(|prefix| node.starts_with(prefix)) {
        return Ok(None);
    }
    // Without waiting: a drive without a disc says so at once.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let Ok(device) = fs::openat(dev, node, flags, Mode::empty()) else {
        return Ok(None);
    };
    let mut content = None;
    for format in FORMATS {
        if let Some(superblock) = look(&device, format) {
            if content.is_some() {
                return Err(Ambiguous);
            }
            content = Some(superblock);
        }
    }
    Ok(content)
}

/// Looks for one format.
fn look(device: &OwnedFd, format: &Format) -> Option<Superblock> {
    let mut magic = [0; MAGIC_MAX];
    let magic = magic.get_mut(..format.magic.len())?;
    read(device, magic, format.magic_at)?;
    if *magic != *format.magic {
        return None;
    }
    let mut header = [0; HEADER_MAX];
    let header = header.get_mut(..format.header_len)?;
    read(device, header, format.header_at)?;
    format.parse(header)
}

/// Fills `buffer`, or gives nothing.
fn read(device: impl AsFd, buffer: &mut [u8], at: u64) -> Option<()> {
    let len = buffer.len();
    let count = io::pread(device, buffer, at).ok()?;
    (count == len).then_some(())
}
