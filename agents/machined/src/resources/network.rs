// SPDX-License-Identifier: MPL-2.0
//! Resources of the network.
//!
//! Owns: what netd tells, as resources, and the host name on its way from wishes to the kernel.
//! Never: talks to netd.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// An address with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix, in bits.
    pub length: u8,
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Prefix {
    /// Whether an address is in this network.
    #[must_use]
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        // The bits on which two addresses agree, from the first on.
        let agree = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        agree >= u32::from(self.length)
    }
}

impl From<config::Cidr> for Prefix {
    fn from(network: config::Cidr) -> Self {
        Self {
            address: network.address,
            length: network.prefix,
        }
    }
}

/// A link in the kernel. Its id is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkStatus {
    /// `ifi_index`.
    pub index: u32,
    /// `ARPHRD_*`.
    pub arp_type: u16,
    /// `IFF_*`.
    pub flags: u32,
    /// The link below it, which may be one of another network namespace; 0 for none.
    pub lower_index: u32,
    /// Its hardware address; empty for none.
    pub hardware_address: Vec<u8>,
    /// The address that its hardware came with; empty for none.
    pub permanent_address: Vec<u8>,
    /// The hardware address of all; empty for none.
    pub broadcast_address: Vec<u8>,
    /// In bytes.
    pub mtu: u32,
    /// How what is sent waits for its turn.
    pub queue_discipline: String,
    /// The bond or bridge it is in; 0 for none.
    pub master_index: u32,
    /// `IF_OPER_*`.
    pub oper_state: u8,
    /// Its kind; empty for physical links.
    pub kind: String,
    /// What it is in its bond or bridge; empty when it is in none.
    pub slave_kind: String,
    /// Its driver; empty for virtual links.
    pub driver: String,
    /// In megabits per second; 0 for none, `u32::MAX` where the driver does not know.
    pub speed_mbit: u32,
    /// `DUPLEX_*`.
    pub duplex: u8,
}

/// `IF_OPER_UNKNOWN`: loopback and links of some drivers never say another.
const OPER_UNKNOWN: u8 = 0;
/// `IF_OPER_UP`.
const OPER_UP: u8 = 6;

impl LinkStatus {
    /// Whether packets go over it, as the kernel sees it (`IFF_RUNNING`). One that is down never says
    /// that it does not know.
    #[must_use]
    pub(crate) const fn is_running(&self) -> bool {
        matches!(self.oper_state, OPER_UNKNOWN | OPER_UP)
    }
}

super::kind!(
    LinkStatus,
    "LinkStatuses.net.talos.dev" in "network",
    ["link", "links", "linkstatus", "ls"],
    [
        "Type" = "{.type}",
        "Kind" = "{.kind}",
        "Hw Addr" = "{.hardwareAddr}",
        "Oper State" = "{.operationalState}",
        "Link State" = "{.linkState}"
    ],
    Public,
    super::wire::link_status
);

/// An address in the kernel. Its id is `link/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressStatus {
    /// The address and its prefix.
    pub address: Prefix,
    /// The address once more, where the kernel says that it is this end's.
    pub local: Option<IpAddr>,
    /// The address of all in its network.
    pub broadcast: Option<IpAddr>,
    /// Its link's number.
    pub link_index: u32,
    /// Its link's name.
    pub link_name: String,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `IFA_F_*`.
    pub flags: u32,
}

super::kind!(
    AddressStatus,
    "AddressStatuses.net.talos.dev" in "network",
    ["address", "addresses", "addressstatus", "as"],
    ["Address" = "{.address}", "Link" = "{.linkName}"],
    Public,
    super::wire::address_status
);

/// A route in the kernel. Its id is `family/gateway/destination/metric`; before it comes the table
/// when it is not the main one, and the link for IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteStatus {
    /// Where to.
    pub destination: Prefix,
    /// By whom.
    pub gateway: Option<IpAddr>,
    /// The address that packets get, where the route says one.
    pub source: Option<IpAddr>,
    /// Through which link; 0 for none.
    pub out_link_index: u32,
    /// Its name.
    pub out_link_name: String,
    /// The smaller wins.
    pub priority: u32,
    /// `RT_TABLE_*`.
    pub table: u32,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `RTM_F_*`.
    pub flags: u32,
    /// In bytes; 0 for that of the link.
    pub mtu: u32,
}

