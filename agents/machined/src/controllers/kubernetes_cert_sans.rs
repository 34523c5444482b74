// SPDX-License-Identifier: MPL-2.0
//! The names in the certificate of kube-apiserver.
//!
//! Owns: `CertSANs` `k8s`: the endpoint, what the configuration adds, the names of the service, and
//! the names and addresses of the node.
//! Never: has an address of pods, which come and go. `cert_sans` writes them: a type has one writer.

use std::net::{IpAddr, Ipv4Addr};

use resource::{Input, View};

use crate::resources::{CertSan, HostnameStatus, KubernetesRootSecrets, NodeAddress};

/// The names of the service that leads to kube-apiserver; one more ends with the cluster's domain.
const SERVICE: [&str; 3] = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
/// All addresses that the node ever had, without those of pods and services.
pub(super) const ADDRESSES: &str = "accumulative-no-k8s";

/// What the names follow from.
pub(super) fn inputs() -> [Input; 3] {
    [
        Input::of::<KubernetesRootSecrets>().only("k8s"),
        Input::of::<HostnameStatus>().only(HostnameStatus::ID),
        Input::of::<NodeAddress>().only(ADDRESSES),
    ]
}

/// The names, once all that they follow from is there.
pub(super) fn names(view: &View<'_>) -> Option<CertSan> {
    let root = view.get::<KubernetesRootSecrets>("k8s");
    let hostname = view.get::<HostnameStatus>(HostnameStatus::ID);
    let addresses = view.get::<NodeAddress>(ADDRESSES);
    let (root, hostname, NodeAddress(own)) = (root?, hostname?, addresses?);
    let mut sans = CertSan {
        fqdn: hostname.full(),
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        dns_names: SERVICE.map(str::to_owned).to_vec(),
    };
    let last = SERVICE.last().into_iter();
    sans.dns_names
        .extend(last.map(|service| format!("{service}.{}", root.dns_domain)));
    sans.dns_names.push(hostname.hostname.clone());
    sans.dns_names.push(hostname.full());
    sans.addresses.extend(&root.api_server_addresses);
    sans.addresses
        .extend(own.iter().map(|prefix| prefix.address));
    let endpoints = [&root.endpoint, &root.local_endpoint].into_iter().flatten();
    let endpoints = endpoints.map(|endpoint| &endpoint.0.host);
    for name in endpoints.chain(&root.cert_sans) {
        match name.parse() {
            Ok(address) => sans.addresses.push(address),
            Err(_) => sans.dns_names.push(name.clone()),
        }
    }
    Some(sans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;
    use crate::resources::values::WebAddress;

    #[test]
    fn rsrc_127_kube_apiserver_is_known_by_the_endpoint_the_service_and_the_node() {
        let mut bench = Bench::of(super::super::cert_sans::controller());
        let url = |text: &str| config::Url::parse(text).map(WebAddress);
        bench.say(
            "k8s",
            KubernetesRootSecrets {
                endpoint: url("https://api.example:6443"),
                local_endpoint: url("https://localhost:6443"),
                cert_sans: vec!["10.9.9.9".to_owned(), "more.example".to_owned()],
                api_server_addresses: vec!["10.96.0.1".parse().unwrap()],
                dns_domain: "cluster.local".to_owned(),
                ..KubernetesRootSecrets::default()
            },
        );
        let own = Prefix {
            address: "10.5.0.2".parse().unwrap(),
            length: 24,
        };
        bench.say(ADDRESSES, NodeAddress(vec![own]));
        bench.run();
        assert!(
            bench.store.get::<CertSan>("k8s").is_none(),
            "without a name"
        );

        bench.say(
            HostnameStatus::ID,
            HostnameStatus {
                hostname: "box".to_owned(),
                domainname: "lab".to_owned(),
            },
        );
        bench.run();

        let sans = bench.store.get::<CertSan>("k8s").unwrap();
        assert_eq!(sans.fqdn, "box.lab");
        assert_eq!(
            sans.dns_names,
            [
                "api.example",
                "box",
                "box.lab",
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                "kubernetes.default.svc.cluster.local",
                "localhost",
                "more.example",
            ]
        );
        let addresses = sans.addresses.iter().map(ToString::to_string);
        assert_eq!(
            addresses.collect::<Vec<_>>(),
            ["10.5.0.2", "10.9.9.9", "10.96.0.1", "127.0.0.1"]
        );
    }
}
