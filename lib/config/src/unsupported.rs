// SPDX-License-Identifier: MPL-2.0
//! What is accepted, but not acted on yet.
//!
//! Owns: the table of sections without effect; a row goes when its effect comes.
//! Never: makes a configuration fail.

use crate::configuration::Configuration;
use crate::document::{ClusterConfig, Document, Extra, MachineConfig, NetworkConfig};
use crate::schema::Field;

/// A section, and whether it asks for anything.
struct Row<S> {
    path: &'static str,
    asks: fn(&S) -> bool,
}

macro_rules! rows {
    ($section:ty: $($path:literal $field:ident,)*) => {
        &[$( Row::<$section> {
            path: $path,
            // A generated configuration has empty sections, which ask for nothing.
            asks: |section| section.$field != <$section>::default().$field
                && !section.$field.is_absent()
                && !is_hollow(&section.$field),
        }, )*]
    };
}

const MACHINE: &[Row<MachineConfig>] = rows! { MachineConfig:
    "machine.controlPlane" control_plane,
    "machine.kubelet" kubelet,
    "machine.pods" pods,
    "machine.disks" disks,
    "machine.install" install,
    "machine.files" files,
    "machine.env" env,
    "machine.time" time,
    "machine.systemDiskEncryption" system_disk_encryption,
    "machine.udev" udev,
    "machine.seccompProfiles" seccomp_profiles,
    "machine.nodeLabels" node_labels,
    "machine.nodeTaints" node_taints,
};

const NETWORK: &[Row<NetworkConfig>] = rows! { NetworkConfig:
    "machine.network.interfaces" interfaces,
    "machine.network.nameservers" nameservers,
    "machine.network.kubespan" kubespan,
    "machine.network.disableSearchDomain" disable_search_domain,
};

const CLUSTER: &[Row<ClusterConfig>] = rows! { ClusterConfig:
    "cluster.apiServer" api_server,
    "cluster.controllerManager" controller_manager,
    "cluster.proxy" proxy,
    "cluster.scheduler" scheduler,
    "cluster.discovery" discovery,
    "cluster.etcd" etcd,
    "cluster.coreDNS" core_dns,
    "cluster.externalCloudProvider" external_cloud_provider,
    "cluster.extraManifests" extra_manifests,
    "cluster.inlineManifests" inline_manifests,
};

/// Whether a value prints as an empty list or mapping.
fn is_hollow<T: Field>(value: &T) -> bool {
    matches!(crate::configuration::print(value).trim_end(), "{}" | "[]")
}

/// The sections of a document that have no effect yet.
#[must_use]
pub fn unsupported(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(machine) = &document.machine {
        list(machine, MACHINE, &mut found);
        if let Some(network) = &machine.network {
            list(network, NETWORK, &mut found);
        }
    }
    if let Some(cluster) = &document.cluster {
        list(cluster, CLUSTER, &mut found);
    }
    found
}

fn list<S>(section: &S, rows: &[Row<S>], found: &mut Vec<String>) {
    let asked = rows.iter().filter(|row| (row.asks)(section));
    found.extend(asked.map(|row| row.path.to_owned()));
}

impl Configuration {
    /// What of it is accepted, but has no effect yet: sections of the main document, other kinds.
    #[must_use]
    pub fn unsupported(&self) -> Vec<String> {
        let mut found = self.document().map(unsupported).unwrap_or_default();
        let without_effect = self.extras().iter().filter(|extra| !has_effect(extra));
        found.extend(without_effect.map(|extra| extra.identity().0.to_owned()));
        found
    }
}

/// Whether a document besides the main one is acted on.
fn has_effect(extra: &Extra) -> bool {
    match extra {
        Extra::ContainerConfig(_)
        | Extra::EventSinkConfig(_)
        | Extra::ExtensionServiceConfig(_)
        | Extra::KmsgLogConfig(_)
        | Extra::MetricsConfig(_) => true,
        Extra::SideroLinkConfig(_)
        | Extra::NetworkDefaultActionConfig(_)
        | Extra::NetworkRuleConfig(_) => false,
    }
}
