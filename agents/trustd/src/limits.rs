// SPDX-License-Identifier: MPL-2.0
//! How much of everything a caller can have.
//!
//! Owns: the numbers, each with its reason.
//! Never: is bypassed; what has no number here must not grow with what a caller sends.

use std::time::Duration;

/// Connections at one time: each is over after one request. A cluster that starts all its workers at
/// once is served within seconds.
pub(crate) const CONNECTIONS_MAX: usize = 32;
/// How long a connection may last, from the first byte to the last: a handshake and one request. It is much
/// less while others wait ([`agent::porch`]).
pub(crate) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);
/// How long who has a wrong token waits to hear it. It keeps its place for so long, so all callers
/// together make 32 guesses in a second; a token has 64 bits at least.
pub(crate) const WRONG_TOKEN_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of the headers of a request: a token, and little else.
pub(crate) const HEADERS_MAX: u32 = 4 * 1024;
/// Bytes of a message. A request with the longest key and the most names fits.
pub(crate) const MESSAGE_MAX: usize = 24 * 1024;
/// Bytes in flight.
pub(crate) const WINDOW: u32 = 64 * 1024;
/// Names in one certificate, as many as a node tells apid of itself.
pub(crate) const NAMES_MAX: usize = 64;
