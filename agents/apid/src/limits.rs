// SPDX-License-Identifier: MPL-2.0
//! How much of everything a client can have.
//!
//! Owns: the numbers, each with its reason.
//! Never: is bypassed; what has no number here must not grow with what a client sends.

use std::time::Duration;

/// Connections whose TLS handshake is under way. Strangers can fill only this, for [`HANDSHAKE_TIMEOUT`]
/// each, and for much less while others wait ([`agent::porch`]).
pub(crate) const HANDSHAKES_MAX: usize = 32;
/// Of the connections that came in, what only administrators, operators and other nodes get.
pub(crate) const CONNECTIONS_KEPT: usize = 12;
/// Bytes that TLS keeps of what cannot be written to a connection; the kernel keeps as much ([`agent::porch`]).
pub(crate) const TLS_BUFFER: usize = 32 * 1024;
/// Calls at one time on one connection of an administrator or operator, or to and from another node, which
/// carries those of many: a thousand watches fit.
pub(crate) const STREAMS_MAX: u32 = 1024;
/// The same of a reader or a stranger. A refusal has no body that could be counted, and stays until its client reads
/// it: these are all that such a client can pile up.
pub(crate) const COMMON_STREAMS_MAX: u32 = 64;
/// Bytes of all headers of one request: tokens and node lists fit, attacks by header do not.
pub(crate) const HEADERS_MAX: u32 = 16 * 1024;
/// Bytes in flight of one call in each direction.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;
/// The same as a count of bytes.
pub(crate) const WINDOW: usize = STREAM_WINDOW as usize;
/// Bytes in flight of one connection: requests are short, and a long one passes at this pace.
pub(crate) const CONNECTION_WINDOW: u32 = 64 * 1024;
/// The same of a connection from another node, which carries the requests of many clients: one that is not read
/// must not hold up the others.
pub(crate) const PEER_CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Bytes of the requests of one connection that are on their way to a node: hyper takes the next piece of each
/// before there is room for it.
pub(crate) const REQUESTS: usize = 32 * 1024;
/// The longest piece of a request, a frame of HTTP/2.
pub(crate) const REQUEST_PIECE: u32 = 16 * 1024;
/// Bytes that wait to be written to one call.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;
/// Calls that readers leave to others, of those that clients may have at one time.
pub(crate) const CALLS_KEPT: usize = 128;
/// Connections to one other node, which takes no more than [`Scale::connections`] from all others together.
pub(crate) const CONNECTIONS_PER_PEER: usize = 4;
/// Bytes in flight of one connection to another node. It has room for the windows of more calls than may be left
/// unread ([`Scale::unread_much`]), and for half as many bytes in frames of one byte, which take much more.
pub(crate) const PEER_WINDOW: u32 = 8 * 1024 * 1024;
/// Bytes in flight of one call that another node passes on to this one: what it has not read waits there.
pub(crate) const HOP_WINDOW: u32 = 16 * 1024;
/// The same as a count of bytes.
pub(crate) const HOP: usize = HOP_WINDOW as usize;
/// Names that are looked up at one time; each has a thread.
pub(crate) const LOOKUPS_MAX: usize = 4;
/// Addresses of one name that are tried.
pub(crate) const ADDRESSES_MAX: usize = 4;
/// The longest message of one of several streams that is passed on whole. A longer one passes in
/// pieces, and the other streams wait for its end.
pub(crate) const WHOLE_MESSAGE_MAX: usize = 32 * 1024;
/// Bytes that are taken out of the window of a call while its client does not ask for them.
pub(crate) const QUEUE_MAX: usize = WINDOW;
/// The longest piece that is given to the one who writes: whether a client reads is seen by those that are gone.
pub(crate) const LENT_MAX: usize = 32 * 1024;
/// A piece that is copied when it has to wait: it may be a part of a buffer that is much longer.
pub(crate) const SMALL_PIECE: usize = 4 * 1024;
/// How long a client may leave what there is for it when there is much: a burst of news for a thousand
/// watchers is read within a second.
pub(crate) const UNREAD_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked what waits for clients that do not ask: within it comes a megabyte or two.
pub(crate) const UNREAD_LOOK: Duration = Duration::from_millis(2);
/// How long nothing is read from machined for a client that has much unread.
pub(crate) const PAUSE: Duration = Duration::from_secs(5);
/// How long a client may leave a reply that is held whole when others want its room.
pub(crate) const UNREAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of all requests and replies that are held, because they go to several nodes or come from
/// them: one of the longest, and a hundred of the usual.
pub(crate) const HELD_MAX: usize = 4 * 1024 * 1024;
/// Of these, what only administrators and operators get.
pub(crate) const HELD_KEPT: usize = 1024 * 1024;
/// A reply that must be held whole to be labelled, or a request that goes to several nodes. Those are lists (processes, services, mounts);
/// whatever is long is a stream, which passes unheld.
pub(crate) const HELD_ONE_MAX: usize = 3 * 1024 * 1024;

