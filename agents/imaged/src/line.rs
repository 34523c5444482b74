// SPDX-License-Identifier: MPL-2.0
//! Message sockets for the one thread: listen, send and receive without blocking it.
//!
//! tokio has no type for `SOCK_SEQPACKET`. Its datagram and listener types hold any unix socket, and only
//! their readiness is used; the calls are lib/sys's.
//!
//! Owns: the descriptors and their readiness.
//! Never: looks into a message.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;

use sys::net::SocketType;
use sys::seqpacket::{self, Received};
use tokio::io::Interest;
use tokio::net::{UnixDatagram, UnixListener};

/// Who may connect: everybody who finds the way; who may ask is looked at then.
const MODE: u32 = 0o666;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener(UnixListener);

impl Listener {
    /// Makes one at `path`, replacing what is there.
    pub(crate) fn bind(path: &str) -> io::Result<Self> {
        let socket = seqpacket::listen(path, SocketType::SEQPACKET)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        let socket = std::os::unix::net::UnixListener::from(socket);
        Ok(Self(UnixListener::from_std(socket)?))
    }

    /// Waits for a connection.
    pub(crate) async fn accept(&self) -> io::Result<Line> {
        let (stream, _) = self.0.accept().await?;
        let socket = OwnedFd::from(stream.into_std()?);
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        Ok(Line(UnixDatagram::from_std(socket)?))
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Line(UnixDatagram);

impl Line {
    /// The user at the other end.
    pub(crate) fn peer_uid(&self) -> io::Result<u32> {
        Ok(seqpacket::peer(&self.0)?.uid)
    }

    /// Sends one message.
    pub(crate) async fn send(&self, message: &[u8]) -> io::Result<()> {
        let send = || Ok(seqpacket::send(&self.0, message)?);
        self.0.async_io(Interest::WRITABLE, send).await
    }

    /// Receives one message to the front of `buffer` and returns its length. `None` at the end.
    pub(crate) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let receive = || Ok(seqpacket::receive(&self.0, &mut *buffer)?);
        match self.0.async_io(Interest::READABLE, receive).await? {
            Received::Message(len, _) => Ok(Some(len)),
            Received::TooLong => Err(io::ErrorKind::InvalidData.into()),
            Received::Closed => Ok(None),
        }
    }
}
