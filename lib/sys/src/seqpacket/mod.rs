// SPDX-License-Identifier: MPL-2.0
//! Message sockets (`SOCK_SEQPACKET`): one datagram is one message.
//!
//! Owns: making, connecting, sending and receiving, with at most one descriptor a message.
//! Never: knows what is in a message, or waits unless the caller's socket does.

mod server;

use core::mem::MaybeUninit;
use core::time::Duration;

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use crate::io::{self, Errno, IoSlice, IoSliceMut};
use crate::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    sockopt,
};

pub use server::{Manners, Next, Server, Service};

/// How many callers the kernel lets wait until they are accepted.
const BACKLOG: i32 = 16;

/// Makes a listening socket of `kind` at `path`, replacing what is there; accepting never waits. One
/// of datagrams has no callers to wait for: it is read.
///
/// # Errors
/// The kernel's.
pub fn listen(path: &str, kind: SocketType) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = crate::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
    match crate::fs::unlink(path) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    crate::net::bind(&socket, &address)?;
    if kind != SocketType::DGRAM {
        crate::net::listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}

/// Connects to the server at `path`. Sending and receiving wait for at most `patience` each, or
/// not at all when it is zero (the socket is then non-blocking, as an event loop wants it).
///
/// # Errors
/// The kernel's.
pub fn connect(path: &str, patience: Duration) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = crate::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    if patience.is_zero() {
        crate::net::connect(&socket, &address)?;
        io::ioctl_fionbio(&socket, true)?;
    } else {
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(patience))?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(patience))?;
        crate::net::connect(&socket, &address)?;
    }
    Ok(socket)
}

/// Sends one message.
///
/// # Errors
/// `AGAIN` when the peer does not read; `PIPE` when it is gone.
pub fn send(socket: impl AsFd, message: &[u8]) -> io::Result<()> {
    loop {
        match crate::net::send(&socket, message, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Sends one message and, with it, a duplicate of a descriptor.
///
/// # Errors
/// As [`send`].
pub fn send_with(socket: impl AsFd, message: &[u8], descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(Errno::NOBUFS);
    }
    let parts = [IoSlice::new(message)];
    loop {
        match crate::net::sendmsg(&socket, &parts, &mut control, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// What came.
#[derive(Debug)]
pub enum Received {
    /// A message of this many bytes, and the descriptor that came with it.
    Message(usize, Option<OwnedFd>),
    /// A message longer than the buffer; it is gone.
    TooLong,
    /// The peer closed, or sent an empty message, which no protocol has.
    Closed,
}

/// Receives one message.
///
/// A peer that closes before it has read all that it was sent resets the connection, and the kernel
/// reports that ahead of what the peer had said, once. What it said is usually why it closed, so
/// the report is passed over: the message comes, and then [`Received::Closed`].
///
/// # Errors
/// `AGAIN` when there is none (yet, or within the socket's patience).
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        let mut parts = [IoSliceMut::new(buffer)];
        match crate::net::recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message,
            // The kernel forgets a reset as it reports it, so neither comes for ever.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            Err(errno) => return Err(errno),
        }
    };
    let mut descriptor = None;
    for item in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = item {
            // More than one cannot fit the space above; those that did not were closed.
            descriptor = descriptors.last();
        }
    }
    if message.flags.contains(ReturnFlags::TRUNC) {
        Ok(Received::TooLong)
    } else if message.bytes == 0 {
        Ok(Received::Closed)
    } else {
        Ok(Received::Message(message.bytes, descriptor))
    }
}

/// Who is at the other end of a connection, as the kernel knows it (`struct ucred`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peer {
    /// Its process; 0 when that is not in our process namespace.
    pub pid: u32,
    /// The user it had when it connected.
    pub uid: u32,
    /// The group it had when it connected.
    pub gid: u32,
}

/// Who connected. (rustix has this too, but its process number cannot be 0.)
///
/// # Errors
/// The kernel's.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    use linux_raw_sys::general::__NR_getsockopt;

    // asm-generic/socket.h; the same on both architectures.
    const SOL_SOCKET: usize = 1;
    const SO_PEERCRED: usize = 17;

    let mut peer = Peer::default();
    // Three words of four bytes: `size_of::<Peer>()`.
    let mut len: u32 = 12;
    let arguments = [
        socket.as_fd().as_raw_fd().cast_unsigned() as usize,
        SOL_SOCKET,
        SO_PEERCRED,
        (&raw mut peer).expose_provenance(),
        (&raw mut len).expose_provenance(),
        NONE,
    ];
    // SAFETY: the kernel writes at most `len` bytes, which is the size of `peer`, and four bytes
    // of `len`; both live until the call returns, and any bytes are valid for their integers.
    unsafe { syscall(__NR_getsockopt, arguments) }?;
    Ok(peer)
}
