// SPDX-License-Identifier: MPL-2.0
//! Resources of what changes all the time: counters, and how the clock is kept.
//!
//! An idle node does no work: they are read when somebody reads them, and again every half minute
//! while somebody watches them.
//!
//! Owns: which they are, and when they are read.
//! Never: reads them for nobody.

use std::sync::{Arc, Weak};
use std::time::Duration;

use resource::{Kind, ResourceSpec as _};

use crate::node::Node;
use crate::resources::{AdjtimeStatus, CpuStats, MemoryStats};
use crate::{adjtime, perf};

/// How often while somebody watches: as often as the documents' node does always.
const EVERY: Duration = Duration::from_secs(30);

/// Reads resources of a type into the store.
type Reader = fn(&Node);

/// The types, and who reads them.
const ALL: &[(&Kind, Reader)] = &[
    (CpuStats::KIND, perf::refresh_processors),
    (MemoryStats::KIND, perf::refresh_memory),
    (AdjtimeStatus::KIND, adjtime::refresh),
];

fn reader(kind: &Kind) -> Option<Reader> {
    let found = ALL.iter().find(|(known, _)| known.name == kind.name);
    found.map(|(_, reader)| *reader)
}

/// Whether a type is read on demand.
pub(crate) fn is_of(kind: &Kind) -> bool {
    reader(kind).is_some()
}

/// Reads a type now, if it is one of these.
pub(crate) fn refresh(node: &Node, kind: &Kind) {
    if let Some(reader) = reader(kind) {
        reader(node);
    }
}

/// Reads a type again and again for whoever watches it, until nobody holds `listener` any more.
pub(crate) async fn keep_fresh(node: Arc<Node>, kind: &'static Kind, listener: Weak<()>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if listener.strong_count() == 0 {
            return;
        }
        refresh(&node, kind);
    }
}
