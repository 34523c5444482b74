// SPDX-License-Identifier: MPL-2.0
//! `memcpy` and its family, which the compiler calls by name and libc would have.
//!
//! They are assembly because a loop in Rust that copies bytes is recognised by the compiler and
//! turned into a call of `memcpy`: itself. Simple and small: eight or sixteen bytes at a time,
//! then the rest.
//!
//! Owns: memcpy, memmove, memset, memcmp, bcmp, strlen, and names that the compiler's own library
//! has references to and no use for.
//! Never: is part of a program that has libc; only [`crate::entry!`] expands it.

/// Defines the memory functions in the crate that uses it.
#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __memory_functions {
    () => {
        // System V ABI: rdi, rsi, rdx in; rax out; the direction flag is clear on entry and exit.
        ::core::arch::global_asm!(
            ".pushsection .text.memory,\"ax\",@progbits",
            ".globl memcpy",
            ".globl memmove",
            ".type memcpy,@function",
            ".type memmove,@function",
            "memcpy:",
            "memmove:",
            "mov rax, rdi",
            "mov rcx, rdi",
            "sub rcx, rsi",
            "cmp rcx, rdx",
            "jb 2f", // the target begins inside the source: from the end
            "mov rcx, rdx",
            "shr rcx, 3",
            "rep movsq",
            "mov ecx, edx",
            "and ecx, 7",
            "rep movsb",
            "ret",
            "2:",
            "std",
            "lea rdi, [rdi + rdx - 1]",
            "lea rsi, [rsi + rdx - 1]",
            "mov ecx, edx",
            "and ecx, 7",
            "rep movsb",
            "sub rdi, 7",
            "sub rsi, 7",
            "mov rcx, rdx",
            "shr rcx, 3",
            "rep movsq",
            "cld",
            "ret",
            ".globl memset",
            ".type memset,@function",
            "memset:",
            "mov r8, rdi",
            "movzx eax, sil",
            "movabs rcx, 0x0101010101010101",
            "imul rax, rcx",
            "mov rcx, rdx",
            "shr rcx, 3",
            "rep stosq",
            "mov ecx, edx",
            "and ecx, 7",
            "rep stosb",
            "mov rax, r8",
            "ret",
            ".globl memcmp",
            ".globl bcmp",
            ".type memcmp,@function",
            ".type bcmp,@function",
            "memcmp:",
            "bcmp:",
            "3:",
            "cmp rdx, 8",
            "jb 4f",
            "mov rax, [rdi]",
            "mov rcx, [rsi]",
            "cmp rax, rcx",
            "jne 5f",
            "add rdi, 8",
            "add rsi, 8",
            "sub rdx, 8",
            "jmp 3b",
            "5:", // the first byte that differs decides: compare as big-endian numbers
            "bswap rax",
            "bswap rcx",
            "cmp rax, rcx",
            "sbb eax, eax",
            "or eax, 1",
            "ret",
            "4:",
            "test rdx, rdx",
            "jz 6f",
            "movzx eax, byte ptr [rdi]",
            "movzx ecx, byte ptr [rsi]",
            "sub eax, ecx",
            "jne 7f",
            "inc rdi",
            "inc rsi",
            "dec rdx",
            "jmp 4b",
            "6:",
            "xor eax, eax",
            "7:",
            "ret",
            ".globl strlen",
            ".type strlen,@function",
            "strlen:",
            "xor eax, eax",
            "8:",
            "cmp byte ptr [rdi + rax], 0",
            "je 9f",
            "inc rax",
            "jmp 8b",
            "9:",
            "ret",
            ".popsection",
        );
    };
}

/// Defines what the compiler's own library names and never uses here.
#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __unused_names {
    () => {
        ::core::arch::global_asm!(
            ".pushsection .text.unused,\"ax\",@progbits",
            // The unwind tables of core name these; nothing unwinds here.
            ".globl rust_eh_personality",
            ".globl _Unwind_Resume",
            "rust_eh_personality:",
            "_Unwind_Resume:",
            "ud2",
            ".popsection",
        );
    };
}

