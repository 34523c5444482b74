// SPDX-License-Identifier: MPL-2.0
//! One server for every message socket of the node.
//!
//! It has a descriptor of its own (an epoll) that is readable when there is something to do, so
//! any loop can hold it: call [`Server::turn`] then, and [`Server::pump`] when the service has
//! news of its own.
//!
//! A reply that the client does not take ends its connection. News is asked of the service only
//! when the client has room for it, so a client that does not read costs nothing and holds up
//! nobody; what it missed is the service's to merge.
//!
//! Owns: the bounded table of connections, their greeting, and when to read and write.
//! Never: waits, or knows what is in a message.

use core::mem::MaybeUninit;

use super::{Peer, Received};
use crate::event::epoll::{self, EventData, EventFlags};
use crate::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::io::{self, Errno};
use crate::net::SocketFlags;

/// How many descriptors one turn looks at; the rest waits for the next turn.
const EVENTS_PER_TURN: usize = 16;
/// How many messages one connection may be sent in one go, so that none starves the others.
const NEWS_PER_PUMP: usize = 64;
/// The epoll data of the listener; connections have their index.
const LISTENER: u64 = u64::MAX;

/// What the protocol says before any service is asked. `proto::greeting` has all four; each writes
/// to the front of the buffer and returns how much.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// Answers the first message of a connection whose user may ask. `Err`: it is not let in, and
    /// closed after this answer.
    pub greet: fn(&[u8], &mut [u8]) -> Result<usize, usize>,
    /// The user may not ask; closed after this answer.
    pub deny: fn(&mut [u8]) -> usize,
    /// The table of connections is full; closed after this answer.
    pub full: fn(&mut [u8]) -> usize,
    /// The message is longer than any message can be.
    pub too_long: fn(&mut [u8]) -> usize,
}

/// What a connection is to be told without being asked.
#[derive(Debug)]
pub enum Next<'s> {
    /// Nothing now.
    Nothing,
    /// The message at the front of the buffer, this many bytes long.
    Message(usize),
    /// The same, and a descriptor with it.
    MessageWith(usize, BorrowedFd<'s>),
    /// Nothing more, ever: close.
    Close,
}

/// What answers on a socket. Lengths are of what was written to the front of `reply`.
pub trait Service {
    /// What the service remembers of one connection, for example what it subscribed to.
    type Connection: Default;

    /// How its protocol greets and refuses.
    const MANNERS: Manners;

    /// Whether the user at the other end may ask anything here.
    fn admits(&self, peer: Peer) -> bool;

    /// Any message after the greeting. `None`: no answer now; [`Service::next`] will give it.
    fn request(
        &mut self,
        peer: Peer,
        connection: &mut Self::Connection,
        message: &[u8],
        reply: &mut [u8],
    ) -> Option<usize>;

    /// What the connection is to be told now. It counts as told only when [`Service::told`] is
    /// called: the client may have no room.
    fn next<'s>(&'s self, _connection: &'s Self::Connection, _message: &mut [u8]) -> Next<'s> {
        Next::Nothing
    }

    /// The last message of [`Service::next`] is with the kernel.
    fn told(&mut self, _connection: &mut Self::Connection) {}

    /// The connection is gone.
    fn closed(&mut self, _connection: Self::Connection) {}
}

/// One connection.
#[derive(Debug)]
struct Slot<C> {
    socket: OwnedFd,
    peer: Peer,
    state: C,
    greeted: bool,
    /// The client has no room: nothing is sent until epoll says otherwise.
    blocked: bool,
    /// Whether epoll was asked to say so.
    watched: bool,
}

/// A server of at most `N` connections whose messages have at most `M` bytes.
#[derive(Debug)]
pub struct Server<C, const N: usize, const M: usize> {
    epoll: OwnedFd,
    listener: OwnedFd,
    slots: [Option<Slot<C>>; N],
    incoming: [u8; M],
    outgoing: [u8; M],
}

