// SPDX-License-Identifier: MPL-2.0
//! What differs between the architectures: the system call instruction.
//!
//! Owns: the way into the kernel, and what a raw result means.
//! Never: knows a system call.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as this;
#[cfg(target_arch = "x86_64")]
use x86_64 as this;

use crate::io::Errno;

/// Arguments of a system call that has none left.
pub(crate) const NONE: usize = 0;

/// Makes a system call.
///
/// # Safety
/// The arguments must be what the system call `number` expects: pointers must be valid for what
/// the kernel does with them, and its effect on this process must be one that Rust permits.
#[expect(unsafe_code, reason = "the one way into the kernel")]
pub(crate) unsafe fn syscall(number: u32, arguments: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: the caller vouches for number and arguments.
    let result = unsafe { this::syscall(number as usize, arguments) };
    // The kernel returns -4095 to -1 for errors and nothing else there (syscall(2)).
    match u16::try_from(result.wrapping_neg()) {
        Ok(errno @ 1..=4095) => Err(Errno::from_raw_os_error(i32::from(errno))),
        Ok(_) | Err(_) => Ok(result.cast_unsigned()),
    }
}
