// SPDX-License-Identifier: MPL-2.0
//! What the firmware says of the machine: the tables of SMBIOS (DMTF DSP0134).
//!
//! Firmware writes what it likes, so a field that a structure is too short for is empty, and a
//! structure that runs over the end ends the reading.
//!
//! Owns: the structures of types 1, 4 and 17.
//! Never: trusts a length, or invents a field.

use crate::resources::{MemoryModule, Processor, SystemInformation};

/// The most structures that are read: a large server has some hundreds.
const STRUCTURES_MAX: usize = 4096;
/// The longest text that is kept, in bytes: the documents of firmware makers stay below 64.
const TEXT_MAX: usize = 256;

const SYSTEM: u8 = 1;
const PROCESSOR: u8 = 4;
const MEMORY_DEVICE: u8 = 17;
const END: u8 = 127;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Machine {
    pub system: Option<SystemInformation>,
    pub processors: Vec<Processor>,
    pub memory: Vec<MemoryModule>,
}

/// The version of the tables from their entry point (§5.2): major and minor.
pub(crate) fn version(entry: &[u8]) -> Option<(u8, u8)> {
    let at = |index: usize| entry.get(index).copied();
    if entry.starts_with(b"_SM3_") {
        return Some((at(7)?, at(8)?));
    }
    entry
        .starts_with(b"_SM_")
        .then(|| Some((at(6)?, at(7)?)))
        .flatten()
}

/// Reads the tables, of `version`.
pub(crate) fn parse(mut table: &[u8], version: Option<(u8, u8)>) -> Machine {
    let mut machine = Machine::default();
    for _ in 0..STRUCTURES_MAX {
        let Some((structure, rest)) = Structure::split(table) else {
            break;
        };
        table = rest;
        match structure.kind() {
            SYSTEM if machine.system.is_none() => {
                machine.system = Some(system(&structure, version))
            }
            PROCESSOR => machine.processors.push(processor(&structure)),
            MEMORY_DEVICE => machine.memory.push(memory(&structure)),
            END => break,
            _ => {}
        }
    }
    machine
}

/// One structure: its formatted part, header included, and its texts.
#[derive(Debug)]
struct Structure<'a> {
    formatted: &'a [u8],
    texts: &'a [u8],
}

impl<'a> Structure<'a> {
    /// Splits the first structure off (§6.1).
    fn split(table: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::from(*table.get(1)?);
        if length < 4 {
            return None;
        }
        let (formatted, after) = table.split_at_checked(length)?;
        // The texts end with an empty one; without texts there are two zeros all the same.
        let end = after.windows(2).position(|pair| pair == [0, 0])?;
        let (texts, rest) = after.split_at_checked(end)?;
        Some((Self { formatted, texts }, rest.get(2..)?))
    }

    fn kind(&self) -> u8 {
        self.byte(0)
    }

    /// A field beyond the structure's end is zero.
    fn byte(&self, at: usize) -> u8 {
        self.formatted.get(at).copied().unwrap_or(0)
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.byte(at), self.byte(at.saturating_add(1))])
    }

    fn double_word(&self, at: usize) -> u32 {
        let high = u32::from(self.word(at.saturating_add(2)));
        high << 16 | u32::from(self.word(at))
    }

    /// The text whose number is at `at`; 0 is none.
    fn text(&self, at: usize) -> String {
        let Some(index) = usize::from(self.byte(at)).checked_sub(1) else {
            return String::new();
        };
        let found = self.texts.split(|byte| *byte == 0).nth(index);
        let found = found.unwrap_or_default();
        let kept = found.get(..TEXT_MAX).unwrap_or(found);
        let text = String::from_utf8_lossy(kept);
        let plain = |letter: &char| !letter.is_control();
        text.chars()
            .filter(plain)
            .collect::<String>()
            .trim()
            .to_owned()
    }
}

fn system(structure: &Structure<'_>, version: Option<(u8, u8)>) -> SystemInformation {
    SystemInformation {
        manufacturer: structure.text(0x04),
        product_name: structure.text(0x05),
        version: structure.text(0x06),
        serial_number: structure.text(0x07),
        uuid: uuid(structure.formatted.get(0x08..0x18), version),
        wake_up_type: wake_up(structure.byte(0x18)).to_owned(),
        sku_number: structure.text(0x19),
    }
}

