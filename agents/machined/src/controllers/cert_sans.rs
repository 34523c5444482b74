// SPDX-License-Identifier: MPL-2.0
//! The names in the certificates of the API.
//!
//! Owns: `CertSANs` `api`: the configuration's, all addresses the node ever had, its host names; and
//! `maintenance`, without those of a configuration; `k8s`, as `kubernetes_cert_sans` has them.
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
        ]
        .into_iter()
        .chain(kubernetes_cert_sans::inputs())
        .collect(),
        outputs: vec![Output::of::<CertSan>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut addresses = vec![
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
    if let Some(NodeAddress(all)) = view.get::<NodeAddress>("accumulative") {
        addresses.extend(all.iter().map(|prefix| prefix.address));
    }
    let mut without = CertSan {
        fqdn: fqdn.clone(),
        addresses: addresses.clone(),
        dns_names: dns_names.clone(),
    };
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
