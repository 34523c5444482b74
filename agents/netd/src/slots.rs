// SPDX-License-Identifier: MPL-2.0
//! The physical links, each with its DHCP client.
//!
//! Owns: which links have a client, and what was done for it in the kernel.
//! Never: sends, or reads a clock.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use heapless::{String, Vec};
use wire::rtnetlink::{INFINITE, Link, PROTOCOL_DHCP};

use crate::desired::{Kinds, is_physical};
use crate::dhcp::Client;
use crate::links::{Links, Name};

/// How many links can have DHCP at a time.
pub const SLOTS_MAX: usize = 16;

/// One link's client.
#[derive(Debug)]
pub struct Slot {
    /// The link.
    pub link_index: u32,
    /// Its name, for the log.
    pub name: Name,
    /// Its client.
    pub client: Client,
    /// Whether the client believes that there is a carrier.
    pub carrier: bool,
    /// The address that the kernel was last given, and until when.
    pub installed: Option<(Ipv4Addr, Option<Duration>)>,
    /// The MTU that the link had before a lease changed it.
    pub mtu_before: Option<u32>,
    /// An MTU that the kernel did not take.
    pub mtu_refused: Option<u32>,
    /// When what readers see of the client last changed, as a stamp.
    pub stamp: u64,
}

/// What following the links came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// There is a client for this link now; its carrier is seen in the next step.
    Made(u32),
    /// The client of this link has a carrier now.
    CarrierCame(u32),
    /// The client of this link has none any more.
    CarrierWent(u32),
    /// The link of this number is gone, or is another one now.
    Dropped(u32),
    /// There is no room for a client on this link.
    Full(u32),
}

/// At most [`SLOTS_MAX`] clients.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot, SLOTS_MAX>,
    /// The links without room, so that each is told of once.
    without: Vec<u32, SLOTS_MAX>,
}

impl Slots {
    /// The clients.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// The clients, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }

    /// The client of a link.
    pub fn get_mut(&mut self, link_index: u32) -> Option<&mut Slot> {
        self.slots
            .iter_mut()
            .find(|slot| slot.link_index == link_index)
    }

    /// Takes one step towards a client on every physical link, as the kernel has them; `None`
    /// when there is nothing left to do. `host_name` is told to servers.
    pub fn follow(
        &mut self,
        links: &Links,
        kinds: &Kinds,
        host_name: &String<63>,
        now: Duration,
    ) -> Option<Followed> {
        let gone = self.slots.iter().position(|slot| {
            links.link(slot.link_index).and_then(Link::ethernet_address)
                != Some(slot.client.hardware())
        });
        if let Some(at) = gone {
            let slot = self.slots.swap_remove(at);
            self.without.clear();
            return Some(Followed::Dropped(slot.link_index));
        }
        for link in links.links.items() {
            let hardware = link.ethernet_address().filter(|_| is_physical(link, kinds));
            let Some(hardware) = hardware else { continue };
            match self.get_mut(link.index) {
                Some(slot) => {
                    if slot.name != link.name {
                        slot.name = link.name.clone();
                    }
                    if slot.carrier != link.has_carrier() {
                        slot.carrier = link.has_carrier();
                        return Some(if slot.carrier {
                            Followed::CarrierCame(link.index)
                        } else {
                            Followed::CarrierWent(link.index)
                        });
                    }
                }
                None => {
                    if self.without.contains(&link.index) {
                        continue;
                    }
                    let slot = new_slot(links, link, hardware, host_name, now);
                    if self.slots.push(slot).is_err() {
                        let _ = self.without.push(link.index);
                        return Some(Followed::Full(link.index));
                    }
                    return Some(Followed::Made(link.index));
                }
            }
        }
        None
    }

    /// When the first client wants to be told that time passed.
    #[must_use]
    pub fn next_at(&self) -> Option<Duration> {
        self.slots
            .iter()
            .filter_map(|slot| slot.client.next_at())
            .min()
    }
}

/// A client for `link`, which knows of the address that an earlier run was given.
fn new_slot(
    links: &Links,
    link: &Link,
    hardware: [u8; 6],
    host_name: &String<63>,
    now: Duration,
) -> Slot {
    let mut client = Client::new(hardware, host_name.clone());
    for known in links.addresses.items() {
        let ours = known.link_index == link.index && known.protocol == PROTOCOL_DHCP;
        if let (true, IpAddr::V4(address)) = (ours, known.address) {
            let left = Duration::from_secs(u64::from(known.valid_s));
            let expires_at = (known.valid_s != INFINITE).then(|| now.saturating_add(left));
            client.remember(address, known.prefix_len, expires_at);
        }
    }
    Slot {
        link_index: link.index,
        name: link.name.clone(),
        client,
        carrier: false,
        installed: None,
        mtu_before: None,
        mtu_refused: None,
        stamp: links.stamp(),
    }
}
