// SPDX-License-Identifier: MPL-2.0
//! Bytes we did write: the messages between init and the agents.
//!
//! One datagram of a `SOCK_SEQPACKET` socket is one message: an operation number (one byte) and a
//! postcard body. Numbers are never reused. The first message on a connection is `Hello`; after
//! it a connection carries strictly one reply for each request, until a request that subscribes:
//! from then on it carries only events, and the client says no more.
//!
//! Owns: every message, its number, its limits, and the names of sockets and descriptors.
//! Never: opens a socket, allocates, or panics on bytes from a peer.
#![no_std]
#![forbid(unsafe_code)]

#[macro_use]
mod message;

pub mod container;
pub mod door;
pub mod greeting;
pub mod images;
pub mod log;
pub mod memory;
pub mod net;
pub mod paths;
pub mod service;
pub mod supervisor;
pub mod trust;
pub mod udev;

pub use heapless;
pub use message::{DecodeError, EncodeError, Greeting, Refusal};

/// The version of everything in this crate. A peer that says another number is refused with
/// [`Refusal::Version`]: all programs of one image are built together, so this is a check that
/// they were, not a negotiation.
pub const VERSION: u16 = 1;

/// The longest message, in bytes, unless a module says otherwise. One service description with
/// its arguments and mounts fits; so does a page of [`supervisor::PAGE_MAX`] statuses.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// The longest name of a service, in bytes: `ext-` and a 59-byte name, as cgroup names allow more.
pub const NAME_MAX: usize = 63;

/// A service's name.
pub type Name = heapless::String<NAME_MAX>;
