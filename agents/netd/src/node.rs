// SPDX-License-Identifier: MPL-2.0
//! The loop's three steps: wait, hear, act.
//!
//! Owns: every descriptor, the clock, and when something that failed is tried again.
//! Never: decides what should be true.

use core::mem::MaybeUninit;
use core::time::Duration;

use heapless::{String, Vec};
use sys::event::epoll::{self, EventData, EventFlags};
use sys::fd::OwnedFd;
use sys::io::{self, Errno};
use sys::rand::{GetRandomFlags, getrandom};
use sys::say;
use sys::seqpacket::Server;
use sys::time::{ClockId, clock_gettime};
use wire::rtnetlink::Dump;

use crate::channel::{Channel, DATAGRAM_MAX, Heard, Loss};
use crate::desired::{Kinds, Order, ResolvConf, orders, resolv_conf};
use crate::dhcp::Event;
use crate::hardware::Sysfs;
use crate::links::Links;
use crate::news::{Caller, Network};
use crate::ports::Port;
use crate::report::{Failures, order_failed, tell, tell_change};
use crate::resolver;
use crate::slots::{Followed, SLOTS_MAX};

/// How many connections there can be: machined's, and a few that come and go.
pub const CONNECTIONS_MAX: usize = 8;
/// How many datagrams or frames are read in one turn, so that nobody is starved.
const READS_PER_TURN: usize = 64;
/// When something that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// When a lost channel is opened again: soon, but not as fast as we can.
const REOPEN: Duration = Duration::from_millis(200);
/// How many rounds of orders there may be in a row, each begun by the news of the one before,
/// until the next must wait: someone else may be undoing what we do.
const ROUNDS_MAX: u32 = 16;

/// Epoll data: the channel, the server, and from here on links.
const CHANNEL: u64 = 0;
const SERVER: u64 = 1;
const LINKS: u64 = 1 << 32;

/// netd's whole state.
#[derive(Debug)]
pub struct Node {
    epoll: OwnedFd,
    channel: Option<Channel>,
    server: Server<Caller, CONNECTIONS_MAX, { proto::MAX_MESSAGE }>,
    ports: Vec<Port, SLOTS_MAX>,
    network: Network,
    kinds: Kinds,
    resolv_conf_path: &'static str,
    written: Option<ResolvConf>,
    write_failed: Option<Errno>,
    /// When the channel is to be opened again.
    reopen_at: Option<Duration>,
    /// When orders may be given again.
    orders_at: Duration,
    /// When the file is to be written again.
    write_at: Duration,
    /// Rounds of orders since [`Self::rounds_since`].
    rounds: u32,
    rounds_since: Duration,
    failures: Failures,
    datagram: [u8; DATAGRAM_MAX],
}

/// The time since the machine started, sleep counted: leases run on while it sleeps.
fn clock() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// A number that is hard to guess; on a machine that just started, as hard as it can be without
/// waiting.
fn random() -> u32 {
    let mut bytes = [0; 4];
    let _ = getrandom(&mut bytes[..], GetRandomFlags::INSECURE);
    u32::from_ne_bytes(bytes)
}

/// The name of this node, unless it has none yet.
fn host_name() -> String<63> {
    let system = sys::system::uname();
    let name = system.nodename().to_str().unwrap_or_default();
    let named = !matches!(name, "" | "(none)" | "localhost");
    named
        .then(|| String::try_from(name).ok())
        .flatten()
        .unwrap_or_default()
}

