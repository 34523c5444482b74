// SPDX-License-Identifier: MPL-2.0
//! The node's own containers: which there are, what they use, and starting one again.
//!
//! Owns: what counts as a container (one of the configuration, or an extension service), and the
//! words for its state, which are those of containerd.
//! Never: takes the namespace of Kubernetes for its own.

use std::collections::BTreeMap;

use ::api::common::ContainerDriver;
use ::api::machine;
use proto::service::State;
use tonic::Status;

use super::control;
use crate::node::Node;
use crate::proc::cgroup;
use crate::resources::MachineConfig;
use crate::services::Entry;
use crate::{containers, extensions};

/// The namespace of the node's own.
const NAMESPACE: &str = "system";
/// That of pods.
const KUBERNETES: &str = "k8s.io";

pub(super) fn list(
    node: &Node,
    request: &machine::ContainersRequest,
) -> Result<machine::ContainersResponse, Status> {
    own_only(&request.namespace, request.driver)?;
    let state = node.state();
    let found = state.store.get::<MachineConfig>(MachineConfig::ID);
    let specs = found.iter().flat_map(|found| &found.0.machine.containers);
    let images: BTreeMap<&str, &str> = specs
        .map(|spec| (spec.name.as_str(), spec.image.as_str()))
        .collect();
    let image = |id: &str| {
        let name = id.strip_prefix(containers::PREFIX)?;
        images.get(name).map(|image| (*image).to_owned())
    };
    let all = state.services.iter().filter(|(id, _)| is_container(id));
    let containers = all.map(|(id, entry)| machine::ContainerInfo {
        namespace: NAMESPACE.to_owned(),
        id: id.to_owned(),
        // An extension service has a folder and no image.
        image: image(id).unwrap_or_default(),
        pid: entry.status.pid,
        status: word(entry).to_owned(),
        pod_id: id.to_owned(),
        name: id.to_owned(),
        network_namespace: String::new(),
    });
    Ok(machine::ContainersResponse {
        messages: vec![machine::Container {
            metadata: None,
            containers: containers.collect(),
        }],
    })
}

pub(super) fn stats(
    node: &Node,
    request: &machine::StatsRequest,
) -> Result<machine::StatsResponse, Status> {
    own_only(&request.namespace, request.driver)?;
    let ids: Vec<String> = {
        let state = node.state();
        let all = state.services.iter();
        let running = all.filter(|(id, entry)| is_container(id) && entry.status.pid != 0);
        running.map(|(id, _)| id.to_owned()).collect()
    };
    let stats = ids.into_iter().filter_map(|id| {
        // One that ended meanwhile uses nothing.
        let used = cgroup::used(&node.places, &id)?;
        Some(machine::Stat {
            namespace: NAMESPACE.to_owned(),
            memory_usage: used.memory,
            cpu_usage: used.cpu_ns,
            pod_id: id.clone(),
            name: id.clone(),
            id,
        })
    });
    Ok(machine::StatsResponse {
        messages: vec![machine::Stats {
            metadata: None,
            stats: stats.collect(),
        }],
    })
}

pub(super) async fn restart(
    node: &Node,
    request: &machine::RestartRequest,
) -> Result<machine::RestartResponse, Status> {
    own_only(&request.namespace, request.driver)?;
    let _words = control::restart(node, &request.id).await?;
    Ok(machine::RestartResponse {
        messages: vec![machine::Restart { metadata: None }],
    })
}

fn is_container(id: &str) -> bool {
    id.starts_with(containers::PREFIX) || id.starts_with(extensions::PREFIX)
}

/// Refuses what is not the node's own: containers of Kubernetes, and names that mean nothing.
fn own_only(namespace: &str, driver: i32) -> Result<(), Status> {
    let driver = ContainerDriver::try_from(driver)
        .map_err(|_| Status::invalid_argument(format!("driver {driver}: unknown")))?;
    match (namespace, driver) {
        ("" | NAMESPACE, ContainerDriver::Containerd) => Ok(()),
        (KUBERNETES, _) | (_, ContainerDriver::Cri) => Err(Status::unimplemented(format!(
            "containers of namespace \"{KUBERNETES}\": there is no container runtime yet; the \
             node's own are in \"{NAMESPACE}\""
        ))),
        (other, ContainerDriver::Containerd) => Err(Status::invalid_argument(format!(
            "namespace {other:?}: wants \"{NAMESPACE}\" or \"{KUBERNETES}\""
        ))),
    }
}

/// The state of a container in the words of containerd.
fn word(entry: &Entry) -> &'static str {
    match entry.status.state {
        State::Running | State::Stopping => "RUNNING",
        State::Waiting | State::Starting => "CREATED",
        State::Stopped | State::Finished | State::BackingOff | State::Failed => {
            if entry.is_waiting() {
                "CREATED"
            } else {
                "STOPPED"
            }
        }
    }
}
