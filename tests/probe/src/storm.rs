// SPDX-License-Identifier: MPL-2.0
//! A storm of bad messages against one internal socket.
//!
//! Four kinds in turn: random bytes, a valid greeting cut short, far too long a datagram, and a
//! valid greeting said again and again. What comes back is counted, never trusted.
//!
//! Owns: the making of bad messages, from a seed, so that a failure can be repeated.
//! Never: sends a well-formed order: a storm must not be able to stop a service.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with,
};

/// What a storm met.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Messages that were sent.
    pub(crate) sent: u32,
    /// Messages that the kernel or the peer's closed socket refused to take.
    pub(crate) refused: u32,
    /// Answers read.
    pub(crate) answers: u32,
    /// Connections made; the peer closes one when it has had enough.
    pub(crate) connections: u32,
}

/// Sends `count` bad messages to the socket at `path`.
pub(crate) fn storm(path: &str, count: u32, seed: u64) -> io::Result<Report> {
    let mut report = Report::default();
    let mut random = seed | 1;
    let mut peer = connected(path)?;
    report.connections = 1;
    let mut buffer = vec![0_u8; 64 * 1024];
    for turn in 0..count {
        let message = message(turn, &mut random);
        match send(&peer, &message, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(_) => report.sent = report.sent.saturating_add(1),
            Err(Errno::AGAIN | Errno::MSGSIZE | Errno::NOBUFS) => {
                report.refused = report.refused.saturating_add(1);
            }
            Err(_) => {
                report.refused = report.refused.saturating_add(1);
                peer = connected(path)?;
                report.connections = report.connections.saturating_add(1);
            }
        }
        loop {
            match recv(&peer, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => {
                    peer = connected(path)?;
                    report.connections = report.connections.saturating_add(1);
                    break;
                }
                Ok(_) => report.answers = report.answers.saturating_add(1),
                Err(_) => break,
            }
        }
    }
    Ok(report)
}

fn connected(path: &str) -> io::Result<OwnedFd> {
    let fd = socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    connect(&fd, &SocketAddrUnix::new(path)?)?;
    Ok(fd)
}

/// A greeting of this protocol: operation 1, version 1 as a varint.
const GREETING: [u8; 2] = [1, 1];

fn message(turn: u32, random: &mut u64) -> Vec<u8> {
    match turn % 4 {
        0 => {
            let len = usize::try_from(next(random) % 300).unwrap_or(1).max(1);
            let mut bytes: Vec<u8> = (0..len).map(|_| next(random).to_le_bytes()[0]).collect();
            // Operations above 100 are unknown everywhere, so nothing here can be an order.
            if let Some(first) = bytes.first_mut() {
                *first |= 0x80;
            }
            bytes
        }
        1 => GREETING.get(..1).unwrap_or_default().to_vec(),
        2 => vec![0xff; 60_000],
        _ => GREETING.to_vec(),
    }
}

/// The next number of a xorshift generator.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
