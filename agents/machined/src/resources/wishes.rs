// SPDX-License-Identifier: MPL-2.0
//! Resources of what the network is to be: links, addresses, routes, operators, resolvers.
//!
//! Each has the layer that it comes from. Before merging its id has the layer, or the operator,
//! in front.
//!
//! Owns: what can be wished.
//! Never: says whether it is so; a status does.

use std::net::IpAddr;

use pki::Secret;

use super::field::{record, spec};
use super::values::{Maybe, Word, Written};
use super::{Layer, Prefix};

spec! {
    /// An address that a link is to have. Its id is `link/prefix`.
    AddressSpec,
    "AddressSpecs.net.talos.dev" in "network",
    ["addressspec", "as"],
    [],
    Public,
    {
        1 "address" address: Maybe<Prefix>, keep, "The address and its prefix.";
        2 "linkName" link_name: String, keep, "The link.";
        3 "family" family: Word, keep, "`AF_*`.";
        4 "scope" scope: Word, keep, "`RT_SCOPE_*`.";
        5 "flags" flags: Word, keep, "`IFA_F_*`.";
        6 "announceWithARP" announced: bool, omit, "Whether neighbours are told at once.";
        7 "layer" layer: Layer, keep, "Who wishes it.";
    }
}

spec! {
    /// A route that is to be. Its id is that of its status.
    RouteSpec,
    "RouteSpecs.net.talos.dev" in "network",
    ["routespec", "rs"],
    [],
    Public,
    {
        1 "family" family: Word, keep, "`AF_*`.";
        2 "dst" destination: Maybe<Prefix>, keep, "Where to; none is everywhere.";
        3 "src" source: Maybe<IpAddr>, keep, "Which of our addresses to use.";
        4 "gateway" gateway: Maybe<IpAddr>, keep, "By whom.";
        5 "outLinkName" link_name: String, omit, "Through which link.";
        6 "table" table: Word, keep, "`RT_TABLE_*`.";
        7 "priority" priority: u32, omit, "The smaller wins.";
        8 "scope" scope: Word, keep, "`RT_SCOPE_*`.";
        9 "type" route_type: Word, keep, "`RTN_*`.";
        10 "flags" flags: Word, keep, "`RTM_F_*`.";
        11 "protocol" protocol: Word, keep, "`RTPROT_*`.";
        12 "layer" layer: Layer, keep, "Who wishes it.";
        13 "mtu" mtu: u32, omit, "The largest packet, in bytes.";
    }
}

spec! {
    /// Name servers that somebody wishes. Its id is `resolvers`.
    ResolverSpec,
    "ResolverSpecs.net.talos.dev" in "network",
    ["resolverspec", "rs"],
    [],
    Public,
    {
        1 "dnsServers" servers: Vec<IpAddr>, keep, "Their addresses.";
        2 "layer" layer: Layer, keep, "Who wishes them.";
    }
}

record! {
    /// How DHCPv4 is asked.
    Dhcp4 {
        1 "routeMetric" route_metric: u32, keep, "Metric of the routes it brings.";
        2 "skipHostnameRequest" skip_hostname: bool, omit, "Do not ask for a name.";
    }
}

record! {
    /// How DHCPv6 is asked.
    Dhcp6 {
        1 "DUID" duid: String, omit, "Who we are.";
        2 "routeMetric" route_metric: u32, keep, "Metric of the routes it brings.";
        3 "skipHostnameRequest" skip_hostname: bool, omit, "Do not ask for a name.";
    }
}

record! {
    /// How an address is claimed at Equinix Metal. Which machine this is there nobody asks.
    EquinixMetal {
        1 "projectID" project: String, keep, "The project.";
        2 "deviceID" device: String, keep, "The machine.";
        3 "apiToken" token: Secret, keep, "The token of its API.";
    }
}

record! {
    /// How an address is claimed at Hetzner Cloud. Which machine this is there nobody asks.
    HetznerCloud {
        1 "deviceID" device: i64, keep, "The machine.";
        2 "networkID" network: i64, keep, "The network.";
        3 "apiToken" token: Secret, keep, "The token of its API.";
    }
}

record! {
    /// An address that control plane nodes share.
    SharedAddress {
        1 "ip" address: Maybe<IpAddr>, keep, "The address.";
        2 "gratuitousARP" announced: bool, keep, "Whether neighbours are told who has it.";
        3 "equinixMetal" equinix_metal: EquinixMetal, omit, "How it is claimed at Equinix Metal.";
        4 "hcloud" hetzner: HetznerCloud, omit, "How it is claimed at Hetzner Cloud.";
    }
}

spec! {
    /// Something that configures a link while the node runs. Its id is `operator/link`.
    OperatorSpec,
    "OperatorSpecs.net.talos.dev" in "network",
    ["operatorspec", "os"],
    [],
    Sensitive,
    {
        1 "operator" operator: Word, keep, "`dhcp4`, `dhcp6` or `vip`.";
        2 "linkName" link_name: String, keep, "The link.";
        3 "requireUp" require_up: bool, keep, "Whether it waits for the link.";
        4 "dhcp4" dhcp4: Dhcp4, omit, "How DHCPv4 is asked.";
        5 "dhcp6" dhcp6: Dhcp6, omit, "How DHCPv6 is asked.";
        6 "vip" shared: SharedAddress, omit, "The shared address.";
        7 "layer" layer: Layer, keep, "Who wishes it.";
    }
}

spec! {
    /// What the configuration says of a link. Its id is the link, the place in the list, and, where
    /// a selector means the link, the place among those that it means.
    DeviceConfigSpec,
    "DeviceConfigSpecs.net.talos.dev" in "network",
    ["deviceconfigspec", "dcs"],
    [],
    Sensitive,
    {
        1 "device" device: Written, keep, "What is written.";
    }
}
