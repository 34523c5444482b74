// SPDX-License-Identifier: MPL-2.0
//! Resources of the clock.
//!
//! Owns: where the time comes from, and whether it did.
//! Never: reads a clock.

use super::Layer;
use super::field::spec;
use super::values::Span;

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

spec! {
    /// How the kernel keeps its clock. Its id is `node`.
    AdjtimeStatus,
    "AdjtimeStatuses.v1alpha1.talos.dev" in "runtime",
    ["adjtimestatus", "as"],
    ["Offset" = "{.offset}", "EstError" = "{.estError}", "MaxError" = "{.maxError}",
     "Status" = "{.status}", "Sync" = "{.syncStatus}"],
    Public,
    {
        1 "offset" offset: Span, keep, "By how much it is still to be moved.";
        2 "frequencyAdjustmentRatio" ratio: f64, keep, "How fast it runs, beside the hardware.";
        3 "maxError" max_error: Span, keep, "By how much it may be wrong at most.";
        4 "estError" estimated_error: Span, keep, "By how much it probably is wrong.";
        5 "status" status: String, keep, "The flags that are set: `STA_*`.";
        6 "constant" constant: i64, keep, "The time constant of the loop.";
        7 "syncStatus" synced: bool, keep, "Whether somebody keeps it in time.";
        8 "state" state: String, keep, "`TIME_*`.";
    }
}

/// The id of time servers, of wishes after their layer.
pub(crate) const TIME_SERVERS: &str = "timeservers";
