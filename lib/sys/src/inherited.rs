// SPDX-License-Identifier: MPL-2.0
//! Descriptors that a program was started with.
//!
//! Owns: turning a number that the parent and this program agreed on into an owned descriptor.
//! Never: hands out the same number twice.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::fd::{FromRawFd as _, OwnedFd, RawFd};
use crate::io::{self, Errno, FdFlags};

/// Numbers that were taken, one bit each.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Takes over descriptor `number`, which the parent left open for this program, and marks it
/// close-on-exec. Call it before anything opens descriptors: the number must not be one that the
/// program itself got from the kernel.
///
/// # Errors
/// `BADF` when there is none, or it was taken before, or the number is not 3 to 63.
#[expect(unsafe_code, reason = "makes an owner for a bare number")]
pub fn take(number: RawFd) -> io::Result<OwnedFd> {
    let bit = match number {
        3..=63 => 1_u64.wrapping_shl(number.cast_unsigned()),
        _ => return Err(Errno::BADF),
    };
    // SAFETY: borrowed only for the next line, where the kernel says whether it is open.
    let borrowed = unsafe { crate::fd::BorrowedFd::borrow_raw(number) };
    io::fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    if TAKEN.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: it is open, nobody in this process owns it (the parent opened it for us, as the
    // caller says), and the bit just set makes this the only owner ever made for the number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
