// SPDX-License-Identifier: MPL-2.0
//! What should be true of the network, and what is to be done until it is.
//!
//! Loopback and physical links are up. A link with a lease has the lease's address, routes and
//! MTU. What we made and no lease asks for is removed; what others made is left alone.
//!
//! Owns: the difference between the wanted and the present, and the text of resolv.conf.
//! Never: sends an order.

use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use heapless::{String, Vec};
use proto::net::{DEFAULT_RESOLVERS, LEASE_PRIORITY};
use wire::dhcp::ClasslessRoute;
use wire::rtnetlink::{
    ARPHRD_ETHER, Address, IFF_LOOPBACK, INFINITE, Link, PROTOCOL_DHCP, RT_SCOPE_LINK,
    RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, Route, Word,
};

use crate::dhcp::Held;
use crate::lease::Lease;
use crate::links::Links;
use crate::slots::{Slot, Slots};
use crate::table::Item as _;

/// How many orders one round gives; what is left comes in the next.
pub const ORDERS_MAX: usize = 48;
/// How many kinds of virtual links can be named to be treated as physical.
pub const KINDS_MAX: usize = 4;
/// The routes of a lease, each with a route to its gateway.
const WANTED_MAX: usize = 2 * wire::dhcp::ROUTES_MAX;
/// Resolvers read no more than three (resolv.conf(5), `MAXNS`).
const RESOLVERS_MAX: usize = 3;

/// Kinds of virtual links that are treated as physical ones.
pub type Kinds = Vec<Word, KINDS_MAX>;
/// The text of resolv.conf.
pub type ResolvConf = String<512>;

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Bring the link of this number up.
    Up(u32),
    /// Give the link of this number this MTU.
    Mtu(u32, u32),
    /// Have this address, with these lifetimes.
    AddAddress(Address),
    /// Remove this address.
    RemoveAddress(Address),
    /// Have this route.
    AddRoute(Route),
    /// Remove this route.
    RemoveRoute(Route),
}

/// Whether DHCP is done on a link: it is Ethernet, and a driver made it, or it is of a kind that
/// is treated so.
#[must_use]
pub fn is_physical(link: &Link, kinds: &Kinds) -> bool {
    link.arp_type == ARPHRD_ETHER && (link.kind.is_empty() || kinds.contains(&link.kind))
}

/// The orders that make true what should be. Removals come first, so that what is new never
/// depends on what is old; routes come after the addresses they need.
#[must_use]
pub fn orders(
    links: &Links,
    slots: &Slots,
    kinds: &Kinds,
    now: Duration,
) -> Vec<Order, ORDERS_MAX> {
    let mut orders = Vec::new();
    for link in links.links.items() {
        let wanted = link.flags & IFF_LOOPBACK != 0 || is_physical(link, kinds);
        if wanted && !link.is_up() {
            let _ = orders.push(Order::Up(link.index));
        }
    }
    for slot in slots.iter() {
        removals(links, slot, &mut orders);
    }
    for slot in slots.iter() {
        additions(links, slot, now, &mut orders);
    }
    orders
}

/// What we made on this link and is not wanted any more.
fn removals(links: &Links, slot: &Slot, orders: &mut Vec<Order, ORDERS_MAX>) {
    let held = slot.client.held();
    let wanted = wanted_routes(slot);
    let known_whole = !matches!(held, Some(Held::Remembered { .. }));
    for route in links.routes.items() {
        let ours = route.protocol == PROTOCOL_DHCP && route.link_index == slot.link_index;
        if ours
            && route.destination.is_ipv4()
            && known_whole
            && !wanted.iter().any(|wanted| wanted.is(route))
        {
            let _ = orders.push(Order::RemoveRoute(*route));
        }
    }
    for address in links.addresses.items() {
        let ours = address.protocol == PROTOCOL_DHCP && address.link_index == slot.link_index;
        let keep = held.is_some_and(|held| is_held(held, address));
        if ours && address.address.is_ipv4() && !keep {
            let _ = orders.push(Order::RemoveAddress(*address));
        }
    }
}

/// Whether `address` is what the client holds.
fn is_held(held: &Held, address: &Address) -> bool {
    let (ours, ours_len) = match held {
        Held::Lease(lease) => (lease.address, lease.prefix_len),
        Held::Remembered {
            address,
            prefix_len,
            ..
        } => (*address, *prefix_len),
    };
    address.address == IpAddr::V4(ours) && address.prefix_len == ours_len
}