/// The UUID; since 2.6 its first three parts are little-endian (§7.2.1). All bits the same is none.
fn uuid(bytes: Option<&[u8]>, version: Option<(u8, u8)>) -> String {
    let Some(bytes) = bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) else {
        return String::new();
    };
    if bytes == [0; 16] || bytes == [0xff; 16] {
        return String::new();
    }
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let ordered = match version {
        Some(before) if before < (2, 6) => [a, b, c, d, e, f, g, h],
        Some(_) | None => [d, c, b, a, f, e, h, g],
    };
    let mut text = String::new();
    for (index, byte) in ordered.into_iter().chain(rest).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// §7.2.2.
fn wake_up(kind: u8) -> &'static str {
    match kind {
        0 => "Reserved",
        1 => "Other",
        3 => "APM Timer",
        4 => "Modem Ring",
        5 => "LAN Remote",
        6 => "Power Switch",
        7 => "PCI PME#",
        8 => "AC Power Restored",
        _ => "Unknown",
    }
}

fn processor(structure: &Structure<'_>) -> Processor {
    // A count of 255 is in the word of later versions (§7.5).
    let count = |byte: usize, word: usize| match structure.byte(byte) {
        0xff if structure.word(word) != 0 => u32::from(structure.word(word)),
        count => u32::from(count),
    };
    Processor {
        socket: structure.text(0x04),
        manufacturer: structure.text(0x07),
        product_name: structure.text(0x10),
        max_speed_mhz: structure.word(0x14).into(),
        boot_speed_mhz: structure.word(0x16).into(),
        status: structure.byte(0x18).into(),
        serial_number: structure.text(0x20),
        asset_tag: structure.text(0x21),
        part_number: structure.text(0x22),
        core_count: count(0x23, 0x2a),
        core_enabled: count(0x24, 0x2c),
        thread_count: count(0x25, 0x2e),
    }
}

