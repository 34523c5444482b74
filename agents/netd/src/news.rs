// SPDX-License-Identifier: MPL-2.0
//! What netd tells over its socket: everything, then what changes.
//!
//! A subscriber is one number: the stamp of the last change it was told. What changes several
//! times before it reads is told once, as it is then. One that is so far behind that departures
//! are forgotten is closed, and begins anew.
//!
//! Who asks for a packet socket gets one that hears nothing: it is theirs to say which link and
//! which frames. netd has the right to make one, and they have not.
//!
//! Owns: the answers, and the order of news.
//! Never: keeps anything for a subscriber that does not read.

use heapless::{String, Vec};
use proto::greeting;
use proto::net::{Address, Hardware, Lease, Link, LinkIndex, Reply, Request, Route};
use proto::{Greeting, Refusal};
use sys::fd::{AsFd as _, OwnedFd};
use sys::seqpacket::{Manners, Next, Peer, Service};
use wire::rtnetlink;

use crate::desired::{Kinds, is_physical};
use crate::hardware::Sysfs;
use crate::links::{Gone, Links};
use crate::slots::{Slot, Slots};

/// What netd knows.
#[derive(Debug, Default)]
pub struct Network {
    /// What the kernel has.
    pub links: Links,
    /// What DHCP does.
    pub slots: Slots,
    /// What links are made of.
    pub sysfs: Sysfs,
    /// Kinds of virtual links that count as physical.
    pub kinds: Kinds,
    /// The kernel was heard whole; before that nobody is told anything.
    pub complete: bool,
    /// Who may ask.
    pub user: u32,
}

/// What a connection was told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It did not subscribe.
    #[default]
    Nothing,
    /// It is being told what there is.
    Some {
        /// What has changed until here was told.
        until: u64,
        /// What went before this it need not hear.
        from: u64,
    },
    /// It was told all there is, and hears news.
    All {
        /// What has changed until here was told.
        until: u64,
    },
}

/// What is known of a connection.
#[derive(Debug, Default)]
pub struct Caller {
    /// What it was told.
    pub told: Told,
    /// The packet socket that it asked for.
    socket: Option<OwnedFd>,
}

