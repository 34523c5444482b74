// SPDX-License-Identifier: MPL-2.0
//! Resources of the network on the wire.
//!
//! Owns: their two forms.
//! Never: says what netd did not: fields of the documents that it does not tell are absent.

use std::net::IpAddr;

use api::common::{NetIp, NetIpPrefix};
use api::talos::resource::definitions::network as proto;
use resource::Encoded;
use serde::Serialize;

use super::both;
use super::words::{self, flags, word};
use crate::resources::{
    AddressStatus, HostnameSpec, HostnameStatus, Layer, LinkStatus, NodeAddress, Prefix,
    ResolverStatus, RouteStatus,
};

/// `IFF_LOWER_UP`: the carrier is there.
const LOWER_UP: u32 = 0x1_0000;
/// `PORT_OTHER`: netd tells no port. Zero would be a twisted pair.
const PORT_OTHER: u32 = 255;
/// `RTN_UNICAST`: netd tells no other routes.
const UNICAST: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    index: u32,
    #[serde(rename = "type")]
    link_type: String,
    link_index: u32,
    flags: String,
    hardware_addr: String,
    permanent_addr: String,
    broadcast_addr: String,
    mtu: u32,
    queue_disc: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    master_index: u32,
    operational_state: String,
    kind: &'a str,
    slave_kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    driver: &'a str,
    link_state: bool,
    #[serde(skip_serializing_if = "is_zero")]
    speed_mbit: u32,
    port: String,
    duplex: String,
}

pub(crate) fn link_status(spec: &LinkStatus) -> Option<Encoded> {
    let link_state = spec.flags & LOWER_UP != 0;
    let yaml = Link {
        index: spec.index,
        link_type: word(words::LINK_TYPES, spec.arp_type.into()),
        link_index: spec.lower_index,
        flags: flags(words::LINK_FLAGS, spec.flags),
        hardware_addr: octets_with_colons(&spec.hardware_address),
        permanent_addr: octets_with_colons(&spec.permanent_address),
        broadcast_addr: octets_with_colons(&spec.broadcast_address),
        mtu: spec.mtu,
        queue_disc: &spec.queue_discipline,
        master_index: spec.master_index,
        operational_state: word(words::OPERATIONAL_STATES, spec.oper_state.into()),
        kind: &spec.kind,
        slave_kind: &spec.slave_kind,
        driver: &spec.driver,
        link_state,
        speed_mbit: spec.speed_mbit,
        port: word(words::PORTS, PORT_OTHER),
        duplex: word(words::DUPLEXES, spec.duplex.into()),
    };
    let message = proto::LinkStatusSpec {
        index: spec.index,
        r#type: spec.arp_type.into(),
        link_index: spec.lower_index,
        flags: spec.flags,
        hardware_addr: spec.hardware_address.clone(),
        broadcast_addr: spec.broadcast_address.clone(),
        mtu: spec.mtu,
        queue_disc: spec.queue_discipline.clone(),
        master_index: spec.master_index,
        operational_state: spec.oper_state.into(),
        kind: spec.kind.clone(),
        slave_kind: spec.slave_kind.clone(),
        driver: spec.driver.clone(),
        link_state,
        speed_megabits: spec.speed_mbit.into(),
        port: PORT_OTHER,
        duplex: spec.duplex.into(),
        permanent_addr: spec.permanent_address.clone(),
    };
    both(&yaml, &message)
}

/// A hardware address as people write it.
fn octets_with_colons(address: &[u8]) -> String {
    let octets = address.iter().map(|octet| format!("{octet:02x}"));
    octets.collect::<Vec<_>>().join(":")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Address<'a> {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broadcast: Option<IpAddr>,
    link_index: u32,
    link_name: &'a str,
    family: String,
    scope: String,
    flags: String,
}

