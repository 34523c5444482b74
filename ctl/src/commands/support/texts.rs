// SPDX-License-Identifier: MPL-2.0
//! Short answers of a node as text.
//!
//! Owns: one table for each.
//! Never: leaves out a row.

use api::machine as m;
use api::storage;

use crate::commands::{memory as memory_table, processes as processes_table};
use crate::table::Table;
use crate::units;

/// One line each.
pub(super) fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(super) fn version(version: m::Version) -> String {
    let version = version.version.unwrap_or_default();
    let mut table = Table::headless();
    for (name, value) in [
        ("Tag:", version.tag),
        ("SHA:", version.sha),
        ("Built:", version.built),
        ("OS/Arch:", format!("{}/{}", version.os, version.arch)),
    ] {
        table.row([name.to_owned(), value]);
    }
    table.to_string()
}

pub(super) fn processes(snapshot: m::Process) -> String {
    let mut table = Table::new(&[
        "PID", "PPID", "STATE", "THREADS", "CPU-TIME", "VIRTMEM", "RESMEM", "COMMAND",
    ]);
    for process in snapshot.processes {
        table.row([
            process.pid.to_string(),
            process.ppid.to_string(),
            process.state.clone(),
            process.threads.to_string(),
            format!("{:.2}", process.cpu_time),
            units::size(process.virtual_memory),
            units::size(process.resident_memory),
            processes_table::command(&process),
        ]);
    }
    table.to_string()
}

pub(super) fn mounts(mounts: m::Mounts) -> String {
    let mut table = Table::new(&["FILESYSTEM", "SIZE", "AVAILABLE", "MOUNTED ON"]);
    for mount in mounts.stats {
        table.row([
            mount.filesystem,
            mount.size.to_string(),
            mount.available.to_string(),
            mount.mounted_on,
        ]);
    }
    table.to_string()
}

pub(super) fn memory(memory: m::Memory) -> String {
    memory_table::long(&memory.meminfo.unwrap_or_default())
}

pub(super) fn load(load: &m::LoadAvg) -> String {
    format!("{:.2} {:.2} {:.2}\n", load.load1, load.load5, load.load15)
}

pub(super) fn services(list: m::ServiceList) -> String {
    let mut table = Table::new(&["SERVICE", "STATE", "HEALTH", "LAST EVENT"]);
    for service in list.services {
        let health = service.health.unwrap_or_default();
        let health = match (health.unknown, health.healthy) {
            (true, _) => "?",
            (false, true) => "OK",
            (false, false) => "Fail",
        };
        let events = service.events.unwrap_or_default().events;
        let last = events.last().map(|event| event.msg.clone());
        table.row([
            service.id,
            service.state,
            health.to_owned(),
            last.unwrap_or_default(),
        ]);
    }
    table.to_string()
}

pub(super) fn disks(disks: storage::Disks) -> String {
    let mut table = Table::new(&[
        "DEVICE", "MODEL", "SERIAL", "SIZE", "BUS", "SYSTEM", "READONLY",
    ]);
    for disk in disks.disks {
        table.row([
            disk.device_name,
            disk.model,
            disk.serial,
            disk.size.to_string(),
            disk.bus_path,
            disk.system_disk.to_string(),
            disk.readonly.to_string(),
        ]);
    }
    table.to_string()
}

/// A row of something with a name and its counters.
fn counted(table: &mut Table, name: String, counters: &[u64]) {
    let counters = counters.iter().map(ToString::to_string);
    table.row(std::iter::once(name).chain(counters));
}

/// How busy each disk is: the time that requests took, and that all of them together waited (iostats.rst of the
/// kernel), in milliseconds, and what went through in sectors of 512 bytes.
pub(super) fn io(stats: m::DiskStats) -> String {
    let mut table = Table::new(&[
        "NAME",
        "IO-TIME",
        "IO-TIME-WEIGHTED",
        "IN-PROGRESS",
        "READ-SECTORS",
        "WRITE-SECTORS",
    ]);
    for disk in stats.devices {
        let numbers = [
            disk.io_time_ms,
            disk.io_time_weighted_ms,
            disk.io_in_progress,
            disk.read_sectors,
            disk.write_sectors,
        ];
        counted(&mut table, disk.name, &numbers);
    }
    table.to_string()
}

pub(super) fn network(stats: m::NetworkDeviceStats) -> String {
    let mut table = Table::new(&[
        "LINK",
        "RX-BYTES",
        "RX-PACKETS",
        "RX-ERRORS",
        "RX-DROPPED",
        "TX-BYTES",
        "TX-PACKETS",
        "TX-ERRORS",
        "TX-DROPPED",
    ]);
    for link in stats.devices {
        let numbers = [
            link.rx_bytes,
            link.rx_packets,
            link.rx_errors,
            link.rx_dropped,
            link.tx_bytes,
            link.tx_packets,
            link.tx_errors,
            link.tx_dropped,
        ];
        counted(&mut table, link.name, &numbers);
    }
    table.to_string()
}
