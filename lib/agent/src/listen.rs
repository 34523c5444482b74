// SPDX-License-Identifier: MPL-2.0
//! Where strangers come.
//!
//! Owns: which addresses a port is open on.
//! Never: takes a caller.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::net::TcpListener;

/// Listens at `port` of every address. A kernel without IPv6 is fine.
///
/// # Errors
/// As `bind(2)` and `listen(2)`.
pub async fn everywhere(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        other => other,
    }
}
