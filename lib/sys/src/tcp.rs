// SPDX-License-Identifier: MPL-2.0
//! What rustix leaves out of tcp(7).
//!
//! Owns: how much the kernel takes of what cannot be sent yet.
//! Never: opens a connection.

use crate::fd::AsFd;
use crate::io;
use crate::socket_option;

/// The number of the protocol (`IPPROTO_TCP`), and the level of its options.
const TCP: usize = 6;

/// Has the kernel take no more than about `bytes` that it cannot send yet. Without it, a peer that does
/// not read fills a buffer of some MiB, which is memory of the process that writes.
///
/// # Errors
/// The kernel's: it is no TCP socket.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn keep_unsent_below(socket: impl AsFd, bytes: u32) -> io::Result<()> {
    const TCP_NOTSENT_LOWAT: usize = 25;

    // SAFETY: it is an `int` that is never negative.
    unsafe { socket_option::set(socket, (TCP, TCP_NOTSENT_LOWAT), &bytes) }
}

#[cfg(test)]
mod tests {
    use super::keep_unsent_below;
    use crate::fd::OwnedFd;
    use crate::io::{self, Errno};
    use crate::net::{self, AddressFamily, Ipv4Addr, SocketAddrV4, SocketType};

    fn socket() -> OwnedFd {
        net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap()
    }

    /// How much can be written to a peer that does not read.
    fn written(limit: Option<u32>) -> usize {
        let (listener, peer) = (socket(), socket());
        net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        net::listen(&listener, 1).unwrap();
        let address: SocketAddrV4 = net::getsockname(&listener).unwrap().try_into().unwrap();
        net::connect(&peer, &address).unwrap();
        let stream = net::accept(&listener).unwrap();
        if let Some(limit) = limit {
            keep_unsent_below(&stream, limit).unwrap();
        }
        io::ioctl_fionbio(&stream, true).unwrap();
        let mut written = 0_usize;
        // What the peer has room for goes there; as soon as that is full, the rest stays here.
        loop {
            match io::write(&stream, &[0; 16 * 1024]) {
                Ok(len) => written = written.saturating_add(len),
                Err(errno) => {
                    assert_eq!(errno, Errno::AGAIN);
                    return written;
                }
            }
        }
    }

    #[test]
    fn a_peer_that_does_not_read_fills_less() {
        let (without, with) = (written(None), written(Some(32 * 1024)));

        assert!(with + 256 * 1024 < without, "{with} of {without}");
    }

    #[test]
    fn other_sockets_have_no_such_limit() {
        let (kind, flags) = (SocketType::STREAM, net::SocketFlags::CLOEXEC);
        let (one, _other) = net::socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();

        keep_unsent_below(&one, 1).unwrap_err();
    }
}