impl<C, const N: usize, const M: usize> AsFd for Server<C, N, M> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl<C: Default, const N: usize, const M: usize> Server<C, N, M> {
    /// A server of `listener`, which must be listening; it is made non-blocking.
    ///
    /// # Errors
    /// The kernel's, for lack of descriptors or memory.
    pub fn new(listener: OwnedFd) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        io::ioctl_fionbio(&listener, true)?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        Ok(Self {
            epoll,
            listener,
            slots: [const { None }; N],
            incoming: [0; M],
            outgoing: [0; M],
        })
    }

    /// Accepts, reads and answers what is there, then pumps. Never waits.
    pub fn turn<S: Service<Connection = C>>(&mut self, service: &mut S) {
        let mut events = [MaybeUninit::uninit(); EVENTS_PER_TURN];
        let at_once = crate::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut events[..], Some(&at_once)) else {
            return;
        };
        for event in events.iter() {
            let (flags, data) = (event.flags, event.data.u64());
            if data == LISTENER {
                self.accept(S::MANNERS.full);
            } else if let Ok(index) = usize::try_from(data) {
                self.happened(index, flags, service);
            }
        }
        self.pump(service);
    }

    /// Sends every connection what the service has for it, as far as there is room. Never waits.
    pub fn pump<S: Service<Connection = C>>(&mut self, service: &mut S) {
        for index in 0..N {
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else {
                continue;
            };
            if slot.greeted && !slot.blocked && !tell(slot, &mut self.outgoing, service) {
                self.close(index, service);
                continue;
            }
            self.watch(index);
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Takes waiting callers; `full` is said to those for whom there is no room.
    fn accept(&mut self, full: fn(&mut [u8]) -> usize) {
        for _ in 0..EVENTS_PER_TURN {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let Ok(socket) = crate::net::accept_with(&self.listener, flags) else {
                return;
            };
            let Ok(peer) = super::peer(&socket) else {
                continue;
            };
            let Some(index) = self.slots.iter().position(Option::is_none) else {
                let len = full(&mut self.outgoing);
                let _ = super::send(&socket, self.outgoing.get(..len).unwrap_or_default());
                continue;
            };
            let data = EventData::new_u64(u64::try_from(index).unwrap_or(LISTENER));
            if epoll::add(&self.epoll, &socket, data, EventFlags::IN).is_ok()
                && let Some(slot) = self.slots.get_mut(index)
            {
                let state = C::default();
                *slot = Some(Slot {
                    socket,
                    peer,
                    state,
                    greeted: false,
                    blocked: false,
                    watched: false,
                });
            }
        }
    }

    /// Something happened on a connection.
    fn happened<S: Service<Connection = C>>(
        &mut self,
        index: usize,
        flags: EventFlags,
        service: &mut S,
    ) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if flags.contains(EventFlags::OUT) {
            slot.blocked = false;
        }
        let ended = EventFlags::IN | EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(ended) && !hear(slot, &mut self.incoming, &mut self.outgoing, service) {
            self.close(index, service);
        }
    }

    /// Asks epoll for room as long as the connection has none.
    fn watch(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if slot.watched != slot.blocked {
            let data = EventData::new_u64(u64::try_from(index).unwrap_or(LISTENER));
            let room = if slot.blocked {
                EventFlags::OUT
            } else {
                EventFlags::empty()
            };
            let _ = epoll::modify(&self.epoll, &slot.socket, data, EventFlags::IN | room);
            slot.watched = slot.blocked;
        }
    }

    /// Forgets a connection; its descriptor leaves the epoll as it closes.
    fn close<S: Service<Connection = C>>(&mut self, index: usize, service: &mut S) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
            service.closed(slot.state);
        }
    }
}

/// Reads one message and answers it. Returns whether the connection stays.
fn hear<S: Service>(
    slot: &mut Slot<S::Connection>,
    incoming: &mut [u8],
    outgoing: &mut [u8],
    service: &mut S,
) -> bool {
    let (len, stays) = match super::receive(&slot.socket, incoming) {
        // A descriptor that came along is closed here: nothing takes any.
        Ok(Received::Message(len, _)) => {
            let message = incoming.get(..len).unwrap_or_default();
            if slot.greeted {
                match service.request(slot.peer, &mut slot.state, message, outgoing) {
                    Some(len) => (len, true),
                    None => return true,
                }
            } else {
                let answer = if service.admits(slot.peer) {
                    (S::MANNERS.greet)(message, outgoing)
                } else {
                    Err((S::MANNERS.deny)(outgoing))
                };
                slot.greeted = answer.is_ok();
                (answer.unwrap_or_else(|refusal| refusal), slot.greeted)
            }
        }
        Ok(Received::TooLong) => ((S::MANNERS.too_long)(outgoing), slot.greeted),
        Err(Errno::AGAIN) => return true,
        Ok(Received::Closed) | Err(_) => return false,
    };
    super::send(&slot.socket, outgoing.get(..len).unwrap_or_default()).is_ok() && stays
}

/// Sends one connection what the service has for it. Returns whether the connection stays.
fn tell<S: Service>(slot: &mut Slot<S::Connection>, outgoing: &mut [u8], service: &mut S) -> bool {
    for _ in 0..NEWS_PER_PUMP {
        let sent = match service.next(&slot.state, outgoing) {
            Next::Nothing => return true,
            Next::Close => return false,
            Next::Message(len) => {
                super::send(&slot.socket, outgoing.get(..len).unwrap_or_default())
            }
            Next::MessageWith(len, descriptor) => super::send_with(
                &slot.socket,
                outgoing.get(..len).unwrap_or_default(),
                descriptor,
            ),
        };
        match sent {
            Ok(()) => service.told(&mut slot.state),
            Err(Errno::AGAIN | Errno::TOOMANYREFS) => {
                slot.blocked = true;
                return true;
            }
            Err(_) => return false,
        }
    }
    // More than one go's worth: look again as soon as the loop comes round.
    slot.blocked = true;
    true
}
