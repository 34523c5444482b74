// SPDX-License-Identifier: MPL-2.0
//! File systems and how full they are.
//!
//! One on a dead server may never answer: who calls this is on a thread of its own.
//!
//! Owns: which mounts are told, and their sizes as metrics.
//! Never: asks one of another machine.

use super::exposition::{Kind, Text};
use crate::places::Places;
use crate::proc::mounts;

/// File systems that are no store of the operator's, or cannot be full.
const LEFT_OUT: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];
/// Folders below which everything is the system's own.
const SYSTEM: &[&str] = &["/dev", "/proc", "/sys"];
/// The most mounts that are told.
const MOUNTS_MAX: usize = 256;

/// One file system.
#[derive(Debug, Clone)]
pub(super) struct Size {
    device: String,
    kind: String,
    target: String,
    /// In the order of [`METRICS`]. `None`: it is another machine's, or does not say.
    values: Option<Vec<u64>>,
}

/// Asks all of them.
pub(super) fn ask(places: &Places) -> Vec<Size> {
    let mounts = mounts::listed(places).into_iter().rev().filter(|mount| {
        let is_system = SYSTEM.iter().any(|folder| {
            let below = mount.target.strip_prefix(folder);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        !is_system && !LEFT_OUT.contains(&mount.kind.as_str())
    });
    let mut seen = std::collections::BTreeSet::new();
    mounts
        // What is mounted over another is what a path leads to.
        .filter(|mount| seen.insert(mount.target.clone()))
        .take(MOUNTS_MAX)
        .map(|mount| Size {
            values: (!mount.is_remote())
                .then(|| sys::fs::statvfs(mount.target.as_str()).ok())
                .flatten()
                .map(|size| METRICS.iter().map(|(_, _, value)| value(&size)).collect()),
            device: mount.source,
            kind: mount.kind,
            target: mount.target,
        })
        .collect()
}

type Value = fn(&sys::fs::StatVfs) -> u64;

const METRICS: &[(&str, &str, Value)] = &[
    (
        "node_filesystem_size_bytes",
        "Bytes that there are.",
        |size| size.f_blocks.saturating_mul(size.f_frsize),
    ),
    (
        "node_filesystem_free_bytes",
        "Bytes that nobody uses.",
        |size| size.f_bfree.saturating_mul(size.f_frsize),
    ),
    (
        "node_filesystem_avail_bytes",
        "Bytes that everybody may still use.",
        |size| size.f_bavail.saturating_mul(size.f_frsize),
    ),
    (
        "node_filesystem_files",
        "Files that there can be.",
        |size| size.f_files,
    ),
    (
        "node_filesystem_files_free",
        "Files that there can still be.",
        |size| size.f_ffree,
    ),
    (
        "node_filesystem_readonly",
        "1 where nothing can be written, else 0.",
        |size| u64::from(size.f_flag.contains(sys::fs::StatVfsMountFlags::RDONLY)),
    ),
];

pub(super) fn tell(sizes: &[Size], text: &mut Text) {
    let labels = |size: &Size| {
        [
            ("device", size.device.clone()),
            ("fstype", size.kind.clone()),
            ("mountpoint", size.target.clone()),
        ]
    };
    for (place, (name, help, _)) in METRICS.iter().enumerate() {
        text.metric(name, Kind::Gauge, help);
        for size in sizes {
            if let Some(value) = size.values.as_ref().and_then(|all| all.get(place)) {
                let labels = labels(size);
                let labels = labels
                    .each_ref()
                    .map(|(name, value)| (*name, value.as_str()));
                text.sample(name, &labels, value);
            }
        }
    }
    let name = "node_filesystem_device_error";
    let help = "1 when the file system could not be asked, else 0.";
    text.metric(name, Kind::Gauge, help);
    for size in sizes {
        let labels = labels(size);
        let labels = labels
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        text.sample(name, &labels, u8::from(size.values.is_none()));
    }
}
