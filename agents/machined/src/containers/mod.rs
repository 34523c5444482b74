// SPDX-License-Identifier: MPL-2.0
//! Containers: programs from images of registries, each a `ContainerConfig` of the configuration.
//!
//! Owns: who keeps which container, and which images imaged keeps.
//! Never: reads what is in an image, or holds anything else for one of them.

mod fetch;
mod images;
mod kept;
pub(crate) mod orders;
mod ports;
mod spec;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use config::ContainerSpec;

use self::kept::Container;
use crate::extensions::spec::Limits;
use crate::extensions::wait_for_core;
use crate::keeper::{self, Kept as _};
use crate::node::Node;
use crate::proc;
use crate::resources::MachineConfig;

pub(crate) use self::images::Images;
use self::images::Wanted;

/// What the names of containers begin with at init and in the API: another beginning than that of
/// extension services, so that a container cannot take the name of one.
pub(crate) const PREFIX: &str = "ctr-";
/// The most services that are the operator's: init knows 64, of which a dozen are ours.
const KEPT_MAX: usize = 48;
/// How often is looked whether imaged heard what is wanted, while it did not.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The containers of the configuration that is in force.
fn wanted(node: &Node) -> Vec<ContainerSpec> {
    let state = node.state();
    let found = state.store.get::<MachineConfig>(MachineConfig::ID);
    found.map_or_else(Vec::new, |found| found.0.machine.containers.clone())
}

/// Containers that are known and not kept: the configuration that had them went while machined was
/// away. Who keeps one without a document ends it.
fn left_over(node: &Node) -> Vec<String> {
    let state = node.state();
    let ids = state.services.iter().map(|(id, _)| id);
    ids.filter(|id| !node.keepers.has(id))
        .filter_map(|id| id.strip_prefix(PREFIX))
        .map(str::to_owned)
        .collect()
}

/// Has the containers of the configuration kept, for ever.
pub(crate) async fn follow(node: Arc<Node>) {
    wait_for_core(&node).await;
    let memory = proc::memory::read(&node.places).map_or(0, |memory| memory.mem_total);
    let limits = Limits::of(memory);
    let mut told: Option<Wanted> = None;
    let mut refused = BTreeSet::new();
    loop {
        let changed = node.services_changed.notified();
        let wanted = wanted(&node);
        refused.retain(|name| wanted.iter().any(|spec| spec.name == *name));
        for spec in &wanted {
            let container = Container::new(&spec.name, limits);
            let id = container.id();
            if node.keepers.has(&id) || refused.contains(&spec.name) {
                continue;
            }
            if node.keepers.count() < KEPT_MAX {
                keeper::keep(&node, container);
            } else {
                let reason = format!("more than {KEPT_MAX} extension services and containers");
                keeper::refuse(&node, Container::KIND, &id, &reason);
                refused.insert(spec.name.clone());
            }
        }
        for name in left_over(&node) {
            if !refused.contains(&name) {
                keeper::keep(&node, Container::new(&name, limits));
            }
        }
        images::hand_over(&node);
        let references: BTreeSet<String> = wanted.into_iter().map(|spec| spec.image).collect();
        let wanted = Wanted::of(&node, references);
        // A container that starts tells imaged itself what it needs; until then nothing may go.
        let is_settled =
            told.as_ref() == Some(&wanted) && !images::is_idle(&node, &wanted.references);
        let is_told = is_settled || images::keep(&node, &wanted).await;
        if is_told {
            told = Some(wanted);
        }
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(LOOK_AGAIN), if !is_told => {}
        }
    }
}