/// Defines the memory functions in the crate that uses it.
#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __memory_functions {
    () => {
        // AAPCS64: x0, x1, x2 in; x0 out; x3 to x8 are free. Unaligned access to normal memory is
        // permitted on Linux.
        ::core::arch::global_asm!(
            ".pushsection .text.memory,\"ax\",@progbits",
            ".globl memcpy",
            ".globl memmove",
            ".type memcpy,@function",
            ".type memmove,@function",
            "memcpy:",
            "memmove:",
            "mov x3, x0",
            "sub x4, x0, x1",
            "cmp x4, x2",
            "b.lo 4f", // the target begins inside the source: from the end
            "2:",
            "subs x2, x2, #16",
            "b.lo 3f",
            "ldp x5, x6, [x1], #16",
            "stp x5, x6, [x3], #16",
            "b 2b",
            "3:",
            "add x2, x2, #16",
            "10:",
            "cbz x2, 11f",
            "ldrb w5, [x1], #1",
            "strb w5, [x3], #1",
            "sub x2, x2, #1",
            "b 10b",
            "11:",
            "ret",
            "4:",
            "add x3, x3, x2",
            "add x1, x1, x2",
            "5:",
            "subs x2, x2, #16",
            "b.lo 6f",
            "ldp x5, x6, [x1, #-16]!",
            "stp x5, x6, [x3, #-16]!",
            "b 5b",
            "6:",
            "add x2, x2, #16",
            "7:",
            "cbz x2, 11b",
            "ldrb w5, [x1, #-1]!",
            "strb w5, [x3, #-1]!",
            "sub x2, x2, #1",
            "b 7b",
            ".globl memset",
            ".type memset,@function",
            "memset:",
            "mov x3, x0",
            "and x4, x1, #255",
            "mov x5, #0x0101010101010101",
            "mul x4, x4, x5",
            "2:",
            "subs x2, x2, #16",
            "b.lo 3f",
            "stp x4, x4, [x3], #16",
            "b 2b",
            "3:",
            "add x2, x2, #16",
            "4:",
            "cbz x2, 5f",
            "strb w4, [x3], #1",
            "sub x2, x2, #1",
            "b 4b",
            "5:",
            "ret",
            ".globl memcmp",
            ".globl bcmp",
            ".type memcmp,@function",
            ".type bcmp,@function",
            "memcmp:",
            "bcmp:",
            "2:",
            "subs x2, x2, #8",
            "b.lo 3f",
            "ldr x3, [x0], #8",
            "ldr x4, [x1], #8",
            "cmp x3, x4",
            "b.eq 2b",
            "rev x3, x3", // the first byte that differs decides: compare as big-endian numbers
            "rev x4, x4",
            "cmp x3, x4",
            "cset w0, hi",
            "csinv w0, w0, wzr, hs",
            "ret",
            "3:",
            "add x2, x2, #8",
            "4:",
            "cbz x2, 5f",
            "ldrb w3, [x0], #1",
            "ldrb w4, [x1], #1",
            "sub x2, x2, #1",
            "cmp w3, w4",
            "b.eq 4b",
            "sub w0, w3, w4",
            "ret",
            "5:",
            "mov w0, #0",
            "ret",
            ".globl strlen",
            ".type strlen,@function",
            "strlen:",
            "mov x1, x0",
            "2:",
            "ldrb w2, [x1], #1",
            "cbnz w2, 2b",
            "sub x0, x1, x0",
            "sub x0, x0, #1",
            "ret",
            ".popsection",
        );
    };
}

/// Defines what the compiler's own library names and never uses here.
#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __unused_names {
    () => {
        ::core::arch::global_asm!(
            ".pushsection .text.unused,\"ax\",@progbits",
            // The unwind tables of core name these; nothing unwinds here.
            ".globl rust_eh_personality",
            ".globl _Unwind_Resume",
            "rust_eh_personality:",
            "_Unwind_Resume:",
            "brk #1",
            // Named by the start-up code of compiler-builtins, which looks for faster atomic
            // instructions and is never run here: nothing calls constructors, so atomics keep to
            // the instructions that every processor has.
            ".globl getauxval",
            ".globl __stack_chk_fail",
            ".globl __stack_chk_guard",
            "getauxval:",
            "mov x0, #0",
            "ret",
            "__stack_chk_fail:",
            "brk #1",
            ".balign 8",
            "__stack_chk_guard:",
            ".quad 0",
            ".popsection",
        );
    };
}