impl Node {
    /// Opens what is needed. Peers of `user` may connect to `listener`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(
        listener: OwnedFd,
        user: u32,
        kinds: Kinds,
        resolv_conf_path: &'static str,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let server = Server::new(listener)?;
        let data = EventData::new_u64(SERVER);
        epoll::add(&epoll, &server, data, EventFlags::IN)?;
        let mut node = Self {
            epoll,
            channel: None,
            server,
            ports: Vec::new(),
            network: Network {
                user,
                sysfs: Sysfs::open(),
                kinds: kinds.clone(),
                ..Network::default()
            },
            kinds,
            resolv_conf_path,
            written: None,
            write_failed: None,
            reopen_at: None,
            orders_at: Duration::ZERO,
            write_at: Duration::ZERO,
            rounds: 0,
            rounds_since: Duration::ZERO,
            failures: Failures::default(),
            datagram: [0; DATAGRAM_MAX],
        };
        node.open_channel()?;
        Ok(node)
    }

    /// Opens the channel anew and begins a listing.
    fn open_channel(&mut self) -> io::Result<()> {
        self.channel = None;
        let channel = Channel::open()?;
        let data = EventData::new_u64(CHANNEL);
        epoll::add(&self.epoll, &channel, data, EventFlags::IN)?;
        self.channel = Some(channel);
        self.network.links.begin_listing();
        self.reopen_at = None;
        Ok(())
    }

    /// Waits until something comes or is due.
    ///
    /// # Errors
    /// The kernel's.
    pub fn wait(&mut self) -> io::Result<()> {
        let timeout = self.next_at().map(|at| {
            // A millisecond late rather than a turn too early.
            let left = at.saturating_sub(clock());
            let left = left.saturating_add(Duration::from_millis(1));
            sys::event::Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            }
        });
        let mut events = [MaybeUninit::uninit(); SLOTS_MAX];
        let events = match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        for event in events.iter() {
            match event.data.u64() {
                // The channel is read in every turn.
                CHANNEL => {}
                SERVER => self.server.turn(&mut self.network),
                link => {
                    if let Ok(index) = u32::try_from(link.saturating_sub(LINKS)) {
                        self.hear_link(index);
                    }
                }
            }
        }
        Ok(())
    }

    /// When something is due.
    fn next_at(&self) -> Option<Duration> {
        let now = clock();
        let later = |at: Duration| (at > now).then_some(at);
        [
            self.network.slots.next_at(),
            self.reopen_at,
            later(self.orders_at),
            later(self.write_at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Hears the kernel, and time.
    pub fn hear(&mut self) {
        self.hear_channel();
        self.follow();
        let now = clock();
        let mut due: Vec<u32, SLOTS_MAX> = Vec::new();
        for slot in self.network.slots.iter() {
            if slot.client.next_at().is_some_and(|at| at <= now) {
                let _ = due.push(slot.link_index);
            }
        }
        for index in due {
            self.step(index, Event::TimePassed);
        }
    }

    /// Reads what the kernel says.
    fn hear_channel(&mut self) {
        for _ in 0..READS_PER_TURN {
            let Some(channel) = &mut self.channel else {
                return;
            };
            let (mut loss, mut failed) = (None, false);
            let failures = &mut self.failures;
            let network = &mut self.network;
            let more = channel.hear(&mut self.datagram, |heard| match heard {
                Heard::Lost(reason) => loss = Some(reason),
                Heard::Failed(order, errno) => {
                    if let Some(failure) = order_failed(network, order, errno) {
                        failures.say(&network.links.name(failure.index), failure);
                        failed = true;
                    }
                }
                Heard::News(_) | Heard::Listed(_) | Heard::Obeyed(_) => take(network, heard),
            });
            if failed {
                self.orders_at = clock().saturating_add(RETRY);
            }
            if let Some(reason) = loss {
                self.lost(reason);
                return;
            }
            if !more {
                return;
            }
        }
    }

    /// News was lost: a new channel will list everything.
    fn lost(&mut self, reason: Loss) {
        let delay = match reason {
            Loss::Overrun => {
                say!("more news from the kernel than there is room for, listing anew");
                REOPEN
            }
            Loss::Listing => REOPEN,
            Loss::Malformed(error) => {
                say!("the kernel is not understood: {error}");
                RETRY
            }
            Loss::Socket(errno) => {
                say!("netlink: {}", sys::errno::name(errno));
                RETRY
            }
        };
        self.channel = None;
        self.reopen_at = Some(clock().saturating_add(delay));
    }

    /// Gives every physical link its client and socket.
    fn follow(&mut self) {
        if !self.network.complete {
            return;
        }
        let host_name = host_name();
        loop {
            let now = clock();
            let Network { links, slots, .. } = &mut self.network;
            let Some(followed) = slots.follow(links, &self.kinds, &host_name, now) else {
                return;
            };
            match followed {
                Followed::Made(index) => {
                    let stamp = self.network.links.next_stamp();
                    if let Some(slot) = self.network.slots.get_mut(index) {
                        slot.stamp = stamp;
                    }
                }
                Followed::CarrierCame(index) => {
                    self.open_port(index);
                    self.step(index, Event::CarrierCame);
                }
                Followed::CarrierWent(index) => {
                    self.close_port(index);
                    if let Some(slot) = self.network.slots.get_mut(index) {
                        say!("{}: no carrier", slot.name);
                    }
                    self.step(index, Event::CarrierWent);
                }
                Followed::Dropped(index) => self.close_port(index),
                Followed::Full(index) => say!(
                    "{}: no DHCP, because {SLOTS_MAX} links have it already",
                    self.network.links.name(index)
                ),
            }
        }
    }

    /// Opens the socket of a link.
    fn open_port(&mut self, index: u32) {
        self.close_port(index);
        let Some(slot) = self.network.slots.get_mut(index) else {
            return;
        };
        let opened = Port::open(index, slot.client.hardware()).and_then(|port| {
            let data = EventData::new_u64(LINKS.saturating_add(u64::from(index)));
            epoll::add(&self.epoll, &port, data, EventFlags::IN)?;
            Ok(port)
        });
        match opened {
            Ok(port) => drop(self.ports.push(port)),
            Err(errno) => say!("{}: no socket: {}", slot.name, sys::errno::name(errno)),
        }
    }

    /// Closes the socket of a link; it leaves the epoll as it closes.
    fn close_port(&mut self, index: u32) {
        self.ports.retain(|port| port.link_index != index);
    }

    /// Reads what came on a link.
    fn hear_link(&mut self, index: u32) {
        for _ in 0..READS_PER_TURN {
            let port = self.ports.iter_mut().find(|port| port.link_index == index);
            match port.and_then(Port::receive) {
                Some(Some(message)) => self.step(index, Event::Received(&message)),
                Some(None) => {}
                None => return,
            }
        }
    }

    /// Lets a client take an event, and does what it says.
    fn step(&mut self, index: u32, event: Event<'_>) {
        let Some(slot) = self.network.slots.get_mut(index) else {
            return;
        };
        let step = slot.client.step(event, clock(), random());
        if let Some(note) = step.note {
            tell(&slot.name, &slot.client, note);
        }
        if step.note.is_some() || step.send.is_some() || !slot.carrier {
            slot.stamp = self.network.links.next_stamp();
        }
        let renewing = slot.client.state() == proto::net::LeaseState::Renewing;
        let Some(port) = self.ports.iter_mut().find(|port| port.link_index == index) else {
            return;
        };
        if let Some(send) = step.send {
            // What is lost here is sent again, as what is lost on its way.
            let _ = port.send(&send);
        }
        if !renewing {
            port.renewal_over();
        }
    }

    /// Gives the orders that are missing, writes the file, and tells subscribers.
    pub fn act(&mut self) {
        let now = clock();
        if self.reopen_at.is_some_and(|at| at <= now)
            && let Err(errno) = self.open_channel()
        {
            self.lost(Loss::Socket(errno));
        }
        if self.network.complete {
            self.give_orders(now);
            self.write_resolv_conf(now);
        }
        self.server.pump(&mut self.network);
    }

    /// Gives orders, unless answers to earlier ones are missing.
    fn give_orders(&mut self, now: Duration) {
        let Some(channel) = self.channel.as_mut().filter(|channel| !channel.is_busy()) else {
            return;
        };
        if self.network.links.wants_listing() {
            self.network.links.begin_listing();
            if let Err(errno) = channel.list() {
                self.lost(Loss::Socket(errno));
            }
            return;
        }
        if now < self.orders_at {
            return;
        }
        if now.saturating_sub(self.rounds_since) > RETRY {
            self.rounds = 0;
            self.rounds_since = now;
        }
        let Network { links, slots, .. } = &mut self.network;
        let orders = orders(links, slots, &self.kinds, now);
        if orders.is_empty() {
            return;
        }
        if self.rounds >= ROUNDS_MAX {
            self.orders_at = now.saturating_add(RETRY);
            return;
        }
        self.rounds = self.rounds.saturating_add(1);
        for order in orders {
            if let Err(errno) = channel.order(order) {
                self.lost(Loss::Socket(errno));
                return;
            }
            match order {
                Order::AddAddress(_) | Order::Mtu(..) => ordered(slots, links, order),
                Order::Up(_)
                | Order::RemoveAddress(_)
                | Order::AddRoute(_)
                | Order::RemoveRoute(_) => {}
            }
        }
    }

    /// Writes resolv.conf when it should be different.
    fn write_resolv_conf(&mut self, now: Duration) {
        let Some(text) = resolv_conf(&self.network.slots) else {
            return;
        };
        if self.written.as_ref() == Some(&text) || now < self.write_at {
            return;
        }
        match resolver::write(self.resolv_conf_path, &text) {
            Ok(()) => {
                self.written = Some(text);
                self.write_failed = None;
            }
            Err(errno) => {
                let known = self.write_failed.replace(errno) == Some(errno);
                if !known {
                    let name = sys::errno::name(errno);
                    say!("cannot write {}: {name}", self.resolv_conf_path);
                }
                self.write_at = now.saturating_add(RETRY);
            }
        }
    }
}

/// Takes what the kernel said into the tables.
fn take(network: &mut Network, heard: Heard) {
    match heard {
        Heard::News(news) => {
            let change = network.links.apply(news);
            tell_change(&change);
        }
        Heard::Listed(kind) => {
            while let Some(change) = network.links.take_unlisted(kind) {
                tell_change(&change);
            }
            network.complete |= kind == Dump::Routes;
        }
        Heard::Obeyed(_) | Heard::Failed(..) | Heard::Lost(_) => {}
    }
}

/// Remembers what was ordered for a client.
fn ordered(slots: &mut crate::slots::Slots, links: &Links, order: Order) {
    match order {
        Order::AddAddress(address) => {
            if let Some(slot) = slots.get_mut(address.link_index) {
                let lease = slot.client.lease();
                slot.installed = lease.map(|lease| (lease.address, lease.expires_at));
            }
        }
        Order::Mtu(index, mtu) => {
            let before = links.link(index).map(|link| link.mtu);
            if let Some(slot) = slots.get_mut(index) {
                // Giving back what was before ends the matter.
                slot.mtu_before = if slot.mtu_before == Some(mtu) {
                    None
                } else {
                    slot.mtu_before.or(before)
                };
            }
        }
        Order::Up(_) | Order::RemoveAddress(_) | Order::AddRoute(_) | Order::RemoveRoute(_) => {}
    }
}
