// SPDX-License-Identifier: MPL-2.0
//! What the kernel has: links, their addresses and routes.
//!
//! News and complete listings both end up here. What goes leaves a mark, so that readers hear of
//! it; a reader that is too far behind for the marks has to begin anew.
//!
//! Owns: the three tables, their limits, and the marks of what is gone.
//! Never: decides what should be there.

use heapless::{Deque, String};
use wire::rtnetlink::{Address, Dump, Link, News, RT_TABLE_MAIN, Route};

use crate::table::{Item, Put, Table};

/// More links than a node with its 110 pods has.
pub const LINKS_MAX: usize = 256;
/// Two for each link: one of either family.
pub const ADDRESSES_MAX: usize = 512;
/// Two for each link, as addresses.
pub const ROUTES_MAX: usize = 512;
/// How many departures are remembered for readers.
pub const GONE_MAX: usize = 64;

/// A name of a link.
pub type Name = String<15>;

impl Item for Link {
    fn is(&self, other: &Self) -> bool {
        self.index == other.index
    }

    fn looks_like(&self, other: &Self) -> bool {
        self == other
    }
}

impl Item for Address {
    fn is(&self, other: &Self) -> bool {
        self.link_index == other.link_index
            && self.address == other.address
            && self.prefix_len == other.prefix_len
    }

    fn looks_like(&self, other: &Self) -> bool {
        // Lifetimes run; nobody is told about them.
        let now = Self {
            valid_s: self.valid_s,
            preferred_s: self.preferred_s,
            ..*other
        };
        *self == now
    }
}

impl Item for Route {
    fn is(&self, other: &Self) -> bool {
        // What is only shown does not make it another route.
        let other = Self {
            flags: self.flags,
            mtu: self.mtu,
            ..*other
        };
        *self == other
    }

    fn looks_like(&self, other: &Self) -> bool {
        self == other
    }
}

/// Something that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// A link, by its number.
    Link(u32),
    /// An address, and the name its link had.
    Address(Address, Name),
    /// A route, and the name its link had.
    Route(Route, Name),
}

/// What one piece of news changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing that matters.
    Nothing,
    /// Something.
    Something,
    /// A link is gone.
    LinkGone(Link),
    /// There is no room for more of this kind; said once until there is.
    Full(Dump),
}

/// Everything the kernel has, as far as it was told.
#[derive(Debug)]
pub struct Links {
    /// The links.
    pub links: Table<Link, LINKS_MAX>,
    /// Their addresses.
    pub addresses: Table<Address, ADDRESSES_MAX>,
    /// The routes of the main table.
    pub routes: Table<Route, ROUTES_MAX>,
    gone: Deque<(u64, Gone), GONE_MAX>,
    /// The stamp of the last departure that is not remembered any more.
    forgotten: u64,
    /// The last stamp given.
    stamp: u64,
    /// The number of the current listing.
    listing: u32,
    /// Whether something did not fit since the last listing, by kind.
    overflowed: [bool; 3],
    /// Whether only a new listing can tell what there is.
    relist: bool,
}

