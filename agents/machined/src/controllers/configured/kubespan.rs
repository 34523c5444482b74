// SPDX-License-Identifier: MPL-2.0
//! The encrypted network between nodes, as it is wished.
//!
//! Owns: `KubeSpanConfig`.
//! Never: makes a key.

use resource::{Controller, Desired, Failure, View};

use super::{machine, of_configuration};
use crate::controllers::cluster;
use crate::controllers::roots::text;
use crate::resources::KubeSpanConfig;

/// Room for the headers of WireGuard in a packet of 1500 bytes.
const MTU: u32 = 1420;

pub(super) fn controller() -> Controller {
    of_configuration::<KubeSpanConfig>("kubespan.ConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let (Some(machine), Some(cluster)) = (machine(view), cluster(view)) else {
        return Ok(());
    };
    let written = machine.network.as_ref().and_then(|n| n.kubespan.as_ref());
    let Some(written) = written.filter(|written| written.enabled == Some(true)) else {
        desired.put("kubespan", KubeSpanConfig::default());
        return Ok(());
    };
    let filters = written.filters.as_ref();
    let config = KubeSpanConfig {
        enabled: true,
        cluster_id: cluster.id.clone(),
        shared_secret: text(&cluster.secret),
        force_routing: written.allow_down_peer_bypass != Some(true),
        with_pods: written.advertise_kubernetes_networks == Some(true),
        mtu: written.mtu.unwrap_or(MTU),
        endpoint_filters: filters.map_or_else(Vec::new, |filters| filters.endpoints.clone()),
        harvest_endpoints: written.harvest_extra_endpoints == Some(true),
    };
    desired.put("kubespan", config);
    Ok(())
}
