// SPDX-License-Identifier: MPL-2.0
//! The socket on which the kernel tells of devices.
//!
//! Owns: the socket, and that only the kernel is heard on it.
//! Never: reads what a message says.

use sys::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::io::{self, Errno};
use sys::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use sys::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

/// Room for events that come while others are dealt with: about two thousand. The kernel takes
/// it as it fills; what does not fit is not lost but looked for in sysfs.
const ROOM: usize = 1024 * 1024;
/// The multicast group of the kernel's own messages; group 2 is of udev implementations.
const KERNEL_GROUP: u32 = 1;

/// The socket.
#[derive(Debug)]
pub struct Uevents(OwnedFd);

/// What was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A message of the kernel, this many bytes long.
    Message(usize),
    /// Something that is not the kernel's; it is to be ignored.
    Foreign,
    /// Messages were lost for lack of room.
    Overrun,
    /// There is nothing (more) now.
    Nothing,
}

impl Uevents {
    /// Opens the socket; events are kept for us from now on.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let protocol = Some(KOBJECT_UEVENT);
        let socket = net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, ROOM).is_err() {
            // Without CAP_NET_ADMIN there is less room, and an overrun sooner.
            let _ = sockopt::set_socket_recv_buffer_size(&socket, ROOM);
        }
        net::bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP))?;
        Ok(Self(socket))
    }

    /// Receives one message.
    ///
    /// # Errors
    /// The kernel's, other than that there is nothing or too much.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        match net::recvfrom(&self.0, &mut *buffer, RecvFlags::TRUNC) {
            Ok((_, len, sender)) => {
                let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
                // Any process may send here; the kernel's number is 0.
                let kernel = sender.is_some_and(|sender| sender.pid() == 0);
                if kernel && len <= buffer.len() {
                    Ok(Received::Message(len))
                } else {
                    Ok(Received::Foreign)
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(Received::Nothing),
            Err(Errno::NOBUFS) => Ok(Received::Overrun),
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for Uevents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
