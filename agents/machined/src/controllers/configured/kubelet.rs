// SPDX-License-Identifier: MPL-2.0
//! The kubelet, as it is wished.
//!
//! Owns: `KubeletConfig`. Nothing serves static pods yet, so it says no address of theirs.
//! Never: starts one.

use config::document::{ExtraMount, LinuxIdMapping};
use resource::{Controller, Desired, Failure, View};

use super::api_server::cloud_provider;
use super::written::free;
use super::{machine, of_configuration};
use crate::controllers::cluster;
use crate::controllers::roots::{DNS, address_in, dns_domain, service_subnets};
use crate::resources::{IdMapping, KubeletConfig, Mount};

/// What the release brings when the configuration names no image.
const IMAGE: &str = "ghcr.io/siderolabs/kubelet:v1.29.3";

pub(super) fn controller() -> Controller {
    of_configuration::<KubeletConfig>("k8s.KubeletConfigController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let (Some(machine), Some(cluster)) = (machine(view), cluster(view)) else {
        return Ok(());
    };
    let written = machine.kubelet.clone().unwrap_or_default();
    let mut cluster_dns = written.cluster_dns;
    if cluster_dns.is_empty() {
        let networks = service_subnets(cluster);
        let addresses = networks
            .iter()
            .filter_map(|network| address_in(network, DNS));
        cluster_dns.extend(addresses.map(|address| address.to_string()));
    }
    let features = machine.features.as_ref();
    let image = match written.image.as_str() {
        "" => IMAGE.to_owned(),
        image => image.to_owned(),
    };
    let config = KubeletConfig {
        image,
        cluster_dns,
        cluster_domain: dns_domain(cluster),
        extra_args: written.extra_args.0,
        extra_mounts: written.extra_mounts.iter().map(mount).collect(),
        extra_config: free(&written.extra_config),
        cloud_provider_external: !cloud_provider(cluster).is_empty(),
        seccomp_default: written.default_runtime_seccomp_profile_enabled == Some(true),
        skip_registration: written.skip_node_registration == Some(true),
        static_pods: String::new(),
        without_folder: written.disable_manifests_directory == Some(true),
        with_quotas: features.and_then(|found| found.disk_quota_support) == Some(true),
        credentials: free(&written.credential_provider_config),
    };
    desired.put("kubelet", config);
    Ok(())
}

fn mount(written: &ExtraMount) -> Mount {
    let mappings = |written: &[LinuxIdMapping]| {
        let mappings = written.iter().map(|mapping| IdMapping {
            inside: mapping.container_id,
            outside: mapping.host_id,
            size: mapping.size,
        });
        mappings.collect()
    };
    Mount {
        destination: written.destination.clone(),
        kind: written.kind.clone(),
        source: written.source.clone(),
        options: written.options.clone(),
        users: mappings(&written.uid_mappings),
        groups: mappings(&written.gid_mappings),
    }
}
