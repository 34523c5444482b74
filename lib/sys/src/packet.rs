// SPDX-License-Identifier: MPL-2.0
//! Packet sockets: whole frames of one link, as far as a filter lets them through (packet(7)).
//!
//! Making one takes `CAP_NET_RAW`; what it hears, and of which link, anybody may say who has it.
//!
//! Owns: making such a socket, and what the kernel says of one.
//! Never: lets a frame in before the filter stands.

use linux_raw_sys::general::{__NR_getsockopt, __NR_ioctl};

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _, OwnedFd};
use crate::io::{self, Errno};
use crate::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use crate::net::{AddressFamily, SocketFlags, SocketType};
use crate::socket_option;

/// The longest filter, in instructions (`BPF_MAXINSNS`).
pub const FILTER_MAX: usize = 4096;
/// The number that stands for every protocol (`ETH_P_ALL`).
pub const EVERY_PROTOCOL: u16 = 0x0003;

/// asm-generic/socket.h; the same on both architectures.
const SOL_SOCKET: usize = 1;
/// linux/socket.h.
const SOL_PACKET: usize = 263;

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
    let socket = unbound()?;
    attach(&socket, filter)?;
    bind(&socket, index, protocol)?;
    Ok(socket)
}

/// Makes a non-blocking socket that hears nothing until it is bound.
///
/// # Errors
/// The kernel's: `PERM` without `CAP_NET_RAW`.
pub fn unbound() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Without a protocol nothing comes in.
    crate::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)
}

/// Has a socket hear `protocol` (an `ETH_P_*` number) on the link `index`.
///
/// # Errors
/// The kernel's: `NODEV` without the link.
pub fn bind(socket: impl AsFd, index: u32, protocol: u16) -> io::Result<()> {
    let address = LinkAddress {
        family: AddressFamily::PACKET.as_raw(),
        protocol: protocol.to_be(),
        index: i32::try_from(index).map_err(|_| Errno::NODEV)?,
        arp_type: 0,
        packet_type: 0,
        address_len: 0,
        address: [0; 8],
    };
    crate::net::bind(socket, &address)
}

/// Has the link `index` let frames in that are for others, as long as the socket is open.
///
/// # Errors
/// The kernel's: `NODEV` without the link.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn set_promiscuous(socket: impl AsFd, index: u32) -> io::Result<()> {
    /// What is joined (`struct packet_mreq`).
    #[repr(C)]
    struct Membership {
        index: i32,
        kind: u16,
        address_len: u16,
        address: [u8; 8],
    }
    const PACKET_ADD_MEMBERSHIP: usize = 1;
    const PACKET_MR_PROMISC: u16 = 1;

    let membership = Membership {
        index: i32::try_from(index).map_err(|_| Errno::NODEV)?,
        kind: PACKET_MR_PROMISC,
        address_len: 0,
        address: [0; 8],
    };
    // SAFETY: it is a `struct packet_mreq`: sixteen bytes, all of them of fields, none a pointer.
    unsafe { socket_option::set(socket, (SOL_PACKET, PACKET_ADD_MEMBERSHIP), &membership) }
}

/// Has a socket hear only what comes in: on loopback everything that goes out comes in again.
///
/// # Errors
/// The kernel's: it is no packet socket.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn ignore_outgoing(socket: impl AsFd) -> io::Result<()> {
    const PACKET_IGNORE_OUTGOING: usize = 23;

    let yes: i32 = 1;
    // SAFETY: it is an `int`.
    unsafe { socket_option::set(socket, (SOL_PACKET, PACKET_IGNORE_OUTGOING), &yes) }
}

/// Says how many frames there was no room for since this was asked last.
///
/// # Errors
/// The kernel's: it is no packet socket.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn take_dropped(socket: impl AsFd) -> io::Result<u32> {
    /// What the kernel counts (`struct tpacket_stats`).
    #[repr(C)]
    #[derive(Default)]
    struct Counters {
        packets: u32,
        drops: u32,
    }
    const PACKET_STATISTICS: usize = 6;

    let mut counters = Counters::default();
    // Two words of four bytes: `size_of::<Counters>()`.
    let mut len: u32 = 8;
    let arguments = [
        socket.as_fd().as_raw_fd().cast_unsigned() as usize,
        SOL_PACKET,
        PACKET_STATISTICS,
        (&raw mut counters).expose_provenance(),
        (&raw mut len).expose_provenance(),
        NONE,
    ];
    // SAFETY: the kernel writes at most `len` bytes, which is the size of `counters`, and four
    // bytes of `len`; both live until the call returns, and any bytes are valid for their integers.
    unsafe { syscall(__NR_getsockopt, arguments) }?;
    let Counters { packets: _, drops } = counters;
    Ok(drops)
}

/// Says when the last frame that was received came in: seconds and nanoseconds since 1970. The first
/// call has the kernel take down that time from then on.
///
/// # Errors
/// The kernel's: `NOENT` when no frame came yet.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn received_at(socket: impl AsFd) -> io::Result<(i64, i64)> {
    /// asm-generic/sockios.h; on 64-bit machines its time has two words of eight bytes.
    const SIOCGSTAMPNS: usize = 0x8907;

    let mut time = [0_i64; 2];
    let arguments = [
        socket.as_fd().as_raw_fd().cast_unsigned() as usize,
        SIOCGSTAMPNS,
        (&raw mut time).expose_provenance(),
        NONE,
        NONE,
        NONE,
    ];
    // SAFETY: the kernel writes one `struct timespec`, two words of eight bytes on the architectures
    // that there are here, to `time`, which has that size and lives until the call returns.
    unsafe { syscall(__NR_ioctl, arguments) }?;
    let [seconds, nanos] = time;
    Ok((seconds, nanos))
}

/// Puts `filter` before `socket`.
///
/// # Errors
/// The kernel's: `INVAL` for a filter that is no program.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn attach(socket: impl AsFd, filter: &[Instruction]) -> io::Result<()> {
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
    // SAFETY: it is a `struct sock_fprog`, whose instructions live until the call returns; the kernel checks
    // them and keeps a copy. The bytes between its fields are not looked at.
    unsafe { socket_option::set(socket, (SOL_SOCKET, SO_ATTACH_FILTER), &program) }
}

#[cfg(test)]
mod tests {
    use super::{FILTER_MAX, Instruction, bind, open, received_at, set_promiscuous, take_dropped};
    use super::{attach, ignore_outgoing, unbound};
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
    fn a_socket_is_bound_later_and_says_what_it_missed() {
        // Without the right to make one there is nothing to look at.
        let Ok(socket) = unbound() else {
            return;
        };
        attach(&socket, &[DROP]).unwrap();

        assert_eq!(received_at(&socket), Err(Errno::NOENT));
        assert_eq!(bind(&socket, 0x7fff_ffff, 3), Err(Errno::NODEV));
        assert_eq!(set_promiscuous(&socket, 0x7fff_ffff), Err(Errno::NODEV));
        assert_eq!(set_promiscuous(&socket, u32::MAX), Err(Errno::NODEV));
        assert_eq!(ignore_outgoing(&socket), Ok(()));
        assert_eq!(take_dropped(&socket), Ok(0));
        let (reading, readable) = (crate::fs::OFlags::RDONLY, crate::fs::Mode::empty());
        let other = crate::fs::open(c"/dev/null", reading, readable).unwrap();
        assert_eq!(take_dropped(&other), Err(Errno::NOTSOCK));
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