fn memory(structure: &Structure<'_>) -> MemoryModule {
    /// The bit that says KiB instead of MiB (§7.18.2).
    const IN_KIB: u16 = 0x8000;
    let size_mib = match structure.word(0x0c) {
        // Not known.
        0xffff => 0,
        0x7fff => structure.double_word(0x1c) & 0x7fff_ffff,
        kib if kib & IN_KIB != 0 => u32::from(kib & !IN_KIB) / 1024,
        mib => mib.into(),
    };
    let speed_mts = match structure.word(0x15) {
        0xffff => structure.double_word(0x54) & 0x7fff_ffff,
        speed => speed.into(),
    };
    MemoryModule {
        size_mib,
        device_locator: structure.text(0x10),
        bank_locator: structure.text(0x11),
        speed_mts,
        manufacturer: structure.text(0x17),
        serial_number: structure.text(0x18),
        asset_tag: structure.text(0x19),
        product_name: structure.text(0x1a),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A structure with its texts behind it.
    fn structure(kind: u8, formatted: &[(usize, &[u8])], length: u8, texts: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; usize::from(length)];
        bytes[0] = kind;
        bytes[1] = length;
        for (at, field) in formatted {
            bytes[*at..][..field.len()].copy_from_slice(field);
        }
        for text in texts {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        if texts.is_empty() {
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    /// A small machine: the system, a processor, a module and an empty slot.
    pub(crate) fn table() -> Vec<u8> {
        let uuid: Vec<u8> = (0..16).collect();
        let mut table = structure(
            1,
            &[(4, &[1, 2, 3, 4]), (8, &uuid), (0x18, &[6, 5])],
            27,
            &["QEMU", "Standard PC", "pc-1.0", "serial", "sku"],
        );
        table.extend(structure(
            4,
            &[
                (4, &[1]),
                (7, &[2]),
                (0x10, &[3]),
                (0x14, &[0xd0, 7, 0xd0, 7, 0x41]),
                (0x23, &[0xff, 2, 4]),
                (0x2a, &[0, 1]),
            ],
            48,
            &["CPU 0", "QEMU", "pc-1.0"],
        ));
        table.extend(structure(
            17,
            &[(0x0c, &[0, 1]), (0x10, &[1, 2]), (0x15, &[0x80, 0x0c])],
            40,
            &["DIMM 0", "BANK 0"],
        ));
        table.extend(structure(17, &[(0x10, &[1])], 21, &["DIMM 1"]));
        table.extend(structure(127, &[], 4, &[]));
        table
    }

    #[test]
    fn rsrc_019_to_021_the_tables_of_a_machine_are_read() {
        let machine = parse(&table(), Some((2, 8)));

        let system = machine.system.unwrap();
        assert_eq!(system.manufacturer, "QEMU");
        assert_eq!(system.wake_up_type, "Power Switch");
        assert_eq!(system.uuid, "03020100-0504-0706-0809-0a0b0c0d0e0f");
        assert_eq!(system.sku_number, "sku");
        let [processor] = &machine.processors[..] else {
            panic!("{:?}", machine.processors);
        };
        assert_eq!(
            (processor.socket.as_str(), processor.max_speed_mhz),
            ("CPU 0", 2000)
        );
        assert_eq!((processor.core_count, processor.core_enabled), (256, 2));
        assert_eq!((processor.thread_count, processor.status), (4, 0x41));
        let sizes: Vec<_> = machine
            .memory
            .iter()
            .map(|module| module.size_mib)
            .collect();
        assert_eq!(sizes, [256, 0]);
        assert_eq!(machine.memory[0].speed_mts, 3200);
    }

    #[test]
    fn before_version_2_6_a_uuid_is_read_in_its_order() {
        let machine = parse(&table(), Some((2, 4)));

        assert_eq!(
            machine.system.unwrap().uuid,
            "00010203-0405-0607-0809-0a0b0c0d0e0f"
        );
        assert_eq!(version(b"_SM_\0\0\x02\x04"), Some((2, 4)));
        assert_eq!(version(b"_SM3_\0\0\x03\x01"), Some((3, 1)));
        assert_eq!(version(b"_SM3_"), None);
        assert_eq!(version(b"nonsense"), None);
    }

    #[test]
    fn firmware_that_was_never_filled_in_gives_empty_fields() {
        let short = structure(1, &[(4, &[9, 1])], 8, &["Box\u{7}\n "]);

        let system = parse(&short, None).system.unwrap();

        assert_eq!(
            (system.manufacturer.as_str(), system.product_name.as_str()),
            ("", "Box")
        );
        assert_eq!((system.uuid.as_str(), system.sku_number.as_str()), ("", ""));
        for same in [0, 0xff] {
            let uuid = structure(1, &[(8, &[same; 16])], 27, &[]);
            assert_eq!(parse(&uuid, None).system.unwrap().uuid, "");
        }
    }

    #[test]
    fn a_table_that_lies_about_lengths_ends_there() {
        for table in [
            &[][..],
            &[1],
            &[1, 0, 0, 0],
            &[1, 3, 0, 0, 0, 0],
            &[1, 255, 0, 0, 0, 0],
            // Its texts never end.
            &[1, 4, 0, 0, b'a', b'b', b'c'],
        ] {
            assert_eq!(parse(table, None), Machine::default(), "{table:?}");
        }
        let endless = structure(1, &[], 4, &[]).repeat(100_000);
        assert!(parse(&endless, None).system.is_some());
        let long = structure(1, &[(4, &[1])], 8, &[&"x".repeat(50_000)]);
        assert_eq!(
            parse(&long, None).system.unwrap().manufacturer.len(),
            TEXT_MAX
        );
    }

    proptest! {
        #[test]
        fn no_table_whatever_is_in_it_is_a_panic(table in prop::collection::vec(any::<u8>(), 0..512)) {
            let found = parse(&table, version(&table));
            prop_assert!(found.processors.len() <= 512);
        }

        #[test]
        fn a_table_cut_anywhere_and_changed_anywhere_is_read_as_far_as_it_goes(
            cut in 0_usize..400, at in 0_usize..400, byte: u8,
        ) {
            let mut table = table();
            if let Some(place) = table.get_mut(at) {
                *place = byte;
            }
            table.truncate(cut);
            let _found = parse(&table, Some((3, 0)));
        }
    }
}
