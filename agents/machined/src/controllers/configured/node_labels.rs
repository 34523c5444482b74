// SPDX-License-Identifier: MPL-2.0
//! Labels of the Kubernetes node.
//!
//! Owns: `NodeLabelSpec`.
//! Never: labels a node.

use resource::{Controller, Desired, Failure, View};

use super::{machine, of_configuration};
use crate::controllers::is_control_plane;
use crate::resources::NodeLabelSpec;

/// What control plane nodes are labelled, and tainted, with.
pub(super) const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

pub(super) fn controller() -> Controller {
    of_configuration::<NodeLabelSpec>("k8s.NodeLabelSpecController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let role = is_control_plane(view).then(|| (CONTROL_PLANE.to_owned(), String::new()));
    let written = machine(view)
        .into_iter()
        .flat_map(|found| &found.node_labels);
    let written = written.map(|(key, value)| (key.clone(), value.clone()));
    for (key, value) in role.into_iter().chain(written) {
        desired.put(key.clone(), NodeLabelSpec { key, value });
    }
    Ok(())
}