/// What depends on how much memory the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Connections that came in: with the one to machined about 72 kB each (`tests/tests/faults.rs`).
    pub(crate) connections: usize,
    /// Calls that clients have at one time, about 5 kB each (`tests/tests/faults.rs`).
    pub(crate) calls: usize,
    /// Connections to other nodes at one time, about 64 kB each: a cluster of that size answers in one call.
    pub(crate) peer_connections: usize,
    /// Calls to other nodes at one time, one for each node that a client asks; about 3 kB each.
    pub(crate) peer_calls: usize,
    /// Bytes that wait for clients which do not take them: who has most is closed after
    /// [`UNREAD_PATIENCE`].
    pub(crate) unread_much: usize,
    /// The same, of one connection: while there is much in all, nothing more is read for who has more.
    pub(crate) unread_share: usize,
    /// The same of all, without patience: the slowest of the windows of a hundred nodes at once.
    pub(crate) unread_most: usize,
}

impl Scale {
    /// Where everything fits into [`proto::memory::DOOR`].
    pub(crate) const SMALL: Self = Self {
        connections: 48,
        calls: 1088,
        peer_connections: 16,
        peer_calls: 256,
        unread_much: 3 * 1024 * 512,
        unread_share: 32 * 1024,
        unread_most: 7 * 1024 * 512,
    };
    /// Where it fits into [`proto::memory::ROUTING_DOOR`].
    pub(crate) const LARGE: Self = Self {
        connections: 64,
        calls: 2304,
        peer_connections: 128,
        peer_calls: 2304,
        unread_much: 8 * 1024 * 1024,
        unread_share: 128 * 1024,
        unread_most: 16 * 1024 * 1024,
    };

    /// The one for a machine with `memory` bytes.
    pub(crate) const fn of(memory: u64) -> Self {
        if proto::memory::door_max(memory) < proto::memory::ROUTING_DOOR {
            Self::SMALL
        } else {
            Self::LARGE
        }
    }
}

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
    #![expect(
        clippy::arithmetic_side_effects,
        reason = "a test fails where it stands"
    )]

    use super::*;

    const KIB: usize = 1024;

    /// What clients of a node can make it hold at most.
    fn sum(scale: Scale) -> usize {
        let requests = usize::try_from(CONNECTION_WINDOW).unwrap();
        let rows = [
            HANDSHAKES_MAX * 40 * KIB,
            scale.connections * 72 * KIB,
            // What TLS and the kernel keep for who does not read.
            scale.connections * 2 * TLS_BUFFER,
            // What comes, and what is on its way to a node.
            scale.connections * (requests + REQUESTS),
            scale.calls * 5 * KIB,
            scale.unread_most,
            // What comes between two looks.
            3 * KIB * KIB / 2,
            // A reply is put together from its parts, and is there twice for a moment.
            2 * HELD_MAX,
            scale.peer_connections * 64 * KIB,
            scale.peer_calls * 3 * KIB,
            // Itself.
            3 * KIB * KIB,
        ];
        rows.iter().sum()
    }

    #[test]
    fn all_that_clients_of_one_node_can_make_it_hold_fits_what_it_may_have() {
        for memory in [128, 256, 512, 4096].map(|mib| mib * 1024 * 1024) {
            let most = usize::try_from(proto::memory::door_max(memory)).unwrap();
            let sum = sum(Scale::of(memory));

            assert!(sum <= most, "{sum} of {most} on a machine with {memory}");
        }
    }
}
