// SPDX-License-Identifier: MPL-2.0
//! Manifests besides those of the system, as they are wished.
//!
//! Owns: `ExtraManifestsConfig`, and the order of its parts.
//! Never: gets or applies one.

use config::document::ClusterConfig;
use resource::{Controller, Desired, Failure, View};

use super::{control_plane, of_configuration};
use crate::resources::{ExtraManifest, ExtraManifestsConfig};

/// The network of pods comes before what needs it, a cloud provider before all that the operator adds.
const NETWORK: &str = "05";
const CLOUD_PROVIDER: &str = "30";
const OTHERS: &str = "99";

pub(super) fn controller() -> Controller {
    let name = "k8s.ControlPlaneExtraManifestsController";
    of_configuration::<ExtraManifestsConfig>(name, reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some(cluster) = control_plane(view) {
        let manifests = manifests(cluster);
        desired.put("extra-manifests", ExtraManifestsConfig { manifests });
    }
    Ok(())
}

fn manifests(cluster: &ClusterConfig) -> Vec<ExtraManifest> {
    let cni = cluster
        .network
        .as_ref()
        .and_then(|found| found.cni.as_ref());
    let cni = cni.filter(|cni| cni.name == "custom");
    let cni = cni.into_iter().flat_map(|cni| &cni.urls);
    let provider = cluster.external_cloud_provider.as_ref();
    let provider = provider.filter(|provider| provider.enabled == Some(true));
    let provider = provider.into_iter().flat_map(|found| &found.manifests);
    let extra = cluster.extra_manifests.iter().flatten();
    let by_url = |priority: &'static str| {
        move |url: &String| ExtraManifest {
            name: url.clone(),
            url: url.clone(),
            priority: priority.to_owned(),
            ..ExtraManifest::default()
        }
    };
    let with_headers = |manifest: ExtraManifest| ExtraManifest {
        headers: cluster.extra_manifest_headers.clone(),
        ..manifest
    };
    let inline = cluster.inline_manifests.iter().flatten();
    let inline = inline.map(|written| ExtraManifest {
        name: written.name.clone(),
        priority: OTHERS.to_owned(),
        text: written.contents.clone(),
        ..ExtraManifest::default()
    });
    cni.map(by_url(NETWORK))
        .chain(provider.map(by_url(CLOUD_PROVIDER)))
        .chain(extra.map(by_url(OTHERS)).map(with_headers))
        .chain(inline)
        .collect()
}
