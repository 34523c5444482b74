// SPDX-License-Identifier: MPL-2.0
//! What the kernel says in `/proc` and `/sys`, in the shapes of the machine API.
//!
//! `procfs-core` reads memory, load, processes, mounts and processors; `/proc/stat` is ours,
//! because the API wants the interrupt counters that the library leaves out. So are disks, network
//! devices and sockets, where the library refuses the whole file for one line it does not know.
//!
//! Owns: those conversions.
//! Never: fails a whole answer because of one line that a kernel writes differently.

pub(crate) mod block;
pub(crate) mod cgroup;
pub(crate) mod cpu;
pub(crate) mod disks;
pub(crate) mod memory;
pub(crate) mod mounts;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod sockets;
pub(crate) mod stat;

use crate::places::Places;

/// A fact of the firmware (SMBIOS); nothing when there is none.
#[must_use]
pub(crate) fn smbios(places: &Places, name: &str) -> Option<String> {
    let path = places.at("/sys/class/dmi/id").join(name);
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_ascii_lowercase())
}