super::kind!(
    RouteStatus,
    "RouteStatuses.net.talos.dev" in "network",
    ["route", "routes", "routestatus", "rs"],
    [
        "Destination" = "{.dst}",
        "Gateway" = "{.gateway}",
        "Link" = "{.outLinkName}",
        "Metric" = "{.priority}"
    ],
    Public,
    super::wire::route_status
);

/// `RT_TABLE_MAIN`.
const TABLE_MAIN: u32 = 254;

/// The id of a route of the same kind as `family`; the default route has no destination.
pub(crate) fn route_id(
    family: IpAddr,
    table: u32,
    link: &str,
    gateway: Option<IpAddr>,
    destination: Option<Prefix>,
    priority: u32,
) -> String {
    let table = match table {
        TABLE_MAIN => String::new(),
        other => format!("{other}/"),
    };
    let (link, family) = match family {
        IpAddr::V4(_) => (String::new(), "inet4"),
        IpAddr::V6(_) => (format!("{link}/"), "inet6"),
    };
    let gateway = gateway.map(|ip| ip.to_string()).unwrap_or_default();
    let destination = destination.filter(|to| to.length > 0);
    let destination = destination.map(|to| to.to_string()).unwrap_or_default();
    format!("{table}{link}{family}/{gateway}/{destination}/{priority}")
}

/// What DHCP got on a link, or that it got nothing. Its id is `dhcp4/link`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseStatus {
    /// The link.
    pub link_name: String,
    /// Whether the lease is ours now.
    pub bound: bool,
    /// Requests without an answer.
    pub attempts: u32,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Time servers.
    pub ntp: Vec<Ipv4Addr>,
    /// The host name given; empty for none.
    pub hostname: String,
    /// The domain given; empty for none.
    pub domain: String,
}

super::kind!(
    LeaseStatus,
    "DHCPLeases.net.ichor.dev" in "network",
    ["lease", "leases"],
    ["Link" = "{.linkName}", "Bound" = "{.bound}"],
    Public
);

/// The addresses of this node. Its id says which: `default`, `current` or `accumulative`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NodeAddress(pub Vec<Prefix>);

super::kind!(
    NodeAddress,
    "NodeAddresses.net.talos.dev" in "network",
    ["nodeaddress", "na", "nas"],
    ["Addresses" = "{.addresses}"],
    Public,
    super::wire::node_address
);

/// Name servers in use. Its id is `resolvers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolverStatus(pub Vec<IpAddr>);

super::kind!(
    ResolverStatus,
    "ResolverStatuses.net.talos.dev" in "network",
    ["resolvers", "resolverstatus", "rs"],
    ["Resolvers" = "{.dnsServers}"],
    Public,
    super::wire::resolver_status
);

/// Where a wish comes from; the later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Layer {
    /// Nobody said anything.
    #[default]
    Default,
    /// The kernel's command line.
    Cmdline,
    /// DHCP.
    Operator,
    /// The configuration.
    Configuration,
}

impl Layer {
    /// Its name in ids.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Cmdline => "cmdline",
            Self::Operator => "operator",
            Self::Configuration => "configuration",
        }
    }
}

/// A host name that somebody wishes. Its id is `layer/hostname` before merging, then `hostname`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostnameSpec {
    /// The first label.
    pub hostname: String,
    /// The rest; empty for none.
    pub domainname: String,
    /// Who wishes it.
    pub layer: Layer,
}

super::kind!(
    HostnameSpec,
    "HostnameSpecs.net.talos.dev" in "network",
    ["hostnamespec", "hs"],
    [],
    Public,
    super::wire::hostname_spec
);

/// The host name that the kernel has. Its id is `hostname`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostnameStatus {
    /// The first label.
    pub hostname: String,
    /// The rest; empty for none.
    pub domainname: String,
}

impl HostnameStatus {
    /// Its only id.
    pub(crate) const ID: &'static str = "hostname";

    /// The whole name.
    #[must_use]
    pub(crate) fn full(&self) -> String {
        if self.domainname.is_empty() {
            self.hostname.clone()
        } else {
            format!("{}.{}", self.hostname, self.domainname)
        }
    }
}

super::kind!(
    HostnameStatus,
    "HostnameStatuses.net.talos.dev" in "network",
    ["hostname", "hostnamestatus", "hs"],
    ["Hostname" = "{.hostname}", "Domainname" = "{.domainname}"],
    Public,
    super::wire::hostname_status
);
