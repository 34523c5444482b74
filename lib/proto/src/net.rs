// SPDX-License-Identifier: MPL-2.0
//! What netd is asked over `/run/ichor/netd.sock`. Only user 0 may ask.
//!
//! netd works without being asked: loopback and every physical link up, DHCPv4 on each. Here it
//! tells what it sees in the kernel and what it was given.
//!
//! Owns: the operations and the news of the network.
//! Never: carries a name where the kernel has an index; both are given.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::{Greeting, Refusal};

/// `IFNAMSIZ - 1`.
pub const LINK_NAME_MAX: usize = 15;
/// A link's name.
pub type LinkName = String<LINK_NAME_MAX>;
/// A hardware address; empty for none.
pub type HardwareAddress = Vec<u8, 20, u8>;
/// A word of the kernel: a kind, a queue discipline.
pub type Word = String<15, u8>;
/// The longest name of a driver that is told.
pub const DRIVER_NAME_MAX: usize = 31;
/// A speed that a link's driver does not know, as ethtool has it (`SPEED_UNKNOWN`).
pub const SPEED_UNKNOWN: u32 = u32::MAX;
/// A duplex mode that is not known, as ethtool has it (`DUPLEX_UNKNOWN`).
pub const DUPLEX_UNKNOWN: u8 = u8::MAX;
/// The resolvers that netd takes when no lease names any.
pub const DEFAULT_RESOLVERS: [core::net::Ipv4Addr; 2] = [
    core::net::Ipv4Addr::new(1, 1, 1, 1),
    core::net::Ipv4Addr::new(8, 8, 8, 8),
];
/// The priority of the routes that netd makes of leases.
pub const LEASE_PRIORITY: u32 = 1024;
/// An IP address in network order: 4 bytes or 16.
pub type Ip = core::net::IpAddr;

messages! {
    /// What netd is asked.
    pub enum Request {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// Everything there is, then `Synced`, then news. Answer: events only. Idempotent.
        2 => Subscribe(()),
        /// One packet socket that is not bound yet. Answer: `PacketSocket`, with the descriptor.
        /// Idempotent: after a lost reply the socket is closed, ask for another.
        3 => PacketSocket(()),
    }
}

messages! {
    /// What netd answers and tells.
    pub enum Reply {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// A link is there, or is different now.
        3 => Link(Link),
        /// A link is gone.
        4 => LinkGone(LinkIndex),
        /// An address is there, or is different now.
        5 => Address(Address),
        /// An address is gone.
        6 => AddressGone(Address),
        /// A route is there.
        7 => Route(Route),
        /// A route is gone.
        8 => RouteGone(Route),
        /// What DHCP does on a link.
        9 => Lease(Lease),
        /// All that was there when `Subscribe` came has been told.
        10 => Synced(()),
        /// The packet socket that was asked for is with this message.
        11 => PacketSocket(()),
    }
}

/// A link's number in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkIndex {
    /// `ifi_index`.
    pub index: u32,
}

/// A link as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// `ifi_index`.
    pub index: u32,
    /// `IFLA_IFNAME`.
    pub name: LinkName,
    /// `ifi_type`, an `ARPHRD_*` number.
    pub arp_type: u16,
    /// `ifi_flags`, a mask of `IFF_*`.
    pub flags: u32,
    /// `IFLA_MTU`, in bytes.
    pub mtu: u32,
    /// `IFLA_ADDRESS`.
    pub hardware_address: HardwareAddress,
    /// `IFLA_PERM_ADDRESS`: the address that the hardware came with; virtual links have none.
    pub permanent_address: HardwareAddress,
    /// `IFLA_BROADCAST`.
    pub broadcast_address: HardwareAddress,
    /// `IFLA_LINK`: the link below it, which may be one of another network namespace; 0 for none.
    pub lower_index: u32,
    /// `IFLA_MASTER`: the bond or bridge it is in; 0 for none.
    pub master_index: u32,
    /// `IFLA_QDISC`.
    pub queue_discipline: Word,
    /// `IFLA_OPERSTATE`, an `IF_OPER_*` number.
    pub oper_state: u8,
    /// `IFLA_INFO_KIND`; empty for physical links.
    pub kind: Word,
    /// `IFLA_INFO_SLAVE_KIND`: what it is in its bond or bridge; empty when it is in none.
    pub slave_kind: Word,
    /// What sysfs says of it.
    pub hardware: Hardware,
}

