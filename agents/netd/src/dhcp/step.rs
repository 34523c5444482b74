// SPDX-License-Identifier: MPL-2.0
//! What goes into a DHCP client and what comes out.
//!
//! Owns: the shapes of events, steps, and what is held.
//! Never: decides which step follows.

use core::net::Ipv4Addr;
use core::time::Duration;

use wire::dhcp::Message;

use crate::lease::{Lease, Refused};

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The link has a carrier now.
    CarrierCame,
    /// The link has none any more.
    CarrierWent,
    /// A message for this client came.
    Received(&'a Message),
    /// Time passed: [`super::Client::next_at`] is reached.
    TimePassed,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// What to send.
    pub send: Option<Send>,
    /// What an operator wants to know.
    pub note: Option<Note>,
}

/// A message and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// The message.
    pub message: Message,
    /// Where to.
    pub to: Destination,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To everyone on the link, from this address.
    Everyone {
        /// Our address; unspecified while we have none.
        from: Ipv4Addr,
    },
    /// To one server.
    Server {
        /// Our address.
        from: Ipv4Addr,
        /// Its address.
        server: Ipv4Addr,
    },
}

/// What an operator wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A lease was given.
    Given,
    /// The lease was prolonged.
    Prolonged,
    /// The lease ended without an answer.
    Expired(Ipv4Addr),
    /// A server said that we may not have this address (any more).
    Denied(Option<Ipv4Addr>),
    /// Nobody has answered so far. Said once until something changes.
    Silence,
    /// An answer was not believed.
    Refused(Refused),
}

/// What the client holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "kept in place, without a heap")]
pub enum Held {
    /// A lease.
    Lease(Lease),
    /// An address that an earlier run of this program was given; the kernel remembers it and how
    /// long it is good for, and nobody remembers the rest.
    Remembered {
        /// The address.
        address: Ipv4Addr,
        /// The length of its prefix, in bits.
        prefix_len: u8,
        /// When its lease is over.
        expires_at: Option<Duration>,
    },
}

impl Held {
    /// The address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        match self {
            Self::Lease(lease) => lease.address,
            Self::Remembered { address, .. } => *address,
        }
    }

    /// When it is over.
    pub(super) const fn expires_at(&self) -> Option<Duration> {
        match self {
            Self::Lease(lease) => lease.expires_at,
            Self::Remembered { expires_at, .. } => *expires_at,
        }
    }
}
