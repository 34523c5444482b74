// SPDX-License-Identifier: MPL-2.0
//! How members of the cluster find each other.
//!
//! Owns: `DiscoveryConfig`.
//! Never: calls the service.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use config::Url;
use config::document::ClusterConfig;
use resource::{Controller, Desired, Failure, View};

use super::of_configuration;
use crate::controllers::cluster;
use crate::resources::DiscoveryConfig;
use crate::resources::values::Octets;

/// The service that is asked when nobody says otherwise.
const SERVICE: &str = "https://discovery.talos.dev/";

pub(super) fn controller() -> Controller {
    of_configuration::<DiscoveryConfig>("cluster.ConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(cluster) = cluster(view) {
        desired.put("cluster", config(cluster)?);
    }
    Ok(())
}

fn config(cluster: &ClusterConfig) -> Result<DiscoveryConfig, Failure> {
    let written = cluster.discovery.as_ref();
    let Some(written) = written.filter(|written| written.enabled == Some(true)) else {
        return Ok(DiscoveryConfig::default());
    };
    let service = &written.registries.service;
    let mut config = DiscoveryConfig {
        enabled: true,
        by_kubernetes: written.registries.kubernetes.disabled != Some(true),
        by_service: service.disabled != Some(true),
        ..DiscoveryConfig::default()
    };
    if config.by_service {
        let endpoint = match service.endpoint.as_str() {
            "" => SERVICE,
            endpoint => endpoint,
        };
        let url = Url::parse(endpoint)
            .ok_or_else(|| Failure::new("cluster.discovery.registries.service.endpoint: no URL"))?;
        let port = url.port_or_default().unwrap_or(443);
        config.service_endpoint = format!("{}:{port}", url.host);
        config.service_is_insecure = url.scheme == "http";
        let key = BASE64_STANDARD.decode(cluster.secret.expose());
        // The text of such an error would repeat a letter of the secret.
        let key = key.map_err(|_| Failure::new("cluster.secret: not base64"))?;
        config.encryption_key = Octets(key);
        config.cluster_id = cluster.id.clone();
    }
    Ok(config)
}
