// SPDX-License-Identifier: MPL-2.0
//! The door seen from outside: real TLS sockets on loopback, and a machined that is a double.
//!
//! Owns: the promises to clients: who is let in, what is refused how, what machined is told.
//! Never: needs a right or a network of the machine it runs on.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(clippy::indexing_slicing, reason = "a test fails where it stands")]
#![expect(clippy::panic, reason = "a test fails where it stands")]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

mod away;
mod double;
mod frames;
mod house;
mod passing;
mod patience;
mod rbac;
mod refusals;
mod routing;
mod several;
mod storm;
mod town;
mod trust;
mod unread;
