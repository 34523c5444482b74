// SPDX-License-Identifier: MPL-2.0
//! The names in the certificates of the API.
//!
//! Owns: `CertSANs` `api`: the configuration's, all addresses the node ever had but those of pods and services, the
//! one it came up with, its host names; and `maintenance`, without those of a configuration; `k8s`, as `kubernetes_cert_sans` has them.
//! Never: leaves out the loopback addresses, by which a node calls itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::kubernetes_cert_sans;
use crate::resources::{CertSan, HostnameStatus, MachineConfig, NodeAddress};

pub(super) fn controller() -> Controller {
    Controller {
        name: "secrets.APICertSANsController",
        inputs: [
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<NodeAddress>().only("accumulative"),
            Input::of::<NodeAddress>().only("default"),
        ]
        .into_iter()
        .chain(kubernetes_cert_sans::inputs())
        .collect(),
        outputs: vec![Output::of::<CertSan>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let addresses = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let mut dns_names = Vec::new();
    let mut fqdn = String::new();
    if let Some(hostname) = view.get::<HostnameStatus>(HostnameStatus::ID) {
        fqdn = hostname.full();
        dns_names.push(hostname.hostname.clone());
        dns_names.push(fqdn.clone());
    }
    let with_own = |id: &str| {
        let own = view.get::<NodeAddress>(id).into_iter();
        let own = own.flat_map(|NodeAddress(own)| own).map(|it| it.address);
        addresses.iter().copied().chain(own).collect::<Vec<_>>()
    };
    let mut without = CertSan {
        fqdn: fqdn.clone(),
        addresses: with_own("accumulative"),
        dns_names: dns_names.clone(),
    };
    // The filter comes a moment after the first configuration, and the door need not wait for it.
    let filtered = view.get::<NodeAddress>(kubernetes_cert_sans::ADDRESSES);
    let mut addresses = with_own(match filtered {
        Some(_) => kubernetes_cert_sans::ADDRESSES,
        None => "accumulative",
    });
    // A node whose network lies in those of pods and services must still be reached, to be told of others.
    addresses.extend(with_own("default"));
    if let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) {
        for name in &configuration.0.machine.cert_sans {
            match name.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => dns_names.push(name.clone()),
            }
        }
    }
    let mut with = CertSan {
        fqdn,
        addresses,
        dns_names,
    };
    each_once(&mut with);
    each_once(&mut without);
    desired.put("api", with);
    desired.put("maintenance", without);
    if let Some(mut sans) = kubernetes_cert_sans::names(view) {
        each_once(&mut sans);
        desired.put("k8s", sans);
    }
    Ok(())
}

fn each_once(sans: &mut CertSan) {
    sans.addresses.sort_unstable();
    sans.addresses.dedup();
    sans.dns_names.sort_unstable();
    sans.dns_names.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;

    fn own(addresses: &[&str]) -> NodeAddress {
        let addresses = addresses.iter().map(|address| Prefix {
            address: address.parse().unwrap(),
            length: 24,
        });
        NodeAddress(addresses.collect())
    }

    fn names(bench: &Bench, id: &str) -> Vec<String> {
        let sans = bench.store.get::<CertSan>(id).unwrap();
        sans.addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn diag_02_the_certificate_of_the_api_has_no_address_of_pods_and_that_of_maintenance_has_all() {
        let mut bench = Bench::of(controller());
        let all = ["127.0.0.1", "192.0.2.2", "10.244.0.1", "::1"];
        bench.say("accumulative", own(&["192.0.2.2", "10.244.0.1"]));
        bench.run();
        let mut sorted = all.map(str::to_owned);
        sorted.sort_unstable();
        let mut first = names(&bench, "api");
        first.sort_unstable();
        assert_eq!(first, sorted);

        bench.say("accumulative-no-k8s", own(&["192.0.2.2"]));
        bench.run();

        assert_eq!(names(&bench, "api"), ["127.0.0.1", "192.0.2.2", "::1"]);
        assert_eq!(names(&bench, "maintenance").len(), all.len());
    }

    #[test]
    fn diag_02_a_node_in_the_network_of_services_keeps_its_address() {
        let mut bench = Bench::of(controller());
        bench.say("default", own(&["10.100.1.5"]));
        let all = ["10.100.1.5", "10.244.0.1", "2001:db8::5"];
        bench.say("accumulative", own(&all));
        bench.say("accumulative-no-k8s", own(&["2001:db8::5"]));

        bench.run();

        let expected = ["10.100.1.5", "127.0.0.1", "::1", "2001:db8::5"];
        assert_eq!(names(&bench, "api"), expected);
    }
}
