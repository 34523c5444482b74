// SPDX-License-Identifier: MPL-2.0
//! What decides about requests to kube-apiserver, as it is wished.
//!
//! Owns: `AdmissionControlConfig`.
//! Never: decides about one.

use resource::{Controller, Desired, Failure, View};

use super::written::free;
use super::{control_plane, of_configuration};
use crate::resources::{AdmissionControlConfig, AdmissionPlugin};

pub(super) fn controller() -> Controller {
    let name = "k8s.ControlPlaneAdmissionControlController";
    of_configuration::<AdmissionControlConfig>(name, reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = control_plane(view) else {
        return Ok(());
    };
    let written = cluster.api_server.iter();
    let plugins = written.flat_map(|server| &server.admission_control);
    let plugins = plugins.map(|plugin| AdmissionPlugin {
        name: plugin.name.clone(),
        configuration: free(&plugin.configuration),
    });
    let config = AdmissionControlConfig {
        plugins: plugins.collect(),
    };
    desired.put("admission-control", config);
    Ok(())
}
