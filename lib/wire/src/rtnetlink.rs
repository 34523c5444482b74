// SPDX-License-Identifier: MPL-2.0
//! rtnetlink(7): the kernel's links, addresses and routes, and orders to change them.
//!
//! Owns: which messages exist and which of them is which.
//! Never: knows why a link or a route is wanted.

mod address;
mod link;
mod route;

pub use address::{Address, IFA_F_NOPREFIXROUTE, INFINITE};
pub use link::{
    ARPHRD_ETHER, HardwareAddress, IFF_LOOPBACK, IFF_LOWER_UP, IFF_UP, Link, LinkOrder, Word,
};
pub use route::{RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, Route};

use crate::netlink::{self, Content, Error, Message, Writer};

/// `RTM_*` numbers.
pub(crate) const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
pub(crate) const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
pub(crate) const NEW_ROUTE: u16 = 24;
const DEL_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;

/// `AF_INET` and `AF_INET6`.
pub(crate) const INET: u8 = 2;
pub(crate) const INET6: u8 = 10;

/// `RTPROT_DHCP`, which marks our routes, and, as `IFA_PROTO`, our addresses.
pub const PROTOCOL_DHCP: u8 = 16;

/// The groups that tell of links, addresses and routes of both families (`RTMGRP_*`).
pub const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// What the kernel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A link is there, or is different now.
    Link(Link),
    /// The link of this number is gone.
    LinkGone(u32),
    /// An address is there, or is different now.
    Address(Address),
    /// An address is gone.
    AddressGone(Address),
    /// A route is there.
    Route(Route),
    /// A route is gone.
    RouteGone(Route),
}

impl News {
    /// What `message` tells; `None` for what this module does not follow, such as routes of a
    /// family or a shape of their own.
    ///
    /// # Errors
    /// The message is malformed.
    pub fn parse(message: &Message<'_>) -> Result<Option<Self>, Error> {
        let Content::Payload(payload) = message.content else {
            return Ok(None);
        };
        Ok(match message.header.kind {
            NEW_LINK => Link::parse(payload)?.map(Self::Link),
            DEL_LINK => Link::parse(payload)?.map(|link| Self::LinkGone(link.index)),
            NEW_ADDRESS => Address::parse(payload)?.map(Self::Address),
            DEL_ADDRESS => Address::parse(payload)?.map(Self::AddressGone),
            NEW_ROUTE => Route::parse(payload)?.map(Self::Route),
            DEL_ROUTE => Route::parse(payload)?.map(Self::RouteGone),
            _ => None,
        })
    }
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dump {
    /// All links.
    Links,
    /// All addresses.
    Addresses,
    /// All routes.
    Routes,
}

impl Dump {
    /// Writes the request for everything of this kind.
    ///
    /// # Errors
    /// It does not fit.
    pub fn emit(self, buffer: &mut [u8], sequence: u32) -> Result<&[u8], Error> {
        /// `IFLA_EXT_MASK` with `RTEXT_FILTER_SKIP_STATS`: nobody here counts packets.
        const IFLA_EXT_MASK: u16 = 29;
        const SKIP_STATS: u32 = 1 << 3;

        let (kind, fixed): (u16, &[u8]) = match self {
            Self::Links => (GET_LINK, &[0; link::FIXED_LEN]),
            Self::Addresses => (GET_ADDRESS, &[0; address::FIXED_LEN]),
            Self::Routes => (GET_ROUTE, &[0; route::FIXED_LEN]),
        };
        let mut writer = Writer::new(buffer, kind, netlink::DUMP, sequence);
        writer.bytes(fixed);
        if self == Self::Links {
            writer.attribute(IFLA_EXT_MASK, &SKIP_STATS.to_ne_bytes());
        }
        writer.finish()
    }
}

/// What is wanted of an address or a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// That there is one.
    There,
    /// That there is none.
    Gone,
}

/// Refuses a prefix that is longer than an address of its family.
fn check_prefix(family: u8, prefix_len: u8) -> Result<(), Error> {
    let longest = if family == INET { 32 } else { 128 };
    if prefix_len > longest {
        Err(Error::BadLength)
    } else {
        Ok(())
    }
}

/// The address in an attribute of this family.
fn ip(family: u8, attribute: &netlink::Attribute<'_>) -> Result<core::net::IpAddr, Error> {
    if family == INET {
        attribute.array::<4>().map(core::net::IpAddr::from)
    } else {
        attribute.array::<16>().map(core::net::IpAddr::from)
    }
}

/// Adds an address as an attribute.
fn put_ip(writer: &mut Writer<'_>, kind: u16, ip: core::net::IpAddr) {
    match ip {
        core::net::IpAddr::V4(v4) => writer.attribute(kind, &v4.octets()),
        core::net::IpAddr::V6(v6) => writer.attribute(kind, &v6.octets()),
    }
}

/// The family of an address.
const fn family(ip: core::net::IpAddr) -> u8 {
    match ip {
        core::net::IpAddr::V4(_) => INET,
        core::net::IpAddr::V6(_) => INET6,
    }
}
