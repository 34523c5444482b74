// SPDX-License-Identifier: MPL-2.0
//! kube-scheduler, as it is wished.
//!
//! Owns: `SchedulerConfig`.
//! Never: starts one.

use resource::{Controller, Desired, Failure, View};

use super::written::{free, kubernetes_image, resources, volumes};
use super::{control_plane, machine, of_configuration};
use crate::resources::SchedulerConfig;

pub(super) fn controller() -> Controller {
    of_configuration::<SchedulerConfig>("k8s.ControlPlaneSchedulerController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = control_plane(view) else {
        return Ok(());
    };
    let here = machine(view).and_then(|machine| machine.control_plane.as_ref());
    let here = here.and_then(|here| here.scheduler.as_ref());
    let written = cluster.scheduler.clone().unwrap_or_default();
    let config = SchedulerConfig {
        enabled: here.and_then(|here| here.disabled) != Some(true),
        image: kubernetes_image(Some(&written.image), "kube-scheduler"),
        extra_args: written.extra_args.0,
        extra_volumes: volumes(&written.extra_volumes),
        environment: written.env,
        resources: resources(written.resources.as_ref(), "10m", "64Mi"),
        config: free(&written.config),
    };
    desired.put("kube-scheduler", config);
    Ok(())
}
