// SPDX-License-Identifier: MPL-2.0
//! What apid is told over `/run/ichor/machined.sock`: how to open the door, and to whom.
//! Only apid's user and user 0 may ask.
//!
//! Owns: the news from machined to apid.
//! Never: carries the machine's CA key; apid gets only its own.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::{Greeting, Refusal};

/// The longest message here, in bytes: three PEM chains and two keys, with room.
pub const MAX_MESSAGE: usize = 48 * 1024;

/// The most names a node has for itself.
pub const NAMES_MAX: usize = 64;

messages! {
    /// What machined is asked.
    pub enum Request {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// The door as it is now, then again whole whenever it changes. Idempotent.
        2 => Subscribe(()),
    }
}

messages! {
    /// What machined answers and tells.
    #[expect(clippy::large_enum_variant, reason = "messages live on the stack, without a heap")]
    pub enum Reply<'a> {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// The door, whole.
        3 => Door(Door<'a>),
    }
}

/// How to open the door.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Door<'a> {
    /// Who may come in.
    pub mode: Mode,
    /// The server's certificate chain, PEM.
    pub certificate_pem: &'a str,
    /// Its key, PEM (PKCS#8). Secret: never printed.
    pub key_pem: &'a str,
    /// The CAs that clients' certificates must come from, PEM; empty in maintenance.
    pub client_ca_pem: &'a str,
    /// Whether roles are asked for (`machine.features.rbac`).
    pub rbac: Rbac,
    /// Whether client certificates must say client authentication and nothing else
    /// (`machine.features.apidCheckExtKeyUsage`).
    pub key_usage: KeyUsage,
    /// The chain that this node shows to other nodes when it passes calls on, PEM; empty where it
    /// does not: only control planes do.
    pub route_certificate_pem: &'a str,
    /// Its key, PEM (PKCS#8). Secret: never printed.
    pub route_key_pem: &'a str,
    /// Every name and address of this node: what `node` metadata may say and mean here.
    #[serde(borrow)]
    pub names: Vec<&'a str, NAMES_MAX>,
}

impl core::fmt::Debug for Door<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Door")
            .field("mode", &self.mode)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nobody yet: there is no certificate. Connections are closed.
    Closed,
    /// No configuration: anybody, for the few methods of the maintenance table.
    Maintenance,
    /// Configured: who has a certificate of the CA.
    Running,
}

/// Whether roles are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rbac {
    /// A client has the roles of its certificate.
    Enabled,
    /// Every client has every role.
    Disabled,
}

/// Whether a client certificate's extended key usage is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyUsage {
    /// It must be exactly client authentication.
    Checked,
    /// It is as the TLS library has it.
    Unchecked,
}
