// SPDX-License-Identifier: MPL-2.0
//! Memory, paging and open files.
//!
//! Owns: `/proc/meminfo`, `/proc/vmstat` and `/proc/sys/fs/file-nr` as metrics.
//! Never: makes a name of what the kernel did not name.

use super::Failure;
use super::exposition::{Kind, Text};
use super::source::Source;

/// Counters of `/proc/vmstat` that are told: swapping, faults and the kernel's last resort.
const PAGING: &[&str] = &[
    "oom_kill",
    "pgfault",
    "pgmajfault",
    "pgpgin",
    "pgpgout",
    "pswpin",
    "pswpout",
];

pub(super) fn memory(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read("/proc/meminfo")?;
    for line in all.lines() {
        let (key, rest) = line.split_once(':').ok_or(Failure::Form)?;
        let mut words = rest.split_ascii_whitespace();
        let number: u64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or(Failure::Form)?;
        // `Active(anon)` is `Active_anon`.
        let key = key.trim_end_matches(')').replace('(', "_");
        if !key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let (name, value) = match words.next() {
            Some("kB") => (
                format!("node_memory_{key}_bytes"),
                number.saturating_mul(1024),
            ),
            _ => (format!("node_memory_{key}"), number),
        };
        let help = format!(
            "The line {} of /proc/meminfo.",
            name.trim_start_matches("node_memory_")
        );
        text.one(&name, Kind::Gauge, &help, value);
    }
    Ok(())
}

pub(super) fn paging(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read("/proc/vmstat")?;
    for line in all.lines() {
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        if PAGING.contains(&key) {
            let value: u64 = value.parse().map_err(|_| Failure::Form)?;
            let help = format!("The line {key} of /proc/vmstat.");
            text.one(&format!("node_vmstat_{key}"), Kind::Untyped, &help, value);
        }
    }
    Ok(())
}

pub(super) fn files(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let all = source.read("/proc/sys/fs/file-nr")?;
    let numbers: Vec<u64> = all
        .split_ascii_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let [allocated, _, maximum] = numbers[..] else {
        return Err(Failure::Form);
    };
    let help = "Open files of all processes.";
    text.one("node_filefd_allocated", Kind::Gauge, help, allocated);
    let help = "Open files that all processes may have.";
    text.one("node_filefd_maximum", Kind::Gauge, help, maximum);
    Ok(())
}
