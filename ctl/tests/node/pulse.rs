// SPDX-License-Identifier: MPL-2.0
//! How busy the double is.
//!
//! Owns: counters that grow with each question, and a log of the kernel that goes on.
//! Never: needs a real load.

use std::sync::Mutex;

use api::common::Data;
use api::machine as m;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status};

use crate::double::Boxed;
use crate::shelf::{Held, named};

/// A processor that is busy for a quarter of its time.
pub(crate) fn system_stat(
    request: &Request<()>,
    held: &Mutex<Held>,
) -> Result<Response<m::SystemStatResponse>, Status> {
    let mut held = held.lock().unwrap();
    if held.is_away || named(request) == "10.0.0.9" {
        return Err(Status::unavailable("no route to it"));
    }
    held.beats = held.beats.saturating_add(1);
    let time = f64::from(held.beats);
    let cpu = m::CpuStat {
        user: time,
        idle: 7200.0 + 3.0 * time,
        ..Default::default()
    };
    let stat = m::SystemStat {
        cpu_total: Some(cpu),
        cpu: vec![cpu],
        process_running: 1,
        ..Default::default()
    };
    Ok(Response::new(m::SystemStatResponse {
        messages: vec![stat],
    }))
}

pub(crate) fn cpu_info() -> m::CpuInfoResponse {
    let cpu = m::CpuInfo {
        model_name: "Example 9000".to_owned(),
        cpu_mhz: 1500.0,
        ..Default::default()
    };
    m::CpuInfoResponse {
        messages: vec![m::CpUsInfo {
            cpu_info: vec![cpu; 4],
            ..Default::default()
        }],
    }
}

pub(crate) fn disk_stats() -> m::DiskStatsResponse {
    m::DiskStatsResponse {
        messages: vec![m::DiskStats {
            devices: vec![m::DiskStat {
                name: "vda".to_owned(),
                io_time_ms: 1500,
                io_time_weighted_ms: 2500,
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

pub(crate) fn load_avg() -> m::LoadAvgResponse {
    m::LoadAvgResponse {
        messages: vec![m::LoadAvg {
            load1: 0.75,
            ..Default::default()
        }],
    }
}

pub(crate) fn dmesg(asked: &m::DmesgRequest) -> Boxed<Data> {
    let line = |text: &str| {
        Ok(Data {
            bytes: text.as_bytes().to_vec(),
            ..Default::default()
        })
    };
    let lines = tokio_stream::iter([
        line("kern: info: the first\n"),
        line("kern: info: the last\n"),
    ]);
    if asked.follow {
        Box::pin(lines.chain(tokio_stream::pending()))
    } else {
        Box::pin(lines)
    }
}
