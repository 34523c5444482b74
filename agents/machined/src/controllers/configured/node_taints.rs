// SPDX-License-Identifier: MPL-2.0
//! Taints of the Kubernetes node.
//!
//! Owns: `NodeTaintSpec`.
//! Never: taints a node.

use config::document::ClusterConfig;
use resource::{Controller, Desired, Failure, View};

use super::node_labels::CONTROL_PLANE;
use super::{control_plane, machine, of_configuration};
use crate::resources::NodeTaintSpec;

pub(super) fn controller() -> Controller {
    of_configuration::<NodeTaintSpec>("k8s.NodeTaintSpecController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if control_plane(view).is_some_and(|cluster| !takes_pods(cluster)) {
        let taint = NodeTaintSpec {
            key: CONTROL_PLANE.to_owned(),
            effect: "NoSchedule".to_owned(),
            value: String::new(),
        };
        desired.put(CONTROL_PLANE, taint);
    }
    for (key, written) in machine(view)
        .into_iter()
        .flat_map(|found| &found.node_taints)
    {
        let (value, effect) = written.split_once(':').unwrap_or(("", written));
        let taint = NodeTaintSpec {
            key: key.clone(),
            effect: effect.to_owned(),
            value: value.to_owned(),
        };
        desired.put(key.clone(), taint);
    }
    Ok(())
}

/// Whether pods of everybody may run on control plane nodes.
fn takes_pods(cluster: &ClusterConfig) -> bool {
    let written = cluster.allow_scheduling_on_control_planes;
    written.or(cluster.allow_scheduling_on_masters) == Some(true)
}
