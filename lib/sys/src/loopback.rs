// SPDX-License-Identifier: MPL-2.0
//! `lo` of a new network namespace, which is down at first (netdevice(7)).
//!
//! Owns: switching it on.
//! Never: touches another interface.

use linux_raw_sys::general::__NR_ioctl;

use crate::arch::{NONE, syscall};
use crate::fd::AsRawFd as _;
use crate::io;
use crate::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Sets flags of an interface (linux/sockios.h).
const SIOCSIFFLAGS: usize = 0x8914;

/// `IFF_UP`.
const UP: u16 = 1;

/// What the request is about (`struct ifreq`): a name, and here flags.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Switches `lo` on; the kernel gives it 127.0.0.1 and ::1.
///
/// # Errors
/// The kernel's: `PERM` without rights in the network namespace.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn switch_on() -> io::Result<()> {
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
    let mut request = Request {
        name: [0; 16],
        flags: UP,
        rest: [0; 22],
    };
    if let Some(name) = request.name.first_chunk_mut() {
        *name = *b"lo";
    }
    let socket = socket.as_raw_fd().cast_unsigned() as usize;
    let place = (&raw mut request).expose_provenance();
    // SAFETY: the kernel reads, and could write, one `struct ifreq`, whose 40 bytes live until the
    // call returns.
    unsafe { syscall(__NR_ioctl, [socket, SIOCSIFFLAGS, place, NONE, NONE, NONE]) }.map(drop)
}
