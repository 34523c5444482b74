// SPDX-License-Identifier: MPL-2.0
//! What trustd is told over `/run/ichor/trust.sock`: how to open its door, and what it signs with.
//! Only trustd's user and user 0 may ask.
//!
//! Owns: the news from machined to trustd.
//! Never: is told to anybody else: the key of the machine CA is in it.

use serde::{Deserialize, Serialize};

use crate::{Greeting, Refusal};

/// The longest message here, in bytes: two PEM certificates and their keys, with room.
pub const MAX_MESSAGE: usize = 32 * 1024;

messages! {
    /// What machined is asked.
    pub enum Request {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// The trust as it is now, then again whole whenever it changes. Idempotent.
        2 => Subscribe(()),
    }
}

messages! {
    /// What machined answers and tells.
    pub enum Reply<'a> {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// The trust, whole; all of it is empty while there is none.
        3 => Trust(Trust<'a>),
    }
}

/// What other nodes are given certificates with.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Trust<'a> {
    /// The server's certificate, PEM.
    pub certificate_pem: &'a str,
    /// Its key, PEM (PKCS#8). Secret: never printed.
    pub key_pem: &'a str,
    /// The machine CA, PEM.
    pub ca_pem: &'a str,
    /// Its key, PEM (PKCS#8). Secret: never printed.
    pub ca_key_pem: &'a str,
    /// What a node must show (`machine.token`). Secret: never printed.
    pub token: &'a str,
}

impl core::fmt::Debug for Trust<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}
