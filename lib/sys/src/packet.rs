// SPDX-License-Identifier: MPL-2.0
//! Packet sockets: whole frames of one link, as far as a filter lets them through (packet(7)).
//!
//! Owns: making such a socket.
//! Never: lets a frame in before the filter stands.

use linux_raw_sys::general::__NR_setsockopt;

use crate::arch::{NONE, syscall};
use crate::fd::{AsRawFd as _, OwnedFd};
use crate::io::{self, Errno};
use crate::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use crate::net::{AddressFamily, SocketFlags, SocketType};

/// The longest filter, in instructions (`BPF_MAXINSNS`).
const FILTER_MAX: usize = 4096;

/// One instruction of a classic BPF program (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions to skip when a comparison holds.
    pub if_true: u8,
    /// How many instructions to skip when it does not.
    pub if_false: u8,
    /// Its number.
    pub operand: u32,
}

/// A program (`struct sock_fprog`).
#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

/// Which frames: those of one protocol on one link (`struct sockaddr_ll`).
#[repr(C)]
struct LinkAddress {
    family: u16,
    /// In network byte order.
    protocol: u16,
    index: i32,
    arp_type: u16,
    packet_type: u8,
    address_len: u8,
    address: [u8; 8],
}

// SAFETY: `f` gets a pointer to a whole `struct sockaddr_ll`, laid out as packet(7) says, and its
// size; `self` outlives the call.
#[expect(unsafe_code, reason = "a socket address that rustix does not have")]
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(
        &self,
        f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R,
    ) -> R {
        // 20 bytes: `size_of::<LinkAddress>()`.
        f((&raw const *self).cast(), 20)
    }
}

/// Makes a non-blocking socket that receives and sends whole frames of `protocol` (an
/// `ETH_P_*` number) on the link `index`; of those that come, `filter` says which are kept.
///
/// # Errors
/// The kernel's: `PERM` without `CAP_NET_RAW`, `NODEV` without the link, `INVAL` for a filter that
/// is no program.
pub fn open(index: u32, protocol: u16, filter: &[Instruction]) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Without a protocol nothing comes in until the socket is bound.
    let socket = crate::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    attach(&socket, filter)?;
    let address = LinkAddress {
        family: AddressFamily::PACKET.as_raw(),
        protocol: protocol.to_be(),
        index: i32::try_from(index).map_err(|_| Errno::NODEV)?,
        arp_type: 0,
        packet_type: 0,
        address_len: 0,
        address: [0; 8],
    };
    crate::net::bind(&socket, &address)?;
    Ok(socket)
}

/// Puts `filter` before `socket`.
#[expect(unsafe_code, reason = "a raw system call")]
fn attach(socket: &OwnedFd, filter: &[Instruction]) -> io::Result<()> {
    // asm-generic/socket.h; the same on both architectures.
    const SOL_SOCKET: usize = 1;
    const SO_ATTACH_FILTER: usize = 26;

    if filter.len() > FILTER_MAX {
        return Err(Errno::INVAL);
    }
    let program = Program {
        len: u16::try_from(filter.len()).map_err(|_| Errno::INVAL)?,
        instructions: filter.as_ptr(),
    };
    // Expose the instructions too: the kernel follows the pointer inside the program.
    let _ = filter.as_ptr().expose_provenance();
    let arguments = [
        socket.as_raw_fd().cast_unsigned() as usize,
        SOL_SOCKET,
        SO_ATTACH_FILTER,
        (&raw const program).expose_provenance(),
        size_of::<Program>(),
        NONE,
    ];
    // SAFETY: the kernel reads `program` and the `len` instructions it points to, checks them,
    // and keeps a copy; both live until the call returns, and nothing is written.
    unsafe { syscall(__NR_setsockopt, arguments) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::{FILTER_MAX, Instruction, open};
    use crate::io::Errno;

    /// Lets nothing through.
    const DROP: Instruction = Instruction {
        code: 0x06,
        if_true: 0,
        if_false: 0,
        operand: 0,
    };

    #[test]
    fn a_link_that_is_not_there_is_refused() {
        let errno = open(0x7fff_ffff, 0x0800, &[DROP]).unwrap_err();

        assert!(matches!(errno, Errno::NODEV | Errno::PERM), "{errno:?}");
    }

    #[test]
    fn a_filter_too_long_or_without_an_end_is_refused() {
        let load = Instruction { code: 0x28, ..DROP };

        for filter in [&[DROP; FILTER_MAX + 1][..], &[load], &[]] {
            let errno = open(1, 0x0800, filter).unwrap_err();
            assert!(matches!(errno, Errno::INVAL | Errno::PERM), "{errno:?}");
        }
    }
}
