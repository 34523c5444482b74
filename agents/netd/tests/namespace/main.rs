// SPDX-License-Identifier: MPL-2.0
//! netd in a network namespace, with its own user and capabilities, against DHCP servers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod kernel;
mod lab;
mod leases;
mod socket;

use wire::dhcp::Kind;

pub(crate) const LEASE: &str = "10.9.0.15/24";

pub(crate) fn renewal(seen: &lab::Seen) -> bool {
    seen.message.kind == Kind::Request && !seen.message.client.is_unspecified()
}

/// Asks for the address of before: it names the address and no server.
pub(crate) fn reboot(seen: &lab::Seen) -> bool {
    let options = &seen.message.options;
    seen.message.kind == Kind::Request && options.requested.is_some() && options.server.is_none()
}
