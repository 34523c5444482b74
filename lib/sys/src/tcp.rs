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
    extern crate std;

    use std::io::{ErrorKind, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::keep_unsent_below;

    /// How much can be written to a peer that does not read.
    fn written(limit: Option<u32>) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // What a peer has room for: as soon as it is full, the rest stays here.
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        if let Some(limit) = limit {
            keep_unsent_below(&stream, limit).unwrap();
        }
        stream.set_nonblocking(true).unwrap();
        let mut written = 0_usize;
        loop {
            match stream.write(&[0; 16 * 1024]) {
                Ok(len) => written = written.saturating_add(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        drop(peer);
        written
    }

    #[test]
    fn a_peer_that_does_not_read_fills_less() {
        let (without, with) = (written(None), written(Some(32 * 1024)));

        assert!(with + 256 * 1024 < without, "{with} of {without}");
    }

    #[test]
    fn other_sockets_have_no_such_limit() {
        let (one, _other) = UnixStream::pair().unwrap();

        keep_unsent_below(&one, 1).unwrap_err();
    }
}
