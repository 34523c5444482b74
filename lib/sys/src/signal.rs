// SPDX-License-Identifier: MPL-2.0
//! Signals as something to read: blocked, and taken from a descriptor.
//!
//! Owns: the signal mask, dispositions, and signalfd.
//! Never: installs code that the kernel would call.

use linux_raw_sys::general::{
    __NR_kill, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_signalfd4, O_CLOEXEC, O_NONBLOCK,
    SIG_SETMASK,
};

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};
use crate::io::{self, Errno};
pub use crate::process::Signal;

/// The size of the kernel's signal set, in bytes.
const SET_SIZE: usize = size_of::<u64>();
/// How many signals there are.
const COUNT: i32 = 64;

/// A set of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signals(u64);

impl Signals {
    /// No signal.
    pub const NONE: Self = Self(0);

    /// These signals.
    #[must_use]
    pub fn of(signals: &[Signal]) -> Self {
        let bit = |signal: &Signal| match signal.as_raw() {
            number @ 1..=COUNT => 1_u64.wrapping_shl(number.wrapping_sub(1).cast_unsigned()),
            _ => 0,
        };
        Self(signals.iter().map(bit).fold(0, |all, one| all | one))
    }
}

/// Blocks exactly `signals` in this thread.
///
/// # Errors
/// None that the kernel documents for this use.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn block_only(signals: Signals) -> io::Result<()> {
    let set = (&raw const signals.0).expose_provenance();
    let arguments = [SIG_SETMASK as usize, set, NONE, SET_SIZE, NONE, NONE];
    // SAFETY: the kernel reads eight bytes at `set`, which lives until the call returns, and is
    // given no place to write to. A blocked signal changes no memory.
    unsafe { syscall(__NR_rt_sigprocmask, arguments) }.map(drop)
}

/// A disposition without code: the kernel's `struct sigaction`, whose layout is the same on both
/// architectures.
#[repr(C)]
struct Disposition {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// `SIG_DFL`.
const DEFAULT: usize = 0;
/// `SIG_IGN`.
const IGNORE: usize = 1;

/// Sets the disposition of one signal to one that runs no code.
#[expect(unsafe_code, reason = "a raw system call")]
fn dispose(number: i32, handler: usize) -> io::Result<()> {
    let disposition = Disposition {
        handler,
        flags: 0,
        restorer: 0,
        mask: 0,
    };
    let new = (&raw const disposition).expose_provenance();
    let arguments = [
        number.cast_unsigned() as usize,
        new,
        NONE,
        SET_SIZE,
        NONE,
        NONE,
    ];
    // SAFETY: the kernel reads one `struct sigaction` at `new`, which lives until the call
    // returns. Callers pass SIG_DFL or SIG_IGN only, so no code is ever called.
    unsafe { syscall(__NR_rt_sigaction, arguments) }.map(drop)
}

/// Ignores `signal`.
///
/// # Errors
/// `INVAL` for SIGKILL and SIGSTOP.
pub fn ignore(signal: Signal) -> io::Result<()> {
    dispose(signal.as_raw(), IGNORE)
}

/// Gives every signal its default disposition and blocks none: what a new program expects.
///
/// # Errors
/// None that the kernel documents for this use.
pub fn reset_all() -> io::Result<()> {
    for number in 1..=COUNT {
        match dispose(number, DEFAULT) {
            // SIGKILL and SIGSTOP cannot be anything else.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(errno) => return Err(errno),
        }
    }
    block_only(Signals::NONE)
}

/// Sends `signal` to every process but this one and those it may not signal.
///
/// # Errors
/// `SRCH` when there is none.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn send_to_all(signal: Signal) -> io::Result<()> {
    let number = signal.as_raw().cast_unsigned() as usize;
    // SAFETY: kill takes two numbers; -1 leaves out the caller (kill(2)).
    unsafe { syscall(__NR_kill, [usize::MAX, number, NONE, NONE, NONE, NONE]) }.map(drop)
}

/// The size of `struct signalfd_siginfo` and where its fields are (signalfd(2)).
const RECORD_LEN: usize = 128;
const SIGNO: usize = 0;
const PID: usize = 12;
const UID: usize = 16;

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub signal: u32,
    /// The process that sent it, or that ended; 0 for the kernel.
    pub pid: u32,
    /// That process's user.
    pub uid: u32,
}

/// Signals to be read; they must be blocked.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Opens a descriptor that is readable when one of `signals` is pending.
    ///
    /// # Errors
    /// The kernel's, for lack of descriptors or memory.
    #[expect(unsafe_code, reason = "a raw system call")]
    pub fn new(signals: Signals) -> io::Result<Self> {
        let set = (&raw const signals.0).expose_provenance();
        // SFD_CLOEXEC and SFD_NONBLOCK are these (signalfd(2)).
        let flags = (O_CLOEXEC | O_NONBLOCK) as usize;
        // SAFETY: the kernel reads eight bytes at `set`, which lives until the call returns; -1
        // asks for a new descriptor.
        let fd = unsafe {
            syscall(
                __NR_signalfd4,
                [usize::MAX, set, SET_SIZE, flags, NONE, NONE],
            )
        }?;
        let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
        // SAFETY: the kernel has just made this descriptor and nobody else knows its number.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next pending signal; `None` when there is none.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self) -> io::Result<Option<Received>> {
        let mut record = [0_u8; RECORD_LEN];
        match io::read(&self.0, &mut record[..]) {
            Ok(RECORD_LEN) => {}
            Ok(_) | Err(Errno::AGAIN) => return Ok(None),
            Err(errno) => return Err(errno),
        }
        let word = |index: usize| {
            let bytes = record.get(index..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
        };
        Ok(Some(Received {
            signal: word(SIGNO),
            pid: word(PID),
            uid: word(UID),
        }))
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
