// SPDX-License-Identifier: MPL-2.0
//! x86-64: `syscall`, number in rax, arguments in rdi, rsi, rdx, r10, r8, r9.
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
    // SAFETY: `syscall` changes rax, rcx and r11 only, all declared; memory is assumed changed
    // because the default of `asm!` is that it may be; the caller vouches for the rest.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
