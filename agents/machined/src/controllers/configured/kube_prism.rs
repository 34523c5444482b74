// SPDX-License-Identifier: MPL-2.0
//! The local balancer before the API of Kubernetes, as it is wished.
//!
//! Owns: `KubePrismEndpoints` and `KubePrismConfig`.
//! Never: knows members of the cluster beyond the configuration.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::{machine, of_configuration};
use crate::controllers::roots::{endpoint, local_port};
use crate::controllers::{cluster, is_control_plane};
use crate::resources::{KubePrismConfig, KubePrismEndpoint, KubePrismEndpoints, MachineConfig};

/// The port when nobody says otherwise.
const PORT: i64 = 7445;
const ENDPOINTS: &str = "k8s-cluster";

pub(super) fn endpoints() -> Controller {
    of_configuration::<KubePrismEndpoints>("k8s.KubePrismEndpointsController", servers)
}

fn servers(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = cluster(view) else {
        return Ok(());
    };
    let mut endpoints = Vec::new();
    if let Some(url) = endpoint(cluster) {
        endpoints.push(KubePrismEndpoint {
            port: url.0.port_or_default().unwrap_or(443).into(),
            host: url.0.host,
        });
    }
    if is_control_plane(view) {
        endpoints.push(KubePrismEndpoint {
            host: "localhost".to_owned(),
            port: local_port(cluster).into(),
        });
    }
    desired.put(ENDPOINTS, KubePrismEndpoints { endpoints });
    Ok(())
}

pub(super) fn config() -> Controller {
    Controller {
        name: "k8s.KubePrismConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<KubePrismEndpoints>().only(ENDPOINTS),
        ],
        outputs: vec![Output::of::<KubePrismConfig>()],
        body: Body::Pure(balancer),
    }
}

/// The port of the balancer on this node, where the configuration has one.
pub(super) fn port(view: &View<'_>) -> Option<i64> {
    let features = machine(view)?.features.as_ref()?;
    let written = features.kube_prism.as_ref()?;
    let port = match written.port {
        0 => PORT,
        port => port,
    };
    (written.enabled == Some(true)).then_some(port)
}

fn balancer(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let (Some(port), Some(known)) = (port(view), view.get::<KubePrismEndpoints>(ENDPOINTS)) else {
        return Ok(());
    };
    let config = KubePrismConfig {
        host: "127.0.0.1".to_owned(),
        port,
        endpoints: known.endpoints.clone(),
    };
    desired.put("k8s-loadbalancer-config", config);
    Ok(())
}
