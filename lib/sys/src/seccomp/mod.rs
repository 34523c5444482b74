// SPDX-License-Identifier: MPL-2.0
//! System call filters (seccomp(2)): what becomes of each call.
//!
//! Owns: the verdicts, and the installation of a filter.
//! Never: fakes a success, or decides what becomes of which call.

mod program;

use linux_raw_sys::general::__NR_seccomp;

use crate::arch::{NONE, syscall};
use crate::io;
use program::{Instruction, Program};

/// The number of every system call of this architecture, as `__NR_*`.
pub use linux_raw_sys::general as numbers;

/// How many numbers a filter tells apart; no kernel has more calls yet.
pub const NUMBERS_MAX: usize = 512;

/// `SECCOMP_SET_MODE_FILTER`.
const SET_MODE_FILTER: usize = 1;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the kernel.
    Allow,
    /// It fails with EPERM: who asks is not to have it.
    Refuse,
    /// It fails with ENOSYS, as on a kernel without it: who asks has another way.
    Unknown,
    /// It goes to the kernel if its first argument passes, and fails with EPERM otherwise.
    If(Test),
}

/// What the first argument of a call has to be, of which 32 bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// It has none of these bits.
    Without(u32),
    /// It is another number.
    Not(u32),
    /// It is one of these.
    OneOf(&'static [u32]),
}

/// The verdicts on all calls. Calls of another architecture end the process, because their numbers
/// mean other things; so do x32 ones.
#[derive(Debug, Clone)]
pub struct Filter {
    verdicts: [Verdict; NUMBERS_MAX],
    beyond: Verdict,
}

impl Filter {
    /// The same verdict on every call up to the number `last`, and another on later ones.
    #[must_use]
    pub fn new(verdict: Verdict, last: u32, beyond: Verdict) -> Self {
        let mut verdicts = [verdict; NUMBERS_MAX];
        let known = usize::try_from(last).map_or(NUMBERS_MAX, |last| last.saturating_add(1));
        for late in verdicts.iter_mut().skip(known) {
            *late = beyond;
        }
        Self { verdicts, beyond }
    }

    /// Changes the verdict on a call. One with a number beyond [`NUMBERS_MAX`] keeps its own.
    pub fn set(&mut self, number: u32, verdict: Verdict) {
        let place = usize::try_from(number).ok();
        if let Some(place) = place.and_then(|number| self.verdicts.get_mut(number)) {
            *place = verdict;
        }
    }

    /// The verdict on a call.
    #[must_use]
    pub fn get(&self, number: u32) -> Verdict {
        let place = usize::try_from(number).ok();
        let verdict = place.and_then(|number| self.verdicts.get(number));
        verdict.copied().unwrap_or(self.beyond)
    }

    /// Whether it is short enough for [`Filter::install`].
    #[must_use]
    pub fn fits(&self) -> bool {
        Program::of(self).is_some()
    }

    /// Applies the filter to this thread, and to every program it becomes, for good. The thread
    /// must have `no_new_privs`, or `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// `2BIG` for too many different verdicts; otherwise the kernel's.
    #[expect(unsafe_code, reason = "a raw system call")]
    pub fn install(&self) -> io::Result<()> {
        /// What the kernel is given (`struct sock_fprog`).
        #[repr(C)]
        struct Given {
            len: u16,
            instructions: *const Instruction,
        }

        let program = Program::of(self).ok_or(io::Errno::TOOBIG)?;
        let instructions = program.instructions();
        let given = Given {
            len: u16::try_from(instructions.len()).map_err(|_| io::Errno::TOOBIG)?,
            instructions: instructions.as_ptr(),
        };
        let place = (&raw const given).expose_provenance();
        let _ = instructions.as_ptr().expose_provenance();
        // SAFETY: the kernel reads `given` and `len` instructions, which live until the call
        // returns, and checks them. The filter only lets calls fail, which every caller expects,
        // or ends the process.
        unsafe {
            syscall(
                __NR_seccomp,
                [SET_MODE_FILTER, NONE, place, NONE, NONE, NONE],
            )
        }
        .map(drop)
    }
}
