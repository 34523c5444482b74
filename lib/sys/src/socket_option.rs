// SPDX-License-Identifier: MPL-2.0
//! Options of sockets that rustix does not have (setsockopt(2)).
//!
//! Owns: the call.
//! Never: knows an option; those who need one do.

use linux_raw_sys::general::__NR_setsockopt;

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _};
use crate::io;

/// An option: its level and its number.
pub(crate) type Name = (usize, usize);

/// Sets an option to `value`.
///
/// # Errors
/// The kernel's: the socket has no such option.
///
/// # Safety
/// The kernel reads the option as a `T`: what `value` points to, if it does, is alive and its address exposed.
#[expect(unsafe_code, reason = "a raw system call")]
pub(crate) unsafe fn set<T>(socket: impl AsFd, name: Name, value: &T) -> io::Result<()> {
    let (level, number) = name;
    let arguments = [
        socket.as_fd().as_raw_fd().cast_unsigned() as usize,
        level,
        number,
        (&raw const *value).expose_provenance(),
        size_of::<T>(),
        NONE,
    ];
    // SAFETY: the kernel reads as many bytes of `value` as it has, which outlives the call, and what those
    // point to, which is there as the caller says; it writes nothing.
    unsafe { syscall(__NR_setsockopt, arguments) }.map(drop)
}
