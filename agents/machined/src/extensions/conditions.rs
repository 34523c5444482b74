// SPDX-License-Identifier: MPL-2.0
//! Whether a service may start.
//!
//! Owns: what each condition asks of the node, and its words.
//! Never: waits.

use proto::service::State as Life;

use super::description::{Condition, Extension, Network};
use crate::node::{Node, State};
use crate::places::Places;
use crate::resources::{HostnameStatus, MachineConfig, NodeAddress, RouteStatus};
use crate::services::Health;
use crate::services::health::is_checked;

/// What a service still waits for, in words; nothing when it may start.
pub(super) fn unmet(node: &Node, extension: &Extension) -> Vec<String> {
    let state = node.state();
    let file = extension.environment_file.clone().map(Condition::Path);
    let conditions = extension.depends.iter().chain(&file);
    conditions
        .filter(|condition| !holds(&state, &node.places, &extension.name, condition))
        .map(|condition| words(&extension.name, condition))
        .collect()
}

fn holds(state: &State, places: &Places, name: &str, condition: &Condition) -> bool {
    let machine = state
        .store
        .get::<MachineConfig>(MachineConfig::ID)
        .map(|found| &found.0.machine);
    match condition {
        Condition::Service(id) => state.services.get(id).is_some_and(|entry| {
            entry.status.state == Life::Running
                && match entry.health {
                    Health::Good { .. } => true,
                    // Not yet, or never.
                    Health::Unknown => !is_checked(id),
                    Health::Bad { .. } => false,
                }
        }),
        Condition::Path(path) => places.at(path).symlink_metadata().is_ok(),
        Condition::Network(all) => all.iter().all(|one| is_ready(state, places, *one)),
        // Nothing sets the clock of this node yet; who turned that off does not wait for it.
        Condition::Time => machine.is_some_and(|machine| machine.time_disabled),
        Condition::Configuration => machine.is_some_and(|machine| {
            let mut all = machine.extension_services.iter();
            all.any(|service| service.name == name)
        }),
    }
}

fn is_ready(state: &State, places: &Places, network: Network) -> bool {
    let store = &state.store;
    match network {
        Network::Addresses => store
            .get::<NodeAddress>("current")
            .is_some_and(|found| !found.0.is_empty()),
        // A way to everywhere else. Whether anybody answers there is not asked.
        Network::Connectivity => store
            .list::<RouteStatus>()
            .any(|route| route.spec.destination.length == 0 && route.spec.gateway.is_some()),
        Network::Hostname => store.get::<HostnameStatus>(HostnameStatus::ID).is_some(),
        Network::EtcFiles => ["hosts", "resolv.conf"]
            .iter()
            .all(|file| places.etc().join(file).exists()),
    }
}

/// A condition as it follows on "Waiting for".
fn words(name: &str, condition: &Condition) -> String {
    match condition {
        Condition::Service(id) => format!("service \"{id}\" to be \"up\""),
        Condition::Path(path) => format!("file \"{path}\" to exist"),
        Condition::Network(all) => {
            let all: Vec<&str> = all.iter().map(|one| one.word()).collect();
            format!("network: {}", all.join(", "))
        }
        Condition::Time => "time sync".to_owned(),
        Condition::Configuration => format!("extension service configuration \"{name}\""),
    }
}
