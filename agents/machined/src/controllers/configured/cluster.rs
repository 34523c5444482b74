// SPDX-License-Identifier: MPL-2.0
//! What the cluster is called.
//!
//! Owns: `ClusterInfo`.
//! Never: makes an id.

use resource::{Controller, Desired, Failure, View};

use super::of_configuration;
use crate::controllers::cluster;
use crate::resources::ClusterInfo;

pub(super) fn controller() -> Controller {
    of_configuration::<ClusterInfo>("cluster.InfoController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(cluster) = cluster(view) {
        let info = ClusterInfo {
            id: cluster.id.clone(),
            name: cluster.cluster_name.clone(),
        };
        desired.put("current", info);
    }
    Ok(())
}