/// What sysfs says of a link, as it was when the link was told. It is told with other news of the
/// link only: who changes a speed takes the carrier away for a moment, which is news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// The name of its driver; empty for virtual links.
    pub driver: String<DRIVER_NAME_MAX, u8>,
    /// In megabits per second; 0 for links that have no speed or are down, [`SPEED_UNKNOWN`] where
    /// the driver does not know.
    pub speed_mbit: u32,
    /// A `DUPLEX_*` number.
    pub duplex: u8,
}

impl Hardware {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        driver: String::new(),
        speed_mbit: 0,
        duplex: DUPLEX_UNKNOWN,
    };
}

/// An address as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// `ifa_index`.
    pub link_index: u32,
    /// Its link's name.
    pub link_name: LinkName,
    /// The address.
    pub address: Ip,
    /// `IFA_LOCAL`; IPv6 says it only where the other end of a link has an address of its own.
    pub local: Option<Ip>,
    /// `IFA_BROADCAST`.
    pub broadcast: Option<Ip>,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// `ifa_scope`, an `RT_SCOPE_*` number.
    pub scope: u8,
    /// `IFA_FLAGS`, a mask of `IFA_F_*`.
    pub flags: u32,
}

/// A route of the main table as the kernel has it. Their order says nothing of which one wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Where to; the unspecified address for the default route.
    pub destination: Ip,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// `RTA_GATEWAY`.
    pub gateway: Option<Ip>,
    /// `RTA_PREFSRC`: the address that packets get.
    pub source: Option<Ip>,
    /// `RTA_OIF`; 0 for none.
    pub link_index: u32,
    /// Its link's name.
    pub link_name: LinkName,
    /// `RTA_PRIORITY`: the smaller wins.
    pub priority: u32,
    /// `rtm_protocol`, an `RTPROT_*` number.
    pub protocol: u8,
    /// `rtm_scope`, an `RT_SCOPE_*` number.
    pub scope: u8,
    /// The routing table.
    pub table: u32,
    /// `rtm_flags`, of `RTM_F_*` alone.
    pub flags: u32,
    /// `RTAX_MTU`, in bytes; 0 for that of the link.
    pub mtu: u32,
}

/// What DHCP does on a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The link.
    pub link_index: u32,
    /// Its name.
    pub link_name: LinkName,
    /// Where in its life the lease is (RFC 2131 §4.4).
    pub state: LeaseState,
    /// How many requests went unanswered in this state.
    pub attempts: u32,
    /// Name servers it gave.
    pub dns: Vec<core::net::Ipv4Addr, 3>,
    /// Time servers it gave (option 42).
    pub ntp: Vec<core::net::Ipv4Addr, 3>,
    /// The host name it gave (option 12); empty for none.
    pub hostname: String<63>,
    /// The domain it gave (option 15); empty for none.
    pub domain: String<127>,
    /// The server that gave it.
    pub server: Option<core::net::Ipv4Addr>,
    /// How long it is good for, in seconds, from when it was given.
    pub lease_s: u32,
}

/// Where in its life a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseState {
    /// No carrier, or the link is down.
    NoCarrier,
    /// Looking for a server.
    Discovering,
    /// Asking one server for its offer.
    Requesting,
    /// Ours.
    Bound,
    /// Asking its server for more time.
    Renewing,
    /// Asking any server for more time.
    Rebinding,
}
