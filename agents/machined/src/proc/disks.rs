// SPDX-License-Identifier: MPL-2.0
//! `/proc/diskstats`: what block devices read and wrote.
//!
//! Owns: that file (Documentation/admin-guide/iostats.rst).
//! Never: stops at a line it does not know.

use api::machine::{DiskStat, DiskStats};

/// Reads the text of `/proc/diskstats`. The total counts whole devices, and not their partitions
/// again: a partition's name begins with that of the device before it.
#[must_use]
pub(crate) fn parse(text: &str) -> DiskStats {
    let devices: Vec<DiskStat> = text.lines().filter_map(device).collect();
    let mut total = DiskStat {
        name: "total".to_owned(),
        ..DiskStat::default()
    };
    let mut whole: Option<&str> = None;
    for device in &devices {
        if whole.is_some_and(|whole| is_partition(&device.name, whole)) {
            continue;
        }
        whole = Some(&device.name);
        for (sum, value) in numbers(&mut total).into_iter().zip(values(device)) {
            *sum = sum.wrapping_add(value);
        }
    }
    DiskStats {
        metadata: None,
        total: Some(total),
        devices,
    }
}

/// `sda1` of `sda`, `nvme0n1p2` of `nvme0n1` (block/partitions/core.c: a `p` goes between when the
/// device's name ends in a digit).
fn is_partition(name: &str, whole: &str) -> bool {
    let Some(rest) = name.strip_prefix(whole) else {
        return false;
    };
    let number = if whole.ends_with(|c: char| c.is_ascii_digit()) {
        rest.strip_prefix('p').unwrap_or_default()
    } else {
        rest
    };
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn device(line: &str) -> Option<DiskStat> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let mut device = DiskStat {
        name: words.next()?.to_owned(),
        ..DiskStat::default()
    };
    for (index, place) in numbers(&mut device).into_iter().enumerate() {
        match words.next() {
            Some(word) => *place = word.parse().ok()?,
            // Kernels before 4.18 count no discards.
            None if index >= 11 => {}
            None => return None,
        }
    }
    Some(device)
}

/// The numbers in the order of the file's columns.
fn numbers(device: &mut DiskStat) -> [&mut u64; 15] {
    [
        &mut device.read_completed,
        &mut device.read_merged,
        &mut device.read_sectors,
        &mut device.read_time_ms,
        &mut device.write_completed,
        &mut device.write_merged,
        &mut device.write_sectors,
        &mut device.write_time_ms,
        &mut device.io_in_progress,
        &mut device.io_time_ms,
        &mut device.io_time_weighted_ms,
        &mut device.discard_completed,
        &mut device.discard_merged,
        &mut device.discard_sectors,
        &mut device.discard_time_ms,
    ]
}

fn values(device: &DiskStat) -> [u64; 15] {
    let mut device = device.clone();
    numbers(&mut device).map(|number| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
   7       0 loop0 5 0 38 1 0 0 0 0 0 2 1 0 0 0 0 0 0
 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
 254       1 vda1 1 2 3 4 5 6 7 8 9 10 11
 259       0 nvme0n1 100 0 0 0 0 0 0 0 0 0 0
 259       1 nvme0n1p1 90 0 0 0 0 0 0 0 0 0 0
 259       2 nvme0n11 7 0 0 0 0 0 0 0 0 0 0
";

    #[test]
    fn every_column_is_where_the_api_has_it_and_partitions_count_once() {
        let stats = parse(TEXT);

        assert_eq!(stats.devices.len(), 6);
        let vda = &stats.devices[1];
        assert_eq!(
            values(vda),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
        );
        assert_eq!((vda.write_completed, vda.discard_time_ms), (5, 15));
        assert_eq!(stats.devices[2].discard_completed, 0);
        let total = stats.total.unwrap();
        assert_eq!((total.name.as_str(), total.read_completed), ("total", 113));
    }

    #[test]
    fn nonsense_is_no_device() {
        for text in [
            "",
            "8 0",
            "8 0 sda",
            "8 0 sda 1 2 3",
            "8 0 sda 1 2 3 4 5 6 7 8 9 10 x",
        ] {
            assert_eq!(parse(text).devices, [], "{text}");
        }
    }
}
