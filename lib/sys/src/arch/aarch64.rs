// SPDX-License-Identifier: MPL-2.0
//! AArch64: `svc 0`, number in x8, arguments in x0 to x5.
//!
//! Owns: the instruction and its registers (syscall(2), "Architecture calling conventions").
//! Never: interprets the result.

use core::arch::asm;

/// Makes a system call and returns what the kernel left in the result register.
///
/// # Safety
/// As [`super::syscall`].
#[expect(unsafe_code, reason = "the one way into the kernel")]
pub(super) unsafe fn syscall(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: `svc 0` changes x0 only, which is declared; memory is assumed changed because the
    // default of `asm!` is that it may be; the caller vouches for the rest.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        );
    }
    result
}
