// SPDX-License-Identifier: MPL-2.0
//! The first and the last instruction of a program without libc.
//!
//! Owns: `_start`, the program's arguments, the panic message, exit.
//! Never: allocates or fails.

use core::ffi::CStr;
use core::fmt::Write as _;
use core::panic::PanicInfo;

use linux_raw_sys::general::{__NR_exit_group, __NR_kill};

use crate::arch::{NONE, syscall};
use crate::text::Text;

/// The exit code of a program that panicked and whom no signal can end.
const PANICKED: u8 = 134;

/// The program's arguments and environment, as the kernel put them above the first stack frame.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// Points to argc, then argv with its NULL, then envp with its NULL.
    stack: *const usize,
}

impl Arguments {
    /// The argument at `index`; 0 is the program's own name.
    #[must_use]
    #[expect(unsafe_code, reason = "reads the memory that the kernel prepared")]
    pub fn get(self, index: usize) -> Option<&'static CStr> {
        // SAFETY: `stack` points to argc: `run` got it from `_start`.
        let count = unsafe { self.stack.read() };
        if index >= count {
            return None;
        }
        // SAFETY: argv begins one word after argc and has `count` entries (execve(2)).
        let slot = unsafe { self.stack.wrapping_add(1).wrapping_add(index).read() };
        let text = core::ptr::with_exposed_provenance(slot);
        // SAFETY: every entry is a string with a NUL that lives as long as the program.
        Some(unsafe { CStr::from_ptr(text) })
    }
}

/// Runs `main` and ends the program with its exit code.
///
/// # Safety
/// `stack` must be the stack pointer at the first instruction of the program. Only
/// [`crate::entry!`] may call this.
#[doc(hidden)]
#[expect(
    unsafe_code,
    reason = "its caller must be the program's first instruction"
)]
pub unsafe fn run(stack: *const usize, main: fn(Arguments) -> u8) -> ! {
    exit(main(Arguments { stack }))
}

/// Ends the program at once.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: exit_group takes a number and does not return; nothing of the process is left
        // that could see its memory.
        let _ = unsafe {
            syscall(
                __NR_exit_group,
                [usize::from(code), NONE, NONE, NONE, NONE, NONE],
            )
        };
    }
}

/// Tells where and why, on standard error and in the kernel log, and ends the program: by SIGABRT,
/// so that its parent sees a crash, or with 134 where that signal cannot end it.
#[doc(hidden)]
#[expect(unsafe_code, reason = "a raw system call")]
pub fn panicked(program: &str, info: &PanicInfo<'_>) -> ! {
    let mut line = Text::<512>::new();
    let _ = write!(line, "{program}: {info}");
    line.end_line();
    // Standard error may be a full pipe whose reader is gone; a crash must not wait for it.
    let _ = crate::text::write_now(line.as_bytes());
    crate::kernel_log::write(crate::kernel_log::Urgency::Notice, &line);
    let pid = crate::process::getpid()
        .as_raw_nonzero()
        .get()
        .cast_unsigned() as usize;
    let abort = crate::process::Signal::ABORT.as_raw().cast_unsigned() as usize;
    // SAFETY: kill takes two numbers; ending ourselves leaves nothing that could be unsound.
    let _ = unsafe { syscall(__NR_kill, [pid, abort, NONE, NONE, NONE, NONE]) };
    exit(PANICKED)
}

/// Makes a crate a program without libc: `entry!(main)`, where `main` is a
/// `fn(sys::start::Arguments) -> u8` whose result is the exit code.
///
/// It defines `_start`, the panic handler and the memory functions. With
/// `entry!(main, panic = f)`, `f` is a `fn(&core::panic::PanicInfo) -> !`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::entry!($main, panic = __panicked);

        #[cfg(not(test))]
        fn __panicked(info: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::start::panicked(::core::env!("CARGO_PKG_NAME"), info)
        }
    };
    ($main:path, panic = $panicked:path) => {
        #[cfg(not(test))]
        $crate::__program!($main, $panicked);
    };
}

/// Defines what a program without libc has in place of libc.
#[cfg(not(feature = "std"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __program {
    ($main:path, $panicked:path) => {
        $crate::__memory_functions!();
        $crate::__unused_names!();
        $crate::__start!(__first);

        extern "C" fn __first(stack: *const usize) -> ! {
            // SAFETY: only `_start` calls this, with the stack pointer it was started with.
            unsafe { $crate::start::run(stack, $main) }
        }

        #[panic_handler]
        fn __on_panic(info: &::core::panic::PanicInfo<'_>) -> ! {
            $panicked(info)
        }
    };
}

/// Only checks the types: a command over the whole workspace gives `sys` its `std` feature, and std
/// has a panic handler. Such a program can be checked and not linked; it is built by itself.
#[cfg(feature = "std")]
#[doc(hidden)]
#[macro_export]
macro_rules! __program {
    ($main:path, $panicked:path) => {
        const _: fn($crate::start::Arguments) -> u8 = $main;
        const _: fn(&::core::panic::PanicInfo<'_>) -> ! = $panicked;
    };
}

/// Defines `_start`: an empty frame, the stack pointer as argument, the stack aligned to 16.
#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __start {
    ($first:path) => {
        ::core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "xor ebp, ebp",
            "mov rdi, rsp",
            "and rsp, -16",
            "call {first}",
            "ud2",
            first = sym $first,
        );
    };
}

/// Defines `_start`: an empty frame, the stack pointer as argument, the stack aligned to 16.
#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __start {
    ($first:path) => {
        ::core::arch::global_asm!(
            ".globl _start",
            "_start:",
            "mov x29, #0",
            "mov x30, #0",
            "mov x0, sp",
            "and sp, x0, #-16",
            "bl {first}",
            "brk #1",
            first = sym $first,
        );
    };
}