/// The next thing to tell.
enum Item<'n> {
    Link(&'n rtnetlink::Link),
    Address(&'n rtnetlink::Address),
    Route(&'n rtnetlink::Route),
    Lease(&'n Slot),
    Gone(&'n Gone),
    Synced,
    TooLate,
}

impl Network {
    /// What a connection is to be told next, and what it was told then.
    fn pick(&self, told: Told) -> Option<(Item<'_>, Told)> {
        let (until, from) = match told {
            Told::Nothing => return None,
            Told::Some { .. } if !self.complete => return None,
            Told::Some { until, from } => (until, from),
            Told::All { until } => (until, until),
        };
        let Ok(gone) = self.links.first_gone_after(until.max(from)) else {
            return Some((Item::TooLate, told));
        };
        let link = self.links.links.first_after(until);
        let address = self.links.addresses.first_after(until);
        let route = self.links.routes.first_after(until);
        let later = self.slots.iter().filter(|slot| slot.stamp > until);
        let lease = later.min_by_key(|slot| slot.stamp);
        let candidates = [
            gone.map(|(stamp, gone)| (*stamp, Item::Gone(gone))),
            link.map(|entry| (entry.stamp, Item::Link(&entry.item))),
            address.map(|entry| (entry.stamp, Item::Address(&entry.item))),
            route.map(|entry| (entry.stamp, Item::Route(&entry.item))),
            lease.map(|slot| (slot.stamp, Item::Lease(slot))),
        ];
        let next = candidates
            .into_iter()
            .flatten()
            .min_by_key(|(stamp, _)| *stamp);
        match (told, next) {
            (Told::Some { from, .. }, Some((until, item))) => {
                Some((item, Told::Some { until, from }))
            }
            (Told::Some { until, from }, None) => {
                let until = until.max(from);
                Some((Item::Synced, Told::All { until }))
            }
            (_, Some((until, item))) => Some((item, Told::All { until })),
            (_, None) => None,
        }
    }

    /// What sysfs says of a link. A driver takes its time to say how fast a link is, and this is the loop that
    /// keeps leases: only those of physical links with a carrier are asked.
    fn hardware(&self, link: &rtnetlink::Link) -> Hardware {
        if is_physical(link, &self.kinds) && link.has_carrier() {
            self.sysfs.hardware(&link.name)
        } else {
            Hardware {
                driver: self.sysfs.driver(&link.name),
                ..Hardware::UNKNOWN
            }
        }
    }

    /// The message for an item; `None` when the connection is to be closed.
    fn message(&self, item: &Item<'_>) -> Option<Reply> {
        Some(match item {
            Item::Link(link) => Reply::Link(tell_link(link, self.hardware(link))),
            Item::Address(address) => {
                let name = self.links.name(address.link_index);
                Reply::Address(tell_address(address, name))
            }
            Item::Route(route) => {
                let name = self.links.name(route.link_index);
                Reply::Route(tell_route(route, name))
            }
            Item::Lease(slot) => Reply::Lease(tell_lease(slot)),
            Item::Gone(Gone::Link(index)) => Reply::LinkGone(LinkIndex { index: *index }),
            Item::Gone(Gone::Address(address, name)) => {
                Reply::AddressGone(tell_address(address, name.clone()))
            }
            Item::Gone(Gone::Route(route, name)) => {
                Reply::RouteGone(tell_route(route, name.clone()))
            }
            Item::Synced => Reply::Synced(()),
            Item::TooLate => return None,
        })
    }
}

impl Service for Network {
    type Connection = Caller;

    const MANNERS: Manners = Manners {
        greet: greeting::greet,
        deny: greeting::deny,
        full: greeting::full,
        too_long: greeting::too_long,
    };

    fn admits(&self, peer: Peer) -> bool {
        peer.uid == self.user
    }

    fn request(
        &mut self,
        _peer: Peer,
        connection: &mut Caller,
        message: &[u8],
        reply: &mut [u8],
    ) -> Option<usize> {
        match Request::decode(message) {
            Ok(Request::Hello(theirs)) if theirs == Greeting::OURS => {
                let welcome = Reply::Welcome(Greeting::OURS);
                Some(welcome.encode(reply).unwrap_or(0))
            }
            Ok(Request::Hello(_)) => Some(greeting::refuse(Refusal::Version, reply)),
            Ok(Request::Subscribe(())) => {
                connection.told = Told::Some {
                    until: 0,
                    from: self.links.stamp(),
                };
                None
            }
            Ok(Request::PacketSocket(())) => match sys::packet::unbound() {
                Ok(socket) => {
                    connection.socket = Some(socket);
                    None
                }
                Err(errno) => {
                    let errno = u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX);
                    Some(greeting::refuse(Refusal::Failed(errno), reply))
                }
            },
            Err(_) => Some(greeting::refuse(Refusal::Malformed, reply)),
        }
    }

    fn next<'s>(&'s self, connection: &'s Caller, message: &mut [u8]) -> Next<'s> {
        if let Some(socket) = &connection.socket {
            return match Reply::PacketSocket(()).encode(message) {
                Ok(len) => Next::MessageWith(len, socket.as_fd()),
                Err(_) => Next::Close,
            };
        }
        let Some((item, _)) = self.pick(connection.told) else {
            return Next::Nothing;
        };
        match self.message(&item).map(|reply| reply.encode(message)) {
            Some(Ok(len)) => Next::Message(len),
            Some(Err(_)) | None => Next::Close,
        }
    }

    fn told(&mut self, connection: &mut Caller) {
        if connection.socket.take().is_some() {
            return;
        }
        if let Some((_, told)) = self.pick(connection.told) {
            connection.told = told;
        }
    }
}

fn tell_link(link: &rtnetlink::Link, hardware: Hardware) -> Link {
    Link {
        index: link.index,
        name: link.name.clone(),
        arp_type: link.arp_type,
        flags: link.flags,
        mtu: link.mtu,
        hardware_address: link.hardware_address.clone(),
        permanent_address: link.permanent_address.clone(),
        broadcast_address: link.broadcast_address.clone(),
        lower_index: link.lower_index,
        master_index: link.master_index,
        queue_discipline: link.queue_discipline.clone(),
        oper_state: link.oper_state,
        kind: link.kind.clone(),
        slave_kind: link.slave_kind.clone(),
        hardware,
    }
}

fn tell_address(address: &rtnetlink::Address, link_name: String<15>) -> Address {
    Address {
        link_index: address.link_index,
        link_name,
        address: address.address,
        local: address.local,
        broadcast: address.broadcast,
        prefix_len: address.prefix_len,
        scope: address.scope,
        flags: address.flags,
    }
}

fn tell_route(route: &rtnetlink::Route, link_name: String<15>) -> Route {
    Route {
        destination: route.destination,
        prefix_len: route.prefix_len,
        gateway: route.gateway,
        source: route.source,
        link_index: route.link_index,
        link_name,
        priority: route.priority,
        protocol: route.protocol,
        scope: route.scope,
        table: route.table,
        flags: route.flags,
        mtu: route.mtu,
    }
}

fn tell_lease(slot: &Slot) -> Lease {
    let lease = slot.client.lease();
    Lease {
        link_index: slot.link_index,
        link_name: slot.name.clone(),
        state: slot.client.state(),
        attempts: slot.client.attempts(),
        dns: lease.map_or_else(Vec::new, |lease| lease.dns.clone()),
        ntp: lease.map_or_else(Vec::new, |lease| lease.ntp.clone()),
        hostname: lease.map_or_else(String::new, |lease| lease.host_name.clone()),
        domain: lease.map_or_else(String::new, |lease| lease.domain.clone()),
        server: lease.map(|lease| lease.server),
        lease_s: lease.map_or(0, |lease| lease.lease_s),
    }
}
