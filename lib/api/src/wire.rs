// SPDX-License-Identifier: MPL-2.0
//! Names and numbers that both ends of a connection must agree on.
//!
//! Owns: ports, metadata keys, limits, socket paths, status codes of the machine API.
//! Never: changes a value; clients in the field have them built in.

/// TCP port of apid.
pub const APID_PORT: u16 = 50_000;
/// TCP port of trustd.
pub const TRUSTD_PORT: u16 = 50_001;

/// Where machined serves the API; apid forwards to it.
pub const MACHINED_SOCKET: &str = "/system/run/machined/machine.sock";

/// Metadata key that names one target node: the call is passed on one to one.
pub const NODE: &str = "node";
/// Metadata key that names many target nodes: replies are collected and labelled.
pub const NODES: &str = "nodes";
/// Metadata key with the caller's roles, set by apid; from outside only an impersonator's counts.
pub const ROLE: &str = "talos-role";
/// Metadata key that says who forwarded a request; such a request is answered locally.
pub const PROXY_FROM: &str = "proxyfrom";
/// Metadata key of ApplyConfiguration, beyond the documents: a time (`2m`) within which the
/// configuration must be confirmed or goes back by itself, or `now`, which confirms it.
pub const CONFIRM: &str = "ichor-confirm";
/// Metadata key with the age of the caller's connection in milliseconds, set by apid for machined: its
/// own connection may be older.
pub const CONNECTED_MS: &str = "ichor-connected-ms";
/// Metadata key with the machine token, for trustd.
pub const TOKEN: &str = "token";

/// Largest message either side accepts: etcd snapshots and archives come in chunks below it.
pub const MAX_MESSAGE: usize = 32 * 1024 * 1024;

/// gRPC status codes that our programs write by hand (gRPC over HTTP/2, "Status codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The request is wrong whatever the node's state.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// A limit is reached; try later.
    ResourceExhausted = 8,
    /// The node is not in the state that the request needs.
    FailedPrecondition = 9,
    /// There is no such method, or not here, or not yet.
    Unimplemented = 12,
    /// We broke a rule of our own.
    Internal = 13,
    /// The service behind is not reachable now; try again.
    Unavailable = 14,
    /// The caller did not say who it is.
    Unauthenticated = 16,
}

impl Code {
    /// Returns the number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}
