// SPDX-License-Identifier: MPL-2.0
//! Who wishes which routes.
//!
//! Owns: `RouteSpec` before merging: those of the configuration, and those that netd made of leases,
//! which it marks as DHCP's.
//! Never: makes one.

use std::net::IpAddr;

use config::Cidr;
use config::document::Route;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::family;
use super::ids::with_layer;
use super::named;
use crate::resources::values::{Maybe, Word};
use crate::resources::words;
use crate::resources::{
    Layer, LinkStatus, MachineConfig, NETWORK_CONFIG, Prefix, RouteSpec, RouteStatus, route_id,
};

/// `RTPROT_STATIC` and `RTPROT_DHCP`.
const STATIC: u32 = 4;
const DHCP: u8 = 16;
/// `RTN_UNICAST`.
const UNICAST: u32 = 1;
/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;
/// `RT_SCOPE_UNIVERSE` and `RT_SCOPE_LINK`.
const GLOBAL: u32 = 0;
const LINK: u32 = 253;
/// The metric of routes that none is written for.
pub(super) const METRIC: u32 = proto::net::LEASE_PRIORITY;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.RouteConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LinkStatus>(),
            Input::of::<RouteStatus>(),
        ],
        outputs: vec![Output::of::<RouteSpec>().within(NETWORK_CONFIG)],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    for status in view.list::<RouteStatus>() {
        let spec = status.spec;
        if spec.protocol == DHCP && spec.destination.address.is_ipv4() {
            let id = with_layer(Layer::Operator, &spec.out_link_name, &status.metadata.id);
            desired.put_within(NETWORK_CONFIG, id, leased(spec));
        }
    }
    for interface in named::interfaces(view) {
        let name = &interface.name;
        for (id, spec) in interface
            .routes
            .iter()
            .filter_map(|route| configured(name, route))
        {
            let id = with_layer(Layer::Configuration, name, &id);
            desired.put_within(NETWORK_CONFIG, id, spec);
        }
    }
    Ok(())
}

fn leased(status: &RouteStatus) -> RouteSpec {
    RouteSpec {
        family: Word::of(words::FAMILIES, family(status.destination.address)),
        destination: Maybe(Some(status.destination).filter(|to| to.length > 0)),
        source: Maybe(status.source),
        gateway: Maybe(status.gateway),
        link_name: status.out_link_name.clone(),
        table: Word::of(words::TABLES, status.table),
        priority: status.priority,
        scope: Word::of(words::SCOPES, status.scope.into()),
        route_type: Word::of(words::ROUTE_TYPES, UNICAST),
        flags: Word::default(),
        protocol: Word::of(words::PROTOCOLS, status.protocol.into()),
        layer: Layer::Operator,
        mtu: 0,
    }
}

/// Validation refused what means nothing.
fn configured(link: &str, written: &Route) -> Option<(String, RouteSpec)> {
    let network = Cidr::parse(&written.network).map(Prefix::from);
    let destination = network.filter(|to| to.length > 0);
    let gateway: Option<IpAddr> = written.gateway.parse().ok();
    let source: Option<IpAddr> = written.source.parse().ok();
    let kind = network.map(|to| to.address).or(gateway).or(source)?;
    let priority = if written.metric == 0 {
        METRIC
    } else {
        written.metric
    };
    let scope = if gateway.is_some() { GLOBAL } else { LINK };
    let spec = RouteSpec {
        family: Word::of(words::FAMILIES, family(kind)),
        destination: Maybe(destination),
        source: Maybe(source),
        gateway: Maybe(gateway),
        link_name: link.to_owned(),
        table: Word::of(words::TABLES, MAIN),
        priority,
        scope: Word::of(words::SCOPES, scope),
        route_type: Word::of(words::ROUTE_TYPES, UNICAST),
        flags: Word::default(),
        protocol: Word::of(words::PROTOCOLS, STATIC),
        layer: Layer::Configuration,
        mtu: written.mtu,
    };
    let id = route_id(kind, MAIN, link, gateway, destination, priority);
    Some((id, spec))
}

#[cfg(test)]
mod tests {
    use super::super::given::{network, wished};
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_092_routes_of_leases_and_of_the_configuration_are_wished() {
        let mut bench = Bench::of(controller());
        let default = RouteStatus {
            destination: Prefix::from(Cidr::parse("0.0.0.0/0").unwrap()),
            gateway: Some("172.20.0.1".parse().unwrap()),
            source: Some("172.20.0.2".parse().unwrap()),
            out_link_index: 2,
            out_link_name: "eth0".to_owned(),
            priority: 1024,
            table: 254,
            protocol: DHCP,
            scope: 0,
            flags: 0,
            mtu: 0,
        };
        let kernels = RouteStatus {
            protocol: 2,
            ..default.clone()
        };
        bench.say("inet4/172.20.0.1//1024", default);
        bench.say("inet4//172.20.0.0/24/0", kernels);
        bench.say(
            MachineConfig::ID,
            network(
                "interfaces:\n  - interface: eth1\n    routes:\n      \
                 - {network: 0.0.0.0/0, gateway: 10.0.0.1}\n      \
                 - {network: 'fd00:7::/64', gateway: 'fd00::1', metric: 5, mtu: 1300}",
            ),
        );

        bench.run();

        let found = wished::<RouteSpec>(&bench);
        let ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "configuration/eth1/inet6/fd00::1/fd00:7::/64/5",
                "configuration/inet4/10.0.0.1//1024",
                "dhcp4/eth0/inet4/172.20.0.1//1024",
            ]
        );
        assert_eq!(
            found[1].1,
            "family: inet4, dst: '', src: '', gateway: 10.0.0.1, outLinkName: eth1, table: main, \
             priority: 1024, scope: global, type: unicast, flags: '', protocol: static, \
             layer: configuration"
        );
        assert!(found[0].1.ends_with("mtu: 1300"), "{found:?}");
    }
}
