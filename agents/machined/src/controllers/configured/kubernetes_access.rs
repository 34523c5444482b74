// SPDX-License-Identifier: MPL-2.0
//! Which pods may use the machine API.
//!
//! Owns: `KubernetesAccessConfig`.
//! Never: lets one in.

use resource::{Controller, Desired, Failure, View};

use super::{control_plane, machine, of_configuration};
use crate::resources::KubernetesAccessConfig;

pub(super) fn controller() -> Controller {
    of_configuration::<KubernetesAccessConfig>("kubeaccess.ConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if control_plane(view).is_none() {
        return Ok(());
    }
    let features = machine(view).and_then(|machine| machine.features.as_ref());
    let written = features.and_then(|found| found.kubernetes_talos_api_access.as_ref());
    let config = written.map_or_else(KubernetesAccessConfig::default, |written| {
        KubernetesAccessConfig {
            enabled: written.enabled == Some(true),
            roles: written.allowed_roles.clone(),
            namespaces: written.allowed_kubernetes_namespaces.clone(),
        }
    });
    desired.put("config", config);
    Ok(())
}
