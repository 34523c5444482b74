// SPDX-License-Identifier: MPL-2.0
//! kube-apiserver, as it is wished.
//!
//! Owns: `ApiServerConfig`.
//! Never: starts one.

use resource::{Controller, Desired, Failure, View};

use super::written::{kubernetes_image, resources, volumes};
use super::{control_plane, of_configuration};
use crate::controllers::roots::{endpoint, local_port, service_subnets};
use crate::resources::ApiServerConfig;
use crate::resources::values::WebAddress;

pub(super) fn controller() -> Controller {
    of_configuration::<ApiServerConfig>("k8s.ControlPlaneAPIServerController", reconcile)
}

/// `external` when a cloud provider runs outside of Kubernetes' own programs.
pub(super) fn cloud_provider(cluster: &config::document::ClusterConfig) -> String {
    let provider = cluster.external_cloud_provider.as_ref();
    match provider.and_then(|provider| provider.enabled) {
        Some(true) => "external".to_owned(),
        Some(false) | None => String::new(),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = control_plane(view) else {
        return Ok(());
    };
    let written = cluster.api_server.clone().unwrap_or_default();
    let config = ApiServerConfig {
        image: kubernetes_image(Some(&written.image), "kube-apiserver"),
        cloud_provider: cloud_provider(cluster),
        endpoint: endpoint(cluster)
            .as_ref()
            .map_or_else(String::new, WebAddress::text),
        etcd_servers: vec!["https://localhost:2379".to_owned()],
        local_port: local_port(cluster).into(),
        service_subnets: service_subnets(cluster),
        extra_args: written.extra_args.0,
        extra_volumes: volumes(&written.extra_volumes),
        environment: written.env,
        pod_security_policy: written.disable_pod_security_policy != Some(true),
        // Kubernetes puts the address of the pod there.
        advertised_address: "$(POD_IP)".to_owned(),
        resources: resources(written.resources.as_ref(), "200m", "512Mi"),
    };
    desired.put("kube-apiserver", config);
    Ok(())
}
