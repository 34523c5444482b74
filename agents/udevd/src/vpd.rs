// SPDX-License-Identifier: MPL-2.0
//! What a SCSI or ATA disk calls itself: vital product data pages 0x80 and 0x83 (SPC-4 §7.8).
//!
//! Owns: those two pages and the names that come from them.
//! Never: trusts a length in them.

use core::fmt::Write as _;

use heapless::{String, Vec};

use crate::names::{ID_MAX, clean};

/// The names one disk can have from page 0x83.
pub const NAMES_MAX: usize = 4;

/// One designator of page 0x83.
struct Designator<'a> {
    /// 1 is bytes, 2 is ASCII.
    code_set: u8,
    /// 1 is "T10 vendor", 2 is EUI-64, 3 is NAA.
    kind: u8,
    bytes: &'a [u8],
}

/// The designators of page 0x83 that name the disk itself, not its port.
fn designators(page: &[u8]) -> impl Iterator<Item = Designator<'_>> {
    let sound = page.get(1) == Some(&0x83);
    let len = page
        .get(2..4)
        .and_then(<[u8]>::first_chunk)
        .map(|len| u16::from_be_bytes(*len));
    let len = len.map_or(0, usize::from);
    let mut rest = page.get(4..).filter(|_| sound).unwrap_or_default();
    rest = rest.get(..len).unwrap_or(rest);
    core::iter::from_fn(move || {
        loop {
            let ([protocol_and_set, flags, _, len], after) = rest.split_first_chunk::<4>()?;
            let (bytes, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            // Association 0: the logical unit.
            if flags & 0x30 == 0 {
                return Some(Designator {
                    code_set: protocol_and_set & 0x0f,
                    kind: flags & 0x0f,
                    bytes,
                });
            }
        }
    })
}

/// Bytes in hexadecimal.
fn hex(prefix: &str, bytes: &[u8]) -> Option<String<ID_MAX>> {
    let mut text = String::try_from(prefix).ok()?;
    for byte in bytes {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

/// The names in `by-id` that page 0x83 gives, as udev writes them: `ata-MODEL_SERIAL` for a disk
/// behind the kernel's ATA translation, `wwn-0x…` and `scsi-3…` for a world wide name.
#[must_use]
pub fn names(page: &[u8]) -> Vec<String<ID_MAX>, NAMES_MAX> {
    let mut names = Vec::new();
    for designator in designators(page) {
        let mut add = |name: Option<String<ID_MAX>>| {
            if let Some(name) = name.filter(|name| !names.contains(name)) {
                let _ = names.push(name);
            }
        };
        match (designator.kind, designator.code_set, designator.bytes) {
            (3, 1, bytes @ [_, ..]) => {
                add(hex("wwn-0x", bytes));
                add(hex("scsi-3", bytes));
            }
            (2, 1, bytes @ [_, ..]) => {
                add(hex("wwn-0x", bytes));
                add(hex("scsi-2", bytes));
            }
            // libata: "ATA     ", 40 bytes of model, 20 of serial.
            (1, 2, bytes) if bytes.starts_with(b"ATA     ") => {
                let model = bytes.get(8..48).map(clean).unwrap_or_default();
                let serial = bytes.get(48..68).map(clean).unwrap_or_default();
                add(joined("ata-", &[&model, &serial]));
            }
            _ => {}
        }
    }
    names
}

/// The serial number of page 0x80.
#[must_use]
pub fn serial(page: &[u8]) -> String<ID_MAX> {
    let sound = page.get(1) == Some(&0x80);
    let len = page.get(3).copied().map_or(0, usize::from);
    let bytes = page.get(4..).filter(|_| sound).unwrap_or_default();
    clean(bytes.get(..len).unwrap_or(bytes))
}

/// The parts with `_` between them; `None` when one is empty or they are too long.
pub(crate) fn joined(prefix: &str, parts: &[&str]) -> Option<String<ID_MAX>> {
    let mut text = String::try_from(prefix).ok()?;
    for (index, part) in parts.iter().enumerate() {
        if part.is_empty() {
            return None;
        }
        if index > 0 {
            text.push('_').ok()?;
        }
        text.push_str(part).ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{names, serial};

    fn page(number: u8, body: &[u8]) -> Vec<u8> {
        let mut page = std::vec![0, number, 0, u8::try_from(body.len()).unwrap()];
        page.extend_from_slice(body);
        page
    }

    fn ata() -> Vec<u8> {
        let mut body = std::vec![2, 1, 0, 68];
        body.extend_from_slice(
            b"ATA     QEMU HARDDISK                           QM00001             ",
        );
        body.extend_from_slice(&[1, 3, 0, 8, 0x50, 0, 0xc5, 0, 0x11, 0x22, 0x33, 0x44]);
        // A designator of the port: not the disk's.
        body.extend_from_slice(&[0x61, 0x93, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
        page(0x83, &body)
    }

    #[test]
    fn a_disk_has_the_names_that_udev_gives_it() {
        let names = names(&ata());

        assert_eq!(
            names.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            [
                "ata-QEMU_HARDDISK_QM00001",
                "wwn-0x5000c50011223344",
                "scsi-35000c50011223344"
            ]
        );
    }

    #[test]
    fn a_serial_number_is_cleaned() {
        assert_eq!(serial(&page(0x80, b"  drive/1  x ")).as_str(), "drive_1_x");
        assert_eq!(serial(&page(0x83, b"x")).as_str(), "");
        assert_eq!(serial(&[]).as_str(), "");
    }

    #[test]
    fn damaged_pages_give_few_names_and_no_harm() {
        let whole = ata();
        for len in 0..whole.len() {
            assert!(names(&whole[..len]).len() <= 3);
        }
        for index in 0..whole.len() {
            for byte in [0, 0x7f, 0xff, b'/'] {
                let mut damaged = whole.clone();
                damaged[index] = byte;
                assert!(names(&damaged).iter().all(|name| !name.contains('/')));
            }
        }
    }
}
