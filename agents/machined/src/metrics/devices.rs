// SPDX-License-Identifier: MPL-2.0
//! Disks, network interfaces and sockets.
//!
//! Owns: `/proc/diskstats`, `/proc/net/dev` and `/proc/net/sockstat` as metrics.
//! Never: tells of a part of a disk: its disk has it.

use super::Failure;
use super::exposition::{Kind, Parts, Text};
use super::source::Source;

/// A sector, whatever the disk's own is (Documentation/admin-guide/iostats.rst).
const SECTOR: u64 = 512;

/// How a column is told.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Count,
    Sectors,
    Milliseconds,
}

struct Column {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
}

const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Counter,
        unit,
        help,
    }
}

/// Columns of `/proc/diskstats` after the name, in order.
const DISK: &[Column] = &[
    counter(
        "node_disk_reads_completed_total",
        Unit::Count,
        "Reads that are done.",
    ),
    counter(
        "node_disk_reads_merged_total",
        Unit::Count,
        "Reads that became part of another.",
    ),
    counter(
        "node_disk_read_bytes_total",
        Unit::Sectors,
        "Bytes that were read.",
    ),
    counter(
        "node_disk_read_time_seconds_total",
        Unit::Milliseconds,
        "Time that reads took, all added up.",
    ),
    counter(
        "node_disk_writes_completed_total",
        Unit::Count,
        "Writes that are done.",
    ),
    counter(
        "node_disk_writes_merged_total",
        Unit::Count,
        "Writes that became part of another.",
    ),
    counter(
        "node_disk_written_bytes_total",
        Unit::Sectors,
        "Bytes that were written.",
    ),
    counter(
        "node_disk_write_time_seconds_total",
        Unit::Milliseconds,
        "Time that writes took, all added up.",
    ),
    Column {
        name: "node_disk_io_now",
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Requests that the device is at.",
    },
    counter(
        "node_disk_io_time_seconds_total",
        Unit::Milliseconds,
        "Time in which the device had something to do.",
    ),
    counter(
        "node_disk_io_time_weighted_seconds_total",
        Unit::Milliseconds,
        "Time in which it had something to do, once for each request.",
    ),
    counter(
        "node_disk_discards_completed_total",
        Unit::Count,
        "Discards that are done.",
    ),
    counter(
        "node_disk_discards_merged_total",
        Unit::Count,
        "Discards that became part of another.",
    ),
    counter(
        "node_disk_discarded_sectors_total",
        Unit::Count,
        "Sectors that were discarded.",
    ),
    counter(
        "node_disk_discard_time_seconds_total",
        Unit::Milliseconds,
        "Time that discards took, all added up.",
    ),
    counter(
        "node_disk_flush_requests_total",
        Unit::Count,
        "Flushes that are done.",
    ),
    counter(
        "node_disk_flush_requests_time_seconds_total",
        Unit::Milliseconds,
        "Time that flushes took, all added up.",
    ),
];

pub(super) fn disks(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read("/proc/diskstats")?;
    let disks: Vec<(&str, Vec<u64>)> = all
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(2);
            let name = words.next().filter(|name| is_disk(name))?;
            Some((name, words.map_while(|word| word.parse().ok()).collect()))
        })
        .collect();
    for (place, column) in DISK.iter().enumerate() {
        text.metric(column.name, column.kind, column.help);
        for (disk, numbers) in &disks {
            let Some(number) = numbers.get(place) else {
                continue;
            };
            let labels = [("device", *disk)];
            match column.unit {
                Unit::Count => text.sample(column.name, &labels, number),
                Unit::Sectors => text.sample(column.name, &labels, number.saturating_mul(SECTOR)),
                Unit::Milliseconds => {
                    let seconds = Parts {
                        parts: *number,
                        per_one: 1000,
                    };
                    text.sample(column.name, &labels, seconds);
                }
            }
        }
    }
    Ok(())
}

/// Whether it is a disk, and neither a part of one nor made of memory or a file.
fn is_disk(name: &str) -> bool {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let has_number = letters.len() < name.len();
    let is_part = has_number
        && match letters {
            "ram" | "zram" | "loop" | "fd" => true,
            _ => {
                let is_letter_disk = ["sd", "hd", "vd", "xvd"].iter().any(|kind| {
                    letters.strip_prefix(kind).is_some_and(|rest| {
                        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase())
                    })
                });
                let disk = letters.strip_suffix('p');
                is_letter_disk
                    || disk.is_some_and(|disk| disk.ends_with(|c: char| c.is_ascii_digit()))
            }
        };
    !is_part
}

/// Columns of `/proc/net/dev`, in order.
const NETWORK: &[&str] = &[
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

pub(super) fn network(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read("/proc/net/dev")?;
    let devices: Vec<(&str, Vec<u64>)> = all
        .lines()
        .filter_map(|line| {
            // A name may hold colons; the numbers hold none.
            let (name, rest) = line.rsplit_once(':')?;
            let numbers = rest.split_ascii_whitespace();
            Some((
                name.trim(),
                numbers.map_while(|word| word.parse().ok()).collect(),
            ))
        })
        .collect();
    for (place, column) in NETWORK.iter().enumerate() {
        let name = format!("node_network_{column}_total");
        let help = format!("The column {column} of /proc/net/dev.");
        text.metric(&name, Kind::Counter, &help);
        for (device, numbers) in &devices {
            if let Some(number) = numbers.get(place) {
                text.sample(&name, &[("device", device)], number);
            }
        }
    }
    Ok(())
}

pub(super) fn sockets(source: &Source, text: &mut Text) -> Result<(), Failure> {
    for path in ["/proc/net/sockstat", "/proc/net/sockstat6"] {
        let Some(all) = source.read_if_there(path)? else {
            continue;
        };
        for line in all.lines() {
            let (protocol, rest) = line.split_once(':').ok_or(Failure::Form)?;
            if !protocol.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                continue;
            }
            let words: Vec<&str> = rest.split_ascii_whitespace().collect();
            for pair in words.chunks_exact(2) {
                let [key, value] = pair else { continue };
                if let Ok(value) = value.parse::<u64>() {
                    let name = format!("node_sockstat_{protocol}_{key}");
                    let help = format!("What /proc/net/sockstat says of {protocol}: {key}.");
                    text.one(&name, Kind::Gauge, &help, value);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_disk;

    #[test]
    fn parts_of_disks_and_disks_of_memory_are_left_out() {
        for name in ["sda", "vdb", "nvme0n1", "mmcblk0", "dm-0", "md127", "sr0"] {
            assert!(is_disk(name), "{name}");
        }
        for name in [
            "sda1",
            "vdb12",
            "nvme0n1p3",
            "mmcblk0p1",
            "loop0",
            "ram3",
            "zram0",
            "fd0",
        ] {
            assert!(!is_disk(name), "{name}");
        }
    }
}