pub(crate) fn address_status(spec: &AddressStatus) -> Option<Encoded> {
    let family = family(spec.address.address);
    let yaml = Address {
        address: spec.address.to_string(),
        local: spec.local,
        broadcast: spec.broadcast,
        link_index: spec.link_index,
        link_name: &spec.link_name,
        family: word(words::FAMILIES, family),
        scope: word(words::SCOPES, spec.scope.into()),
        flags: flags(words::ADDRESS_FLAGS, spec.flags),
    };
    let message = proto::AddressStatusSpec {
        address: Some(prefix(spec.address)),
        local: spec.local.map(ip),
        broadcast: spec.broadcast.map(ip),
        link_index: spec.link_index,
        link_name: spec.link_name.clone(),
        family,
        scope: spec.scope.into(),
        flags: spec.flags,
        ..Default::default()
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route<'a> {
    family: String,
    dst: String,
    src: String,
    gateway: String,
    #[serde(skip_serializing_if = "is_zero")]
    out_link_index: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    out_link_name: &'a str,
    table: String,
    priority: u32,
    scope: String,
    #[serde(rename = "type")]
    route_type: String,
    flags: String,
    protocol: String,
    #[serde(skip_serializing_if = "is_zero")]
    mtu: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

pub(crate) fn route_status(spec: &RouteStatus) -> Option<Encoded> {
    let family = family(spec.destination.address);
    // The default route has no destination.
    let destination = Some(spec.destination).filter(|destination| destination.length > 0);
    let yaml = Route {
        family: word(words::FAMILIES, family),
        dst: destination.map(|d| d.to_string()).unwrap_or_default(),
        src: spec.source.map(|ip| ip.to_string()).unwrap_or_default(),
        gateway: spec.gateway.map(|ip| ip.to_string()).unwrap_or_default(),
        out_link_index: spec.out_link_index,
        out_link_name: &spec.out_link_name,
        table: word(words::TABLES, spec.table),
        priority: spec.priority,
        scope: word(words::SCOPES, spec.scope.into()),
        route_type: word(words::ROUTE_TYPES, UNICAST),
        flags: flags(words::ROUTE_FLAGS, spec.flags),
        protocol: word(words::PROTOCOLS, spec.protocol.into()),
        mtu: spec.mtu,
    };
    let message = proto::RouteStatusSpec {
        family,
        destination: destination.map(prefix),
        source: spec.source.map(ip),
        gateway: spec.gateway.map(ip),
        out_link_index: spec.out_link_index,
        out_link_name: spec.out_link_name.clone(),
        table: spec.table,
        priority: spec.priority,
        scope: spec.scope.into(),
        r#type: UNICAST,
        flags: spec.flags,
        protocol: spec.protocol.into(),
        mtu: spec.mtu,
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct Addresses {
    addresses: Vec<String>,
}

pub(crate) fn node_address(spec: &NodeAddress) -> Option<Encoded> {
    let yaml = Addresses {
        addresses: spec.0.iter().map(ToString::to_string).collect(),
    };
    let message = proto::NodeAddressSpec {
        addresses: spec.0.iter().copied().map(prefix).collect(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resolvers {
    dns_servers: Vec<String>,
}

pub(crate) fn resolver_status(spec: &ResolverStatus) -> Option<Encoded> {
    let yaml = Resolvers {
        dns_servers: spec.0.iter().map(ToString::to_string).collect(),
    };
    let message = proto::ResolverStatusSpec {
        dns_servers: spec.0.iter().copied().map(ip).collect(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct Hostname<'a> {
    hostname: &'a str,
    domainname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'a str>,
}

pub(crate) fn hostname_spec(spec: &HostnameSpec) -> Option<Encoded> {
    let yaml = Hostname {
        hostname: &spec.hostname,
        domainname: &spec.domainname,
        layer: Some(spec.layer.name()),
    };
    let message = proto::HostnameSpecSpec {
        hostname: spec.hostname.clone(),
        domainname: spec.domainname.clone(),
        config_layer: match spec.layer {
            Layer::Default => 0,
            Layer::Cmdline => 1,
            // 2 is the platform's, of which there is none.
            Layer::Operator => 3,
            Layer::Configuration => 4,
        },
    };
    both(&yaml, &message)
}

pub(crate) fn hostname_status(spec: &HostnameStatus) -> Option<Encoded> {
    let yaml = Hostname {
        hostname: &spec.hostname,
        domainname: &spec.domainname,
        layer: None,
    };
    let message = proto::HostnameStatusSpec {
        hostname: spec.hostname.clone(),
        domainname: spec.domainname.clone(),
    };
    both(&yaml, &message)
}

/// `AF_INET` or `AF_INET6`.
const fn family(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 2,
        IpAddr::V6(_) => 10,
    }
}

pub(super) fn ip(address: IpAddr) -> NetIp {
    NetIp {
        ip: octets(address),
    }
}

fn prefix(prefix: Prefix) -> NetIpPrefix {
    NetIpPrefix {
        ip: octets(prefix.address),
        prefix_length: prefix.length.into(),
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn prefix_of(text: &str, length: u8) -> Prefix {
        Prefix {
            address: text.parse().unwrap(),
            length,
        }
    }

    #[test]
    fn links_and_addresses_are_written_with_the_words_of_the_documents() {
        let link = link_status(&LinkStatus {
            index: 4,
            arp_type: 1,
            lower_index: 0,
            flags: 0x1_1043,
            hardware_address: vec![0x4e, 0x95, 0x8e, 0x8f, 0xe4, 0x47],
            permanent_address: vec![0x4e, 0x95, 0x8e, 0x8f, 0xe4, 0x47],
            broadcast_address: vec![0xff; 6],
            mtu: 1500,
            queue_discipline: "pfifo_fast".to_owned(),
            master_index: 0,
            oper_state: 6,
            kind: String::new(),
            slave_kind: String::new(),
            driver: "virtio_net".to_owned(),
            speed_mbit: u32::MAX,
            duplex: 255,
        });
        let address = address_status(&AddressStatus {
            address: prefix_of("172.20.0.2", 24),
            local: Some("172.20.0.2".parse().unwrap()),
            broadcast: Some("172.20.0.255".parse().unwrap()),
            link_index: 2,
            link_name: "eth0".to_owned(),
            scope: 0,
            flags: 0x80,
        });

        let link = link.unwrap();
        assert_eq!(
            link.yaml,
            "index: 4\ntype: ether\nlinkIndex: 0\nflags: UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP\n\
             hardwareAddr: 4e:95:8e:8f:e4:47\npermanentAddr: 4e:95:8e:8f:e4:47\n\
             broadcastAddr: ff:ff:ff:ff:ff:ff\nmtu: 1500\nqueueDisc: pfifo_fast\n\
             operationalState: up\nkind: ''\nslaveKind: ''\ndriver: virtio_net\n\
             linkState: true\nspeedMbit: 4294967295\nport: Other\nduplex: Unknown\n"
        );
        let message = proto::LinkStatusSpec::decode(&*link.proto).unwrap();
        assert_eq!((message.port, message.duplex), (255, 255));
        assert_eq!(message.speed_megabits, 4_294_967_295);
        assert_eq!(
            address.unwrap().yaml,
            "address: 172.20.0.2/24\nlocal: 172.20.0.2\nbroadcast: 172.20.0.255\nlinkIndex: 2\nlinkName: eth0\nfamily: inet4\nscope: global\n\
             flags: permanent\n"
        );
    }

    #[test]
    fn rsrc_061_rsrc_073_what_a_link_or_an_address_has_not_is_absent_or_empty() {
        let link = link_status(&LinkStatus {
            index: 1,
            arp_type: 772,
            lower_index: 0,
            flags: 0x1_0049,
            hardware_address: vec![0; 6],
            permanent_address: Vec::new(),
            broadcast_address: vec![0; 6],
            mtu: 65_536,
            queue_discipline: "noqueue".to_owned(),
            master_index: 0,
            oper_state: 0,
            kind: String::new(),
            slave_kind: String::new(),
            driver: String::new(),
            speed_mbit: 0,
            duplex: 255,
        });
        let address = address_status(&AddressStatus {
            address: prefix_of("fe80::1", 64),
            local: None,
            broadcast: None,
            link_index: 1,
            link_name: "lo".to_owned(),
            scope: 253,
            flags: 0x80,
        });

        assert_eq!(
            link.unwrap().yaml,
            "index: 1\ntype: loopback\nlinkIndex: 0\nflags: UP,LOOPBACK,RUNNING,LOWER_UP\n\
             hardwareAddr: 00:00:00:00:00:00\npermanentAddr: ''\n\
             broadcastAddr: 00:00:00:00:00:00\nmtu: 65536\nqueueDisc: noqueue\n\
             operationalState: unknown\nkind: ''\nslaveKind: ''\nlinkState: true\nport: Other\n\
             duplex: Unknown\n"
        );
        assert_eq!(
            address.unwrap().yaml,
            "address: fe80::1/64\nlinkIndex: 1\nlinkName: lo\nfamily: inet6\nscope: link\n\
             flags: permanent\n"
        );
    }

    #[test]
    fn the_default_route_has_no_destination() {
        let route = route_status(&RouteStatus {
            destination: prefix_of("::", 0),
            gateway: Some("fe80::1".parse().unwrap()),
            source: None,
            out_link_index: 0,
            out_link_name: String::new(),
            priority: 1024,
            table: 254,
            protocol: 9,
            scope: 0,
            flags: 0,
            mtu: 0,
        });

        assert_eq!(
            route.unwrap().yaml,
            "family: inet6\ndst: ''\nsrc: ''\ngateway: fe80::1\ntable: main\npriority: 1024\n\
             scope: global\ntype: unicast\nflags: ''\nprotocol: ra\n"
        );
    }

    #[test]
    fn rsrc_093_a_route_says_its_source_and_that_it_is_unicast() {
        let route = route_status(&RouteStatus {
            destination: prefix_of("10.0.2.0", 24),
            gateway: None,
            source: Some("10.0.2.15".parse().unwrap()),
            out_link_index: 2,
            out_link_name: "eth0".to_owned(),
            priority: 1024,
            table: 254,
            protocol: 16,
            scope: 253,
            flags: 0x4000,
            mtu: 1400,
        })
        .unwrap();

        assert!(route.yaml.contains("\nsrc: 10.0.2.15\ngateway: ''\n"));
        assert!(
            route
                .yaml
                .ends_with("\ntype: unicast\nflags: offload\nprotocol: dhcp\nmtu: 1400\n")
        );
        let message = proto::RouteStatusSpec::decode(&*route.proto).unwrap();
        assert_eq!(message.source.unwrap().ip, [10, 0, 2, 15]);
        assert_eq!((message.r#type, message.protocol), (1, 16));
    }
}