impl Links {
    /// Nothing known.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            links: Table::new(),
            addresses: Table::new(),
            routes: Table::new(),
            gone: Deque::new(),
            forgotten: 0,
            stamp: 0,
            listing: 0,
            overflowed: [false; 3],
            relist: false,
        }
    }

    /// A new stamp, for a change that is kept elsewhere.
    pub const fn next_stamp(&mut self) -> u64 {
        self.stamp = self.stamp.saturating_add(1);
        self.stamp
    }

    /// The stamp of the last change.
    #[must_use]
    pub const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The link of this number.
    #[must_use]
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.items().find(|link| link.index == index)
    }

    /// The name of the link of this number; empty when it is not known.
    #[must_use]
    pub fn name(&self, index: u32) -> Name {
        self.link(index)
            .map_or_else(Name::new, |link| link.name.clone())
    }

    /// What went first after `stamp`; `None` when nothing did.
    ///
    /// # Errors
    /// Something went after `stamp` that is not remembered any more.
    pub fn first_gone_after(&self, stamp: u64) -> Result<Option<&(u64, Gone)>, Forgotten> {
        if stamp < self.forgotten {
            return Err(Forgotten);
        }
        Ok(self.gone.iter().find(|(at, _)| *at > stamp))
    }

    /// A complete listing of all three kinds begins.
    pub const fn begin_listing(&mut self) {
        self.listing = self.listing.wrapping_add(1);
        self.overflowed = [false; 3];
        self.relist = false;
    }

    /// The listing of this kind is complete: takes out one thing it did not show, if there is
    /// one. Call it until there is none.
    pub fn take_unlisted(&mut self, kind: Dump) -> Option<Change> {
        match kind {
            Dump::Links => {
                let link = self.links.take_unlisted(self.listing)?;
                Some(self.link_went(link))
            }
            Dump::Addresses => {
                let address = self.addresses.take_unlisted(self.listing)?;
                let name = self.name(address.link_index);
                self.went(Gone::Address(address, name));
                Some(Change::Something)
            }
            Dump::Routes => {
                let route = self.routes.take_unlisted(self.listing)?;
                let name = self.name(route.link_index);
                self.went(Gone::Route(route, name));
                Some(Change::Something)
            }
        }
    }

    /// Whether only a new listing can tell what there is: there may be room for what did not fit
    /// before, or IPv4 routes may have gone, which the kernel does not tell when it is their
    /// address or their link's going down that took them.
    #[must_use]
    pub const fn wants_listing(&self) -> bool {
        self.relist
    }

    /// Takes a piece of news.
    pub fn apply(&mut self, news: News) -> Change {
        let stamp = self.stamp.saturating_add(1);
        let (put, kind) = match news {
            News::Link(link) => {
                let was_up = self.link(link.index).is_some_and(Link::is_up);
                self.relist |= was_up && !link.is_up();
                (self.links.put(link, stamp, self.listing), Dump::Links)
            }
            News::Address(address) => (
                self.addresses.put(address, stamp, self.listing),
                Dump::Addresses,
            ),
            // Other tables are not ours to watch.
            News::Route(route) if route.table == RT_TABLE_MAIN => {
                (self.routes.put(route, stamp, self.listing), Dump::Routes)
            }
            News::Route(_) => return Change::Nothing,
            News::LinkGone(index) => {
                return match self.links.take(|link| link.index == index) {
                    Some(link) => self.link_went(link),
                    None => Change::Nothing,
                };
            }
            News::AddressGone(address) => {
                return match self.addresses.take(|known| known.is(&address)) {
                    Some(address) => {
                        self.relist |= address.address.is_ipv4();
                        let name = self.name(address.link_index);
                        self.went(Gone::Address(address, name));
                        Change::Something
                    }
                    None => Change::Nothing,
                };
            }
            News::RouteGone(route) => {
                return match self.routes.take(|known| known.is(&route)) {
                    Some(route) => {
                        let name = self.name(route.link_index);
                        self.went(Gone::Route(route, name));
                        Change::Something
                    }
                    None => Change::Nothing,
                };
            }
        };
        match put {
            Put::New | Put::Changed => {
                self.stamp = stamp;
                Change::Something
            }
            // A lifetime may have changed; readers do not see it, but whoever decides does.
            Put::Same => Change::Nothing,
            Put::Full => self.full(kind),
        }
    }

    /// There was no room for something of this kind.
    fn full(&mut self, kind: Dump) -> Change {
        let [links, addresses, routes] = &mut self.overflowed;
        let overflowed = match kind {
            Dump::Links => links,
            Dump::Addresses => addresses,
            Dump::Routes => routes,
        };
        if core::mem::replace(overflowed, true) {
            return Change::Nothing;
        }
        Change::Full(kind)
    }

    /// A link went, and with it, without further news, its addresses and routes.
    fn link_went(&mut self, link: Link) -> Change {
        let index = link.index;
        while let Some(address) = self.addresses.take(|known| known.link_index == index) {
            self.went(Gone::Address(address, link.name.clone()));
        }
        while let Some(route) = self.routes.take(|known| known.link_index == index) {
            self.went(Gone::Route(route, link.name.clone()));
        }
        self.went(Gone::Link(index));
        Change::LinkGone(link)
    }

    /// Remembers that something went.
    fn went(&mut self, gone: Gone) {
        if self.gone.is_full()
            && let Some((stamp, _)) = self.gone.pop_front()
        {
            self.forgotten = stamp;
        }
        let stamp = self.next_stamp();
        let _ = self.gone.push_back((stamp, gone));
        self.relist |= self.overflowed.contains(&true);
    }
}

impl Default for Links {
    fn default() -> Self {
        Self::new()
    }
}

/// A reader is too far behind: what it should hear is not remembered any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten;
