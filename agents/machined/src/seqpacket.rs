// SPDX-License-Identifier: MPL-2.0
//! Message sockets for the one thread: connect, listen, send, receive, without blocking it.
//!
//! tokio has no type for `SOCK_SEQPACKET`. Its datagram and listener types hold any unix socket,
//! and only their readiness is used; the calls are our own.
//!
//! Owns: the descriptors and their readiness.
//! Never: looks into a message.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use sys::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with, sockopt,
};
use sys::seqpacket::Received;
use tokio::io::Interest;
use tokio::net::{UnixDatagram, UnixListener};

/// How often a full backlog is tried again, and how long to wait between.
const CONNECT_TRIES: u32 = 50;
const CONNECT_PAUSE: Duration = Duration::from_millis(20);

/// One connection.
#[derive(Debug)]
pub struct Connection {
    socket: UnixDatagram,
}

impl Connection {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// The kernel's: nobody made that socket, or its queue stays full.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let address = SocketAddrUnix::new(path)?;
        let mut tries = 0_u32;
        loop {
            match connect(&socket, &address) {
                Ok(()) => break,
                // Unix sockets have no connection in progress: the queue is full, and only trying
                // again tells when it is not (unix(7)).
                Err(sys::io::Errno::AGAIN) if tries < CONNECT_TRIES => {
                    tries = tries.saturating_add(1);
                    tokio::time::sleep(CONNECT_PAUSE).await;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Self::over(socket)
    }

    /// Takes over a socket that does not block.
    ///
    /// # Errors
    /// The kernel's: it cannot be waited on.
    pub fn over(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        Ok(Self {
            socket: UnixDatagram::from_std(socket)?,
        })
    }

    /// Returns the user of the peer.
    ///
    /// # Errors
    /// The kernel's.
    pub fn peer_uid(&self) -> io::Result<u32> {
        Ok(sockopt::socket_peercred(&self.socket)?.uid.as_raw())
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The kernel's: the peer is gone.
    pub async fn send(&self, message: &[u8]) -> io::Result<()> {
        self.socket
            .async_io(Interest::WRITABLE, || {
                Ok(send(&self.socket, message, SendFlags::NOSIGNAL)?)
            })
            .await
            .map(|_sent| ())
    }

    /// Receives one message to the front of `buffer`. `None` at the end of the connection.
    ///
    /// # Errors
    /// The kernel's; `InvalidData` when the message is longer than the buffer.
    pub async fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<&'b [u8]>> {
        let (len, whole) = self
            .socket
            .async_io(Interest::READABLE, || {
                // TRUNC: the true length, so that a cut message is known.
                let (_, whole) = recv(&self.socket, &mut *buffer, RecvFlags::TRUNC)?;
                Ok((whole.min(buffer.len()), whole))
            })
            .await?;
        if whole > len {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // A message of no bytes and the end look alike; no message of ours is empty.
        Ok((len > 0).then(|| buffer.get(..len).unwrap_or_default()))
    }

    /// Receives one message as [`Connection::receive`] does, and the descriptor that came along.
    ///
    /// # Errors
    /// As [`Connection::receive`].
    pub async fn receive_with<'b>(
        &self,
        buffer: &'b mut [u8],
    ) -> io::Result<Option<(&'b [u8], Option<OwnedFd>)>> {
        let received = self
            .socket
            .async_io(Interest::READABLE, || {
                Ok(sys::seqpacket::receive(&self.socket, buffer)?)
            })
            .await?;
        match received {
            Received::Message(len, descriptor) => {
                Ok(buffer.get(..len).map(|message| (message, descriptor)))
            }
            Received::TooLong => Err(io::ErrorKind::InvalidData.into()),
            Received::Closed => Ok(None),
        }
    }

    /// Sends one message and, with it, a duplicate of a descriptor.
    ///
    /// # Errors
    /// The kernel's: the peer is gone.
    pub async fn send_with(&self, message: &[u8], descriptor: BorrowedFd<'_>) -> io::Result<()> {
        self.socket
            .async_io(Interest::WRITABLE, || {
                let sent = sys::seqpacket::send_with(&self.socket, message, descriptor);
                Ok(sent?)
            })
            .await
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
}

impl Listener {
    /// Takes over a listening socket.
    ///
    /// # Errors
    /// The kernel's: it cannot be waited on.
    pub fn over(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixListener::from_std(socket)?,
        })
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The kernel's, for example no descriptors left.
    pub async fn accept(&self) -> io::Result<Connection> {
        let (stream, _) = self.socket.accept().await?;
        Connection::over(OwnedFd::from(stream.into_std()?))
    }
}

/// Makes a listening socket at `path`: what init does on a node.
///
/// # Errors
/// The kernel's.
pub fn bind(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    sys::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    sys::net::listen(&socket, 16)?;
    Ok(socket)
}
