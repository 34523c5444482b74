// SPDX-License-Identifier: MPL-2.0
//! How much of everything a client can have.
//!
//! Owns: the numbers, each with its reason.
//! Never: is bypassed; what has no number here must not grow with what a client sends.

use std::time::Duration;

/// Connections whose TLS handshake is under way. Strangers can fill only this, for [`HANDSHAKE_TIMEOUT`]
/// each, and for much less while others wait ([`agent::porch`]).
pub(crate) const HANDSHAKES_MAX: usize = 32;
/// Connections that came in: about 40 kB each, so a few megabytes at worst.
pub(crate) const CONNECTIONS_MAX: usize = 64;
/// Calls at one time on one connection: a client that follows the logs of every service fits.
pub(crate) const STREAMS_MAX: u32 = 64;
/// Bytes of all headers of one request: tokens and node lists fit, attacks by header do not.
pub(crate) const HEADERS_MAX: u32 = 16 * 1024;
/// Bytes in flight of one call in each direction.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;
/// Bytes in flight of one connection: requests are short, and a long one passes at this pace.
pub(crate) const CONNECTION_WINDOW: u32 = 64 * 1024;
/// Bytes that wait to be written to one call.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;
/// Connections to other nodes at one time, about 60 kB each: a cluster of that size answers in one call.
pub(crate) const PEER_CONNECTIONS_MAX: usize = 128;
/// Connections to one other node: one carries [`STREAMS_MAX`] calls, and a node takes no more than
/// [`CONNECTIONS_MAX`] from all others together.
pub(crate) const CONNECTIONS_PER_PEER: usize = 4;
/// Calls to other nodes at one time. What nobody reads waits in their windows, 64 KiB each at worst.
pub(crate) const PEER_CALLS_MAX: usize = 256;
/// Names that are looked up at one time; each has a thread.
pub(crate) const LOOKUPS_MAX: usize = 4;
/// Addresses of one name that are tried.
pub(crate) const ADDRESSES_MAX: usize = 4;
/// The longest message of one of several streams that is passed on whole. A longer one passes in
/// pieces, and the other streams wait for its end.
pub(crate) const WHOLE_MESSAGE_MAX: usize = 32 * 1024;
/// Calls whose clients do not read what there is for them: each may have its window full, and as much again on its
/// way to the client, 8 MiB in all. A stream that moves is asked again before this is looked at.
pub(crate) const UNREAD_MAX: usize = 64;
/// How long a client may have something unread before it is closed for it: a burst of news for a thousand watchers
/// is read within a second.
pub(crate) const UNREAD_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether somebody is slow while there is too much.
pub(crate) const UNREAD_LOOK: Duration = Duration::from_millis(100);
/// How long a client may leave a reply that is held whole when others want its room.
pub(crate) const UNREAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of all requests and replies that are held, because they go to several nodes or come from
/// them: one of the longest, and a hundred of the usual.
pub(crate) const HELD_MAX: usize = 6 * 1024 * 1024;
/// Of these, what only administrators and operators get.
pub(crate) const HELD_KEPT: usize = 2 * 1024 * 1024;
/// A reply that must be held whole to be labelled, or a request that goes to several nodes. Those are lists (processes, services, mounts);
/// whatever is long is a stream, which passes unheld.
pub(crate) const HELD_ONE_MAX: usize = 4 * 1024 * 1024;

/// A handshake takes two round trips and some arithmetic; a slow board over a bad line fits.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused client may take to hear why.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// A connection without calls is closed; clients connect again by themselves.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// The same for strangers in maintenance mode.
pub(crate) const IDLE_TIMEOUT_STRANGER: Duration = Duration::from_secs(60);
/// How long a client may take over a request, or over each [`BODY_LEAST`] bytes of a long one.
pub(crate) const BODY_SPAN: Duration = Duration::from_secs(60);
/// A configuration comes in one span over a serial line of 9600 baud or faster.
pub(crate) const BODY_LEAST: usize = 16 * 1024;
/// How long calls may go on when their connection has to end.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How often a silent peer is asked whether it is there, and how long it may take to say so.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(30);
/// See [`PING_INTERVAL`].
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long machined may take to accept.
pub(crate) const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take until another node can be asked: its name, TCP, TLS. A node that is away is
/// said to be so while somebody still waits for the answer.
pub(crate) const PEER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one of several addresses of a node may take.
pub(crate) const PEER_ADDRESS_TIMEOUT: Duration = Duration::from_secs(4);
/// How often a silent node is asked whether it is there while somebody waits for it, and how long it
/// may take to say so: a node that lost its power is missed within 20 seconds.
pub(crate) const PEER_PING: (Duration, Duration) =
    (Duration::from_secs(10), Duration::from_secs(10));
/// How long a connection to another node is kept without calls.
pub(crate) const PEER_IDLE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// `memory_max` of init's table.
    const MEMORY_MAX: usize = 32 * 1024 * 1024;

    /// What is besides on a node that routes is more than that (docs/coverage.md, "Known not to hold").
    #[test]
    fn all_that_clients_of_one_node_can_make_it_hold_fits_what_it_may_have() {
        let window = usize::try_from(STREAM_WINDOW).unwrap();
        let requests = usize::try_from(CONNECTION_WINDOW).unwrap();
        let rows = [
            (
                "handshakes and connections",
                (HANDSHAKES_MAX + CONNECTIONS_MAX) * 40 * 1024,
            ),
            ("what clients send", CONNECTIONS_MAX * requests),
            (
                "what clients do not read",
                UNREAD_MAX * (window + SEND_BUFFER),
            ),
            // A reply is put together from its parts, and is there twice for a moment.
            ("what is held whole", HELD_MAX + HELD_ONE_MAX),
            ("itself", 4 * 1024 * 1024),
        ];

        let all: usize = rows.iter().map(|(_, bytes)| bytes).sum();

        assert!(all <= MEMORY_MAX, "{all}: {rows:?}");
    }
}
