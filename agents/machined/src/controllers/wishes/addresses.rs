// SPDX-License-Identifier: MPL-2.0
//! Who wishes which addresses.
//!
//! Owns: `AddressSpec` before merging: those of loopback, those of the configuration, and what DHCP
//! gave, which is what netd has put on a link with a lease.
//! Never: puts one on a link.

use config::Cidr;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::family;
use super::ids::with_layer;
use super::named;
use crate::resources::values::{Maybe, Word};
use crate::resources::words;
use crate::resources::{
    AddressSpec, AddressStatus, Layer, LeaseStatus, LinkStatus, MachineConfig, NETWORK_CONFIG,
    Prefix,
};

/// What loopback has on every node.
const LOOPBACK: [&str; 2] = ["127.0.0.1/8", "::1/128"];
/// `RT_SCOPE_UNIVERSE` and `RT_SCOPE_HOST`.
const GLOBAL: u32 = 0;
const HOST: u32 = 254;
/// `IFA_F_PERMANENT`.
const PERMANENT: u32 = 128;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.AddressConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LinkStatus>(),
            Input::of::<AddressStatus>(),
            Input::of::<LeaseStatus>(),
        ],
        outputs: vec![Output::of::<AddressSpec>().within(NETWORK_CONFIG)],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut put = |wish: AddressSpec, prefix: Prefix| {
        let id = format!("{}/{prefix}", wish.link_name);
        let id = with_layer(wish.layer, &wish.link_name, &id);
        desired.put_within(NETWORK_CONFIG, id, wish);
    };
    for prefix in LOOPBACK.into_iter().filter_map(Cidr::parse) {
        let prefix = Prefix::from(prefix);
        put(wish("lo", prefix, HOST, Layer::Default), prefix);
    }
    for (link, prefix) in leased(view) {
        put(wish(link, prefix, GLOBAL, Layer::Operator), prefix);
    }
    for interface in named::interfaces(view) {
        let written = interface.addresses.into_iter();
        for prefix in written.filter_map(Cidr::parse_or_address) {
            let prefix = Prefix::from(prefix);
            let wish = wish(&interface.name, prefix, GLOBAL, Layer::Configuration);
            put(wish, prefix);
        }
    }
    Ok(())
}

fn wish(link: &str, prefix: Prefix, scope: u32, layer: Layer) -> AddressSpec {
    AddressSpec {
        address: Maybe(Some(prefix)),
        link_name: link.to_owned(),
        family: Word::of(words::FAMILIES, family(prefix.address)),
        scope: Word::of(words::SCOPES, scope),
        flags: Word::of(words::ADDRESS_FLAGS, PERMANENT),
        announced: false,
        layer,
    }
}

/// IPv4 addresses of links with a lease: nobody else puts any there.
fn leased<'a>(view: &View<'a>) -> Vec<(&'a str, Prefix)> {
    let bound: Vec<&str> = view
        .list::<LeaseStatus>()
        .filter(|lease| lease.spec.bound)
        .map(|lease| lease.spec.link_name.as_str())
        .collect();
    view.list::<AddressStatus>()
        .map(|status| status.spec)
        .filter(|status| bound.contains(&status.link_name.as_str()))
        .filter(|status| status.address.address.is_ipv4() && u32::from(status.scope) == GLOBAL)
        .map(|status| (status.link_name.as_str(), status.address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::given::{lease, link, network, wished};
    use super::*;
    use crate::controllers::bench::Bench;

    fn address(text: &str, scope: u8) -> AddressStatus {
        AddressStatus {
            address: Prefix::from(Cidr::parse(text).unwrap()),
            local: None,
            broadcast: None,
            link_index: 2,
            link_name: "eth0".to_owned(),
            scope,
            flags: 0,
        }
    }

    #[test]
    fn rsrc_060_every_layer_wishes_its_addresses_with_the_ids_of_the_documents() {
        let mut bench = Bench::of(controller());
        bench.say("eth0", link(2));
        bench.say("eth0/172.20.0.2/24", address("172.20.0.2/24", 0));
        bench.say("eth0/fe80::1/64", address("fe80::1/64", 253));
        bench.say("dhcp4/eth0", lease("eth0", &[]));
        bench.say(
            MachineConfig::ID,
            network(
                "interfaces:\n  - interface: eth1\n    addresses: [10.0.0.5/24, fd00::5]\n    \
                 vlans: [{vlanId: 7, routes: [], addresses: [10.7.0.1/16]}]",
            ),
        );

        bench.run();

        let found = wished::<AddressSpec>(&bench);
        let ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "configuration/eth1.7/10.7.0.1/16",
                "configuration/eth1/10.0.0.5/24",
                "configuration/eth1/fd00::5/128",
                "default/lo/127.0.0.1/8",
                "default/lo/::1/128",
                "dhcp4/eth0/eth0/172.20.0.2/24",
            ]
        );
        assert_eq!(
            found[5].1,
            "address: 172.20.0.2/24, linkName: eth0, family: inet4, scope: global, \
             flags: permanent, layer: operator"
        );
    }

    #[test]
    fn without_a_lease_an_address_is_nobodys_wish() {
        let mut bench = Bench::of(controller());
        bench.say("eth0", link(2));
        bench.say("eth0/172.20.0.2/24", address("172.20.0.2/24", 0));
        let mut lost = lease("eth0", &[]);
        lost.bound = false;
        bench.say("dhcp4/eth0", lost);

        bench.run();

        assert_eq!(wished::<AddressSpec>(&bench).len(), LOOPBACK.len());
    }
}
