// SPDX-License-Identifier: MPL-2.0
//! The netlink socket: listings, news, and orders with their answers.
//!
//! A listing of everything comes first; news that comes in between is not lost, because the
//! kernel queues it on the same socket. When the queue overflowed, a new socket and a new listing
//! make up for it.
//!
//! Owns: the socket, the listing's progress, and which order an answer belongs to.
//! Never: decides what is ordered.

use heapless::Vec;
use sys::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::io::{self, Errno};
use sys::net::netlink::SocketAddrNetlink;
use sys::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use wire::netlink::{Content, Message, Messages};
use wire::rtnetlink::{Dump, GROUPS, LinkOrder, News, Wanted};

use crate::desired::{ORDERS_MAX, Order};

/// The longest datagram the kernel makes for a listing.
pub const DATAGRAM_MAX: usize = 32 * 1024;
/// How much news may wait, in bytes of the kernel's counting.
const QUEUE_MAX: usize = 1024 * 1024;
/// The longest order.
const ORDER_MAX: usize = 256;

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// News, or a part of a listing.
    News(News),
    /// The listing of this kind is complete.
    Listed(Dump),
    /// An order was carried out.
    Obeyed(Order),
    /// An order was not carried out; the errno.
    Failed(Order, i32),
    /// News was lost, or cannot be understood: everything must be listed anew on a new socket.
    Lost(Loss),
}

/// Why news was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// More news came than there is room for.
    Overrun,
    /// A listing changed while it was made, or could not be made.
    Listing,
    /// A message is malformed.
    Malformed(wire::netlink::Error),
    /// The socket failed.
    Socket(Errno),
}

/// The socket.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
    sequence: u32,
    listing: Option<(Dump, u32)>,
    pending: Vec<(u32, Order), ORDERS_MAX>,
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Channel {
    /// A socket that hears all news, and the beginning of a listing.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // No protocol is NETLINK_ROUTE.
        let socket = sys::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        // Above the limit for everyone, which CAP_NET_ADMIN may pass; the default still works.
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, QUEUE_MAX);
        sys::net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        let mut channel = Self {
            socket,
            sequence: 0,
            listing: None,
            pending: Vec::new(),
        };
        channel.list()?;
        Ok(channel)
    }

    /// Begins a listing of everything.
    ///
    /// # Errors
    /// The kernel's.
    pub fn list(&mut self) -> io::Result<()> {
        self.ask_for(Dump::Links)
    }

    /// Whether a listing is being made, or an answer to an order is missing.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.listing.is_some() || !self.pending.is_empty()
    }

    fn ask_for(&mut self, dump: Dump) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.listing = Some((dump, self.sequence));
        let mut buffer = [0; ORDER_MAX];
        let request = dump
            .emit(&mut buffer, self.sequence)
            .map_err(|_| Errno::MSGSIZE)?;
        sys::net::send(&self.socket, request, SendFlags::empty()).map(drop)
    }

    /// Gives an order; its answer comes as [`Heard::Obeyed`] or [`Heard::Failed`].
    ///
    /// # Errors
    /// The kernel's, or too many answers are missing; the order was not given.
    pub fn order(&mut self, order: Order) -> io::Result<()> {
        if self.pending.is_full() {
            return Err(Errno::NOBUFS);
        }
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let sequence = self.sequence;
        let mut buffer = [0; ORDER_MAX];
        let request = match order {
            Order::Up(index) => LinkOrder::Up.emit(index, &mut buffer, sequence),
            Order::Mtu(index, mtu) => LinkOrder::Mtu(mtu).emit(index, &mut buffer, sequence),
            Order::AddAddress(address) => address.emit(Wanted::There, &mut buffer, sequence),
            Order::RemoveAddress(address) => address.emit(Wanted::Gone, &mut buffer, sequence),
            Order::AddRoute(route) => route.emit(Wanted::There, &mut buffer, sequence),
            Order::RemoveRoute(route) => route.emit(Wanted::Gone, &mut buffer, sequence),
        };
        let request = request.map_err(|_| Errno::MSGSIZE)?;
        sys::net::send(&self.socket, request, SendFlags::empty())?;
        let _ = self.pending.push((sequence, order));
        Ok(())
    }

    /// Receives one datagram, if one waits, and passes on what is in it. Returns whether there
    /// may be more.
    pub fn hear(&mut self, buffer: &mut [u8], mut take: impl FnMut(Heard)) -> bool {
        let received = sys::net::recvfrom(&self.socket, &mut *buffer, RecvFlags::TRUNC);
        let (len, from) = match received {
            Ok((_, len, from)) => (len, from),
            Err(Errno::AGAIN) => return false,
            Err(Errno::INTR) => return true,
            Err(Errno::NOBUFS) => {
                take(Heard::Lost(Loss::Overrun));
                return false;
            }
            Err(errno) => {
                take(Heard::Lost(Loss::Socket(errno)));
                return false;
            }
        };
        // Other processes have port numbers; the kernel's is 0.
        let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
        if from.is_none_or(|from| from.pid() != 0) {
            return true;
        }
        let Some(datagram) = buffer.get(..len) else {
            take(Heard::Lost(Loss::Overrun));
            return false;
        };
        for message in Messages::new(datagram) {
            let heard = match message {
                Ok(message) => self.understand(&message),
                Err(error) => Some(Heard::Lost(Loss::Malformed(error))),
            };
            if let Some(heard) = heard {
                take(heard);
            }
        }
        true
    }

    /// What one message means.
    fn understand(&mut self, message: &Message<'_>) -> Option<Heard> {
        let sequence = message.header.sequence;
        let listed = self.listing.filter(|(_, asked)| *asked == sequence);
        if listed.is_some() && message.interrupted() {
            return Some(Heard::Lost(Loss::Listing));
        }
        match message.content {
            Content::Noop => None,
            Content::Overrun => Some(Heard::Lost(Loss::Overrun)),
            Content::Done(0) => {
                let (dump, _) = listed?;
                self.listing = None;
                let next = match dump {
                    Dump::Links => Some(Dump::Addresses),
                    Dump::Addresses => Some(Dump::Routes),
                    Dump::Routes => None,
                };
                if let Some(next) = next
                    && let Err(errno) = self.ask_for(next)
                {
                    return Some(Heard::Lost(Loss::Socket(errno)));
                }
                Some(Heard::Listed(dump))
            }
            Content::Done(_) => listed.map(|_| Heard::Lost(Loss::Listing)),
            Content::Failed(_) if listed.is_some() => Some(Heard::Lost(Loss::Listing)),
            Content::Acknowledged => self.answered(sequence).map(Heard::Obeyed),
            Content::Failed(errno) => self
                .answered(sequence)
                .map(|order| Heard::Failed(order, errno)),
            Content::Payload(_) => match News::parse(message) {
                Ok(news) => news.map(Heard::News),
                Err(error) => Some(Heard::Lost(Loss::Malformed(error))),
            },
        }
    }

    /// The order that an answer belongs to.
    fn answered(&mut self, sequence: u32) -> Option<Order> {
        let at = self
            .pending
            .iter()
            .position(|(sent, _)| *sent == sequence)?;
        Some(self.pending.remove(at).1)
    }
}
