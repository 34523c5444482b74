// SPDX-License-Identifier: MPL-2.0
//! Resources of the clock.
//!
//! Owns: where the time comes from, and whether it did.
//! Never: reads a clock.

use super::Layer;
use super::field::spec;

spec! {
    /// Time servers that somebody wishes. Its id is `layer/timeservers` before merging, then `timeservers`.
    TimeServerSpec,
    "TimeServerSpecs.net.talos.dev" in "network",
    ["timeserverspec", "tss"],
    [],
    Public,
    {
        1 "timeServers" servers: Vec<String>, keep, "Their names and addresses.";
        2 "layer" layer: Layer, keep, "Who wishes them.";
    }
}

spec! {
    /// The time servers in use. Its id is `timeservers`.
    TimeServerStatus,
    "TimeServerStatuses.net.talos.dev" in "network",
    ["timeserver", "timeservers", "timeserverstatus", "tss"],
    ["Timeservers" = "{.timeServers}"],
    Public,
    {
        1 "timeServers" servers: Vec<String>, keep, "Their names and addresses.";
    }
}

spec! {
    /// Whether the clock is right. Its id is `node`.
    TimeStatus,
    "TimeStatuses.v1alpha1.talos.dev" in "runtime",
    ["timestatus", "ts"],
    ["Synced" = "{.synced}"],
    Public,
    {
        1 "synced" synced: bool, keep, "Whether it counts as right.";
        2 "epoch" epoch: i64, keep, "Grows with each jump.";
        3 "syncDisabled" sync_disabled: bool, keep, "Whether the configuration leaves the clock alone.";
    }
}

/// The id of time servers, of wishes after their layer.
pub(crate) const TIME_SERVERS: &str = "timeservers";
