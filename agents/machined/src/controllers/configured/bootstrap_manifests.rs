// SPDX-License-Identifier: MPL-2.0
//! What the manifests of the system say: CoreDNS, kube-proxy, flannel.
//!
//! Owns: `BootstrapManifestsConfig`.
//! Never: writes a manifest, or applies one.

use std::net::IpAddr;

use config::document::ClusterConfig;
use resource::{Controller, Desired, Failure, View};

use super::kube_prism;
use super::written::kubernetes_image;
use super::{control_plane, machine, of_configuration};
use crate::controllers::arguments;
use crate::controllers::roots::{
    DNS, address_in, dns_domain, endpoint, pod_subnets, service_subnets,
};
use crate::resources::BootstrapManifestsConfig;
use crate::resources::values::WebAddress;

/// What the release brings when the configuration names no image.
const CORE_DNS: &str = "registry.k8s.io/coredns/coredns:v1.11.1";
const FLANNEL: &str = "ghcr.io/siderolabs/flannel:v0.23.0";
const CNI: &str = "ghcr.io/siderolabs/install-cni:v1.6.0-2-g9234398";

/// What makes the network of pods when nobody says otherwise.
const NETWORK: &str = "flannel";

pub(super) fn controller() -> Controller {
    let name = "k8s.ControlPlaneBootstrapManifestsController";
    of_configuration::<BootstrapManifestsConfig>(name, reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(cluster) = control_plane(view) else {
        return Ok(());
    };
    let server = match kube_prism::port(view) {
        Some(port) => format!("https://127.0.0.1:{port}"),
        None => endpoint(cluster)
            .as_ref()
            .map_or_else(String::new, WebAddress::text),
    };
    let services = service_subnets(cluster);
    let dns = services
        .iter()
        .filter_map(|network| address_in(network, DNS));
    let dns: Vec<IpAddr> = dns.collect();
    let first = |is_wanted: fn(&IpAddr) -> bool| {
        let found = dns.iter().copied().find(is_wanted);
        found.map_or_else(String::new, |address| address.to_string())
    };
    let proxy = cluster.proxy.as_ref();
    let core_dns = cluster.core_dns.as_ref();
    let image = core_dns.map_or("", |written| written.image.as_str());
    let cni = cluster
        .network
        .as_ref()
        .and_then(|found| found.cni.as_ref());
    let flannel = cni.and_then(|cni| cni.flannel.as_ref());
    let api_server = cluster.api_server.as_ref();
    let without_policy = api_server.and_then(|server| server.disable_pod_security_policy);
    let features = machine(view).and_then(|machine| machine.features.as_ref());
    let access = features.and_then(|found| found.kubernetes_talos_api_access.as_ref());
    let config = BootstrapManifestsConfig {
        server,
        cluster_domain: dns_domain(cluster),
        pod_subnets: pod_subnets(cluster),
        with_proxy: proxy.and_then(|proxy| proxy.disabled) != Some(true),
        proxy_image: kubernetes_image(proxy.map(|proxy| &proxy.image), "kube-proxy"),
        proxy_args: proxy_args(cluster)?,
        with_dns: core_dns.and_then(|written| written.disabled) != Some(true),
        dns_image: match image {
            "" => CORE_DNS.to_owned(),
            image => image.to_owned(),
        },
        dns_address: first(IpAddr::is_ipv4),
        dns_address_v6: first(IpAddr::is_ipv6),
        with_flannel: cni.is_none_or(|cni| cni.name.is_empty() || cni.name == NETWORK),
        flannel_image: FLANNEL.to_owned(),
        cni_image: CNI.to_owned(),
        flannel_args: flannel.map_or_else(Vec::new, |written| written.extra_args.clone()),
        pod_security_policy: without_policy != Some(true),
        with_api_service: access.and_then(|access| access.enabled) == Some(true),
    };
    desired.put("manifests", config);
    Ok(())
}

fn proxy_args(cluster: &ClusterConfig) -> Result<Vec<String>, Failure> {
    let written = cluster.proxy.as_ref();
    let mode = written.map_or("", |proxy| proxy.mode.as_str());
    let mode = if mode.is_empty() { "iptables" } else { mode };
    let mut args = arguments::of([
        ("cluster-cidr", pod_subnets(cluster).join(",")),
        // Kubernetes puts the name of the node there.
        ("hostname-override", "$(NODE_NAME)".to_owned()),
        ("kubeconfig", "/etc/kubernetes/kubeconfig".to_owned()),
        ("proxy-mode", mode.to_owned()),
        ("conntrack-max-per-core", "0".to_owned()),
    ]);
    if let Some(written) = written {
        let fixed = &["kubeconfig"];
        arguments::replace("kube-proxy", &mut args, &written.extra_args.0, fixed)?;
    }
    Ok(arguments::line(&args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::MachineConfig;
    use crate::testing::{configuration, worker};

    fn config(bench: &Bench) -> Option<BootstrapManifestsConfig> {
        let found = bench.store.get::<BootstrapManifestsConfig>("manifests");
        found.cloned()
    }

    #[test]
    fn rsrc_026_the_manifests_of_a_control_plane_say_what_the_release_brings() {
        let mut bench = Bench::of(controller());
        bench.say(MachineConfig::ID, configuration("type:", "type:"));

        bench.run();

        let expected = BootstrapManifestsConfig {
            server: "https://127.0.0.1:7445".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            pod_subnets: vec!["10.244.0.0/16".to_owned()],
            with_proxy: true,
            proxy_image: "registry.k8s.io/kube-proxy:v1.29.3".to_owned(),
            proxy_args: [
                "--cluster-cidr=10.244.0.0/16",
                "--conntrack-max-per-core=0",
                "--hostname-override=$(NODE_NAME)",
                "--kubeconfig=/etc/kubernetes/kubeconfig",
                "--proxy-mode=iptables",
            ]
            .map(str::to_owned)
            .to_vec(),
            with_dns: true,
            dns_image: CORE_DNS.to_owned(),
            dns_address: "10.96.0.10".to_owned(),
            dns_address_v6: String::new(),
            with_flannel: true,
            flannel_image: FLANNEL.to_owned(),
            cni_image: CNI.to_owned(),
            flannel_args: Vec::new(),
            pod_security_policy: config(&bench).unwrap().pod_security_policy,
            with_api_service: false,
        };
        assert_eq!(config(&bench), Some(expected));

        bench.say(MachineConfig::ID, worker());
        bench.run();
        assert_eq!(config(&bench), None);
    }

    #[test]
    fn rsrc_026_what_is_written_counts_and_a_fixed_argument_is_refused() {
        let written = |proxy: &str| {
            let image = "    proxy:\n        image: registry.k8s.io/kube-proxy:v1.29.3\n";
            let core_dns = "{disabled: true, image: 'dns:1'}";
            let text = format!("    proxy: {proxy}\n    coreDNS: {core_dns}\n");
            configuration(image, &text)
        };
        let mut bench = Bench::of(controller());
        bench.say(
            MachineConfig::ID,
            written("{image: 'proxy:1', mode: ipvs, extraArgs: {v: '3'}}"),
        );
        assert!(bench.run().failures.is_empty());
        let found = config(&bench).unwrap();
        assert!(!found.with_dns);
        assert_eq!(
            (found.dns_image.as_str(), found.proxy_image.as_str()),
            ("dns:1", "proxy:1")
        );
        for arg in ["--proxy-mode=ipvs", "--v=3"] {
            assert!(
                found.proxy_args.iter().any(|known| known == arg),
                "{found:?}"
            );
        }

        bench.say(MachineConfig::ID, written("{extraArgs: {kubeconfig: /x}}"));
        assert_eq!(bench.run().failures.len(), 1);
    }
}
