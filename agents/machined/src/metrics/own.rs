// SPDX-License-Identifier: MPL-2.0
//! The node itself: its name and clock, and its services.
//!
//! Owns: metrics that only this system has.
//! Never: tells anything that needs a right to read.

use proto::service::State;

use super::exposition::{Kind, Parts, Text};
use crate::clock;
use crate::node::Node;

pub(super) fn name_and_clock(text: &mut Text) {
    let name = sys::system::uname();
    let word = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let values = [
        ("domainname", word(name.domainname())),
        ("machine", word(name.machine())),
        ("nodename", word(name.nodename())),
        ("release", word(name.release())),
        ("sysname", word(name.sysname())),
        ("version", word(name.version())),
    ];
    let labels = values
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let metric = "node_uname_info";
    let help = "What uname(2) says; always 1.";
    text.metric(metric, Kind::Gauge, help);
    text.sample(metric, &labels, 1);
    let since = clock::now()
        .wall
        .duration_since(std::time::SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let time = Parts {
        parts: u64::try_from(since.as_nanos()).unwrap_or(0),
        per_one: 1_000_000_000,
    };
    let help = "What the clock says, since 1970.";
    text.one("node_time_seconds", Kind::Gauge, help, time);
    let metric = "ichor_build_info";
    text.metric(metric, Kind::Gauge, "The version of the system.");
    text.sample(metric, &[("version", env!("CARGO_PKG_VERSION"))], 1);
}

pub(super) fn services(node: &Node, text: &mut Text) {
    let state = node.state();
    let all: Vec<_> = state.services.iter().collect();
    let metric = "ichor_service_up";
    text.metric(metric, Kind::Gauge, "Whether the service runs.");
    for (id, entry) in &all {
        let up = entry.status.state == State::Running;
        text.sample(metric, &[("service", id)], u8::from(up));
    }
    let metric = "ichor_service_restarts_total";
    text.metric(
        metric,
        Kind::Counter,
        "How often the service was started again.",
    );
    for (id, entry) in &all {
        text.sample(metric, &[("service", id)], entry.status.restarts);
    }
}