/// What this link's lease asks for and is not there.
fn additions(links: &Links, slot: &Slot, now: Duration, orders: &mut Vec<Order, ORDERS_MAX>) {
    let Some(link) = links.link(slot.link_index) else {
        return;
    };
    let mtu = match slot.client.lease() {
        Some(lease) => lease.mtu.map(u32::from),
        None if slot.client.held().is_none() => slot.mtu_before,
        None => None,
    };
    if let Some(mtu) = mtu
        && link.mtu != mtu
        && slot.mtu_refused != Some(mtu)
    {
        let _ = orders.push(Order::Mtu(link.index, mtu));
    }
    let Some(lease) = slot.client.lease() else {
        return;
    };
    let wanted = wanted_address(slot.link_index, lease, now);
    let held = Held::Lease(lease.clone());
    let there = links
        .addresses
        .items()
        .any(|address| address.link_index == slot.link_index && is_held(&held, address));
    if !there || slot.installed != Some((lease.address, lease.expires_at)) {
        let _ = orders.push(Order::AddAddress(wanted));
    }
    if !link.is_up() {
        return;
    }
    for route in wanted_routes(slot) {
        if !links.routes.items().any(|known| known.is(&route)) {
            let _ = orders.push(Order::AddRoute(route));
        }
    }
}

/// The address of a lease, with what is left of its time.
fn wanted_address(link_index: u32, lease: &Lease, now: Duration) -> Address {
    let left_s = match lease.expires_at {
        // The kernel counts whole seconds and must not be the first to give up.
        Some(at) => at.saturating_sub(now).as_secs().saturating_add(1),
        None => u64::from(INFINITE),
    };
    let left_s = u32::try_from(left_s).unwrap_or(INFINITE);
    Address {
        link_index,
        address: lease.address.into(),
        local: Some(lease.address.into()),
        prefix_len: lease.prefix_len,
        scope: RT_SCOPE_UNIVERSE,
        flags: 0,
        broadcast: lease.broadcast.map(IpAddr::V4),
        valid_s: left_s,
        preferred_s: left_s,
        protocol: PROTOCOL_DHCP,
    }
}

/// The routes of a link's lease. A gateway outside the lease's own network gets a route first.
fn wanted_routes(slot: &Slot) -> Vec<Route, WANTED_MAX> {
    let mut wanted = Vec::new();
    let Some(lease) = slot.client.lease() else {
        return wanted;
    };
    for route in &lease.routes {
        if !route.gateway.is_unspecified() && !on_link(lease, route.gateway) {
            let to_gateway = ClasslessRoute {
                destination: route.gateway,
                prefix_len: 32,
                gateway: Ipv4Addr::UNSPECIFIED,
            };
            let to_gateway = kernel_route(slot.link_index, lease, &to_gateway);
            if !wanted.contains(&to_gateway) {
                let _ = wanted.push(to_gateway);
            }
        }
        let route = kernel_route(slot.link_index, lease, route);
        if !wanted.contains(&route) {
            let _ = wanted.push(route);
        }
    }
    wanted
}

/// Whether `gateway` is reached without a route: it is in the lease's network, or one of the
/// lease's own routes leads to it.
fn on_link(lease: &Lease, gateway: Ipv4Addr) -> bool {
    let covers = |network: Ipv4Addr, prefix_len: u8| {
        let free = 32_u32.saturating_sub(u32::from(prefix_len));
        let mask = u32::MAX.checked_shl(free).unwrap_or(0);
        (network.to_bits() ^ gateway.to_bits()) & mask == 0
    };
    covers(lease.address, lease.prefix_len)
        || lease.routes.iter().any(|route| {
            route.gateway.is_unspecified() && covers(route.destination, route.prefix_len)
        })
}

/// A route as the kernel shall have it.
fn kernel_route(link_index: u32, lease: &Lease, route: &ClasslessRoute) -> Route {
    let direct = route.gateway.is_unspecified();
    Route {
        destination: route.destination.into(),
        prefix_len: route.prefix_len,
        gateway: (!direct).then_some(IpAddr::V4(route.gateway)),
        source: Some(lease.address.into()),
        link_index,
        priority: LEASE_PRIORITY,
        protocol: PROTOCOL_DHCP,
        scope: if direct {
            RT_SCOPE_LINK
        } else {
            RT_SCOPE_UNIVERSE
        },
        table: RT_TABLE_MAIN,
        flags: 0,
        mtu: 0,
    }
}

/// The text of resolv.conf; `None` while a lease of before is not known whole, because then the
/// present file may be the right one.
#[must_use]
pub fn resolv_conf(slots: &Slots) -> Option<ResolvConf> {
    let mut servers: Vec<Ipv4Addr, RESOLVERS_MAX> = Vec::new();
    let mut domain = "";
    for slot in slots.iter() {
        match slot.client.held() {
            Some(Held::Remembered { .. }) => return None,
            Some(Held::Lease(lease)) => {
                for server in &lease.dns {
                    if !servers.contains(server) {
                        let _ = servers.push(*server);
                    }
                }
                if domain.is_empty() {
                    domain = &lease.domain;
                }
            }
            None => {}
        }
    }
    if servers.is_empty() {
        servers.extend(DEFAULT_RESOLVERS);
    }
    let mut text = ResolvConf::new();
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !domain.is_empty() {
        let _ = writeln!(text, "search {domain}");
    }
    Some(text)
}
