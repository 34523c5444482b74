// SPDX-License-Identifier: MPL-2.0
//! What the node is and how it fares.
//!
//! Owns: the answers that come from the kernel and from what is known.
//! Never: waits.

use api::machine;
use tonic::Status;

use crate::node::Node;
use crate::proc;
use crate::resources::{HostnameStatus, MachineConfig};

const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};

pub(super) fn version(node: &Node) -> machine::VersionResponse {
    let state = node.state();
    let configuration = state.store.get::<MachineConfig>(MachineConfig::ID);
    let version = machine::Version {
        metadata: None,
        version: Some(machine::VersionInfo {
            tag: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            os: "linux".to_owned(),
            arch: ARCHITECTURE.to_owned(),
            ..machine::VersionInfo::default()
        }),
        platform: Some(machine::PlatformInfo {
            name: node.arguments.platform().to_owned(),
            mode: node.arguments.mode().to_owned(),
        }),
        features: Some(machine::FeaturesInfo {
            rbac: configuration.is_some_and(|found| found.0.machine.rbac),
        }),
    };
    machine::VersionResponse {
        messages: vec![version],
    }
}

pub(super) fn hostname(node: &Node) -> machine::HostnameResponse {
    let state = node.state();
    let status = state.store.get::<HostnameStatus>(HostnameStatus::ID);
    machine::HostnameResponse {
        messages: vec![machine::Hostname {
            metadata: None,
            hostname: status.map(HostnameStatus::full).unwrap_or_default(),
        }],
    }
}

fn unreadable(what: &str, error: impl std::fmt::Display) -> Status {
    Status::internal(format!("cannot read {what}: {error}"))
}

fn read(node: &Node, path: &str) -> Result<String, Status> {
    std::fs::read_to_string(node.places.at(path)).map_err(|error| unreadable(path, error))
}

pub(super) fn memory(node: &Node) -> Result<machine::MemoryResponse, Status> {
    let memory =
        proc::memory::read(&node.places).map_err(|error| unreadable("/proc/meminfo", error))?;
    Ok(machine::MemoryResponse {
        messages: vec![machine::Memory {
            metadata: None,
            meminfo: Some(proc::memory::wire(&memory)),
        }],
    })
}

pub(super) fn load(node: &Node) -> Result<machine::LoadAvgResponse, Status> {
    let load =
        proc::memory::load(&node.places).map_err(|error| unreadable("/proc/loadavg", error))?;
    Ok(machine::LoadAvgResponse {
        messages: vec![load],
    })
}

pub(super) fn stat(node: &Node) -> Result<machine::SystemStatResponse, Status> {
    let text = read(node, "/proc/stat")?;
    Ok(machine::SystemStatResponse {
        messages: vec![proc::stat::parse(&text)],
    })
}

pub(super) fn processors(node: &Node) -> Result<machine::CpuInfoResponse, Status> {
    let text = read(node, "/proc/cpuinfo")?;
    Ok(machine::CpuInfoResponse {
        messages: vec![machine::CpUsInfo {
            metadata: None,
            cpu_info: proc::cpu::parse(&text),
        }],
    })
}

pub(super) fn network(node: &Node) -> Result<machine::NetworkDeviceStatsResponse, Status> {
    let text = read(node, "/proc/net/dev")?;
    Ok(machine::NetworkDeviceStatsResponse {
        messages: vec![proc::network::parse(&text)],
    })
}

pub(super) fn disks(node: &Node) -> Result<machine::DiskStatsResponse, Status> {
    let text = read(node, "/proc/diskstats")?;
    Ok(machine::DiskStatsResponse {
        messages: vec![proc::disks::parse(&text)],
    })
}
