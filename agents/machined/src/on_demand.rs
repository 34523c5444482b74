// SPDX-License-Identifier: MPL-2.0
//! Resources of what changes all the time: counters, and how the clock is kept.
//!
//! An idle node does no work: they are read when somebody reads them, and again every half minute
//! while somebody watches them.
//!
//! Owns: which they are, and when they are read.
//! Never: reads them for nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Who watches which of the types. However many watch one, it is read once.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<BTreeMap<&'static str, Listened>>);

#[derive(Debug, Default)]
struct Listened {
    /// Each who watches has one, and we have one.
    by: Arc<()>,
    /// Whether a task reads it. It goes on for a moment when the last one leaves.
    is_read: bool,
}

impl Listeners {
    /// Adds one; says whether a task must be started.
    fn join(&self, kind: &'static Kind) -> (Arc<()>, bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listened = all.entry(kind.name).or_default();
        let starts = !std::mem::replace(&mut listened.is_read, true);
        (Arc::clone(&listened.by), starts)
    }

    /// Whether somebody still watches; when nobody does, the task must end.
    fn go_on(&self, kind: &Kind) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listened) = all.get_mut(kind.name) else {
            return false;
        };
        listened.is_read = Arc::strong_count(&listened.by) > 1;
        listened.is_read
    }
}

/// Has a type read again and again as long as what is returned is held, if it is one of these. It was
/// read just now.
pub(crate) fn listen(node: &Arc<Node>, kind: &'static Kind) -> Option<Arc<()>> {
    reader(kind)?;
    let (listener, starts) = node.listeners.join(kind);
    if starts {
        tokio::spawn(keep_fresh(Arc::clone(node), kind));
    }
    Some(listener)
}

async fn keep_fresh(node: Arc<Node>, kind: &'static Kind) {
    loop {
        tokio::time::sleep(EVERY).await;
        if !node.listeners.go_on(kind) {
            return;
        }
        refresh(&node, kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_watches_of_a_counter_have_it_read_by_one_task() {
        let listeners = Listeners::default();
        let watch = || listeners.join(MemoryStats::KIND);

        let all: Vec<_> = (0..1000).map(|_| watch()).collect();
        let starts: Vec<_> = all.iter().filter(|(_, starts)| *starts).collect();
        assert_eq!(starts.len(), 1);
        assert!(listeners.join(CpuStats::KIND).1, "another type has its own");
        assert!(listeners.go_on(MemoryStats::KIND));
        drop(all);

        // Who comes before the task has seen that nobody is there is read for by it.
        let (late, starts) = watch();
        assert!(!starts && listeners.go_on(MemoryStats::KIND));
        drop(late);
        assert!(!listeners.go_on(MemoryStats::KIND));
        assert!(watch().1, "the next one begins anew");
    }
}
