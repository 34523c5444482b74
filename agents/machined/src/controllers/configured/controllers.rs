// SPDX-License-Identifier: MPL-2.0
//! kube-controller-manager, as it is wished.
//!
//! Owns: `ControllerManagerConfig`.
//! Never: starts one.

use resource::{Controller, Desired, Failure, View};

use super::api_server::cloud_provider;
use super::written::{kubernetes_image, resources, volumes};
use super::{control_plane, machine, of_configuration};
use crate::controllers::roots::{pod_subnets, service_subnets};
use crate::resources::ControllerManagerConfig;

pub(super) fn controller() -> Controller {
    let name = "k8s.ControlPlaneControllerManagerController";
    of_configuration::<ControllerManagerConfig>(name, reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = control_plane(view) else {
        return Ok(());
    };
    let here = machine(view).and_then(|machine| machine.control_plane.as_ref());
    let here = here.and_then(|here| here.controller_manager.as_ref());
    let written = cluster.controller_manager.clone().unwrap_or_default();
    let config = ControllerManagerConfig {
        enabled: here.and_then(|here| here.disabled) != Some(true),
        image: kubernetes_image(Some(&written.image), "kube-controller-manager"),
        cloud_provider: cloud_provider(cluster),
        pod_subnets: pod_subnets(cluster),
        service_subnets: service_subnets(cluster),
        extra_args: written.extra_args.0,
        extra_volumes: volumes(&written.extra_volumes),
        environment: written.env,
        resources: resources(written.resources.as_ref(), "50m", "256Mi"),
    };
    desired.put("kube-controller-manager", config);
    Ok(())
}
