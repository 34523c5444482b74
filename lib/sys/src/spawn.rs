// SPDX-License-Identifier: MPL-2.0
//! Making processes and becoming another program.
//!
//! Owns: clone3(2) into a cgroup, the child's descriptors, execve(2).
//! Never: shares memory between parent and child.

use core::ffi::{CStr, c_char};

use linux_raw_sys::general::{
    __NR_clone3, __NR_close_range, __NR_dup3, __NR_execve, CLONE_INTO_CGROUP, CLONE_PIDFD, SIGCHLD,
    clone_args,
};

use crate::arch::{NONE, syscall};
use crate::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use crate::io::{self, Errno};
use crate::process::Pid;
use crate::thread::UnshareFlags;

/// `CLOSE_RANGE_CLOEXEC` (close_range(2)): mark, do not close.
const MARK_CLOSE_ON_EXEC: usize = 4;

/// Descriptors from here on are nobody's fixed number: [`raise`] puts there what will be passed.
const FREE_NUMBERS: RawFd = 64;

/// A process that was made.
#[derive(Debug)]
pub struct Spawned {
    /// Its number; it stays its own until its end was waited for.
    pub pid: Pid,
    /// Refers to it whatever its number; readable when it has ended.
    pub pidfd: OwnedFd,
}

/// Where a child begins its life.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// Its control group, opened; `None` for its parent's.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The namespaces that are made for it.
    pub namespaces: UnshareFlags,
}

impl Placement<'_> {
    /// Where its parent is.
    pub const BESIDE: Self = Self {
        cgroup: None,
        namespaces: UnshareFlags::empty(),
    };
}

/// Moves a descriptor above the fixed numbers, so that giving it to a child under such a number
/// never overwrites another one that the child is to get too.
///
/// # Errors
/// The kernel's, for lack of descriptors.
pub fn raise(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() >= FREE_NUMBERS {
        return Ok(descriptor);
    }
    io::fcntl_dupfd_cloexec(&descriptor, FREE_NUMBERS)
}

/// Makes a child process, placed as `placement` says, which gets each of `descriptors` under the
/// number beside it (not close-on-exec), runs `child`, and ends with its result. Each descriptor
/// must have been [`raise`]d. `failed` runs in the child instead when one cannot be placed.
///
/// # Errors
/// The kernel's: `AGAIN` at a limit of processes, `BUSY` or `OPNOTSUPP` for the cgroup.
#[expect(unsafe_code, reason = "raw system calls")]
pub fn spawn(
    placement: Placement<'_>,
    descriptors: &[(BorrowedFd<'_>, RawFd)],
    child: impl FnOnce() -> u8,
    failed: impl FnOnce(Errno) -> u8,
) -> io::Result<Spawned> {
    let mut pidfd: RawFd = -1;
    // SAFETY: all fields are integers, for which zero bytes are valid.
    let mut arguments: clone_args = unsafe { core::mem::zeroed() };
    arguments.flags = u64::from(CLONE_PIDFD) | u64::from(placement.namespaces.bits());
    arguments.pidfd = (&raw mut pidfd).expose_provenance() as u64;
    arguments.exit_signal = u64::from(SIGCHLD);
    if let Some(cgroup) = placement.cgroup {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    }
    let place = (&raw const arguments).expose_provenance();
    let size = size_of::<clone_args>();
    // SAFETY: the kernel reads `size` bytes at `place` and writes one descriptor to `pidfd`; both
    // live until the call returns. Without CLONE_VM the child gets a copy of all memory, this
    // stack included, and goes on here alone: that is fork(2). A lock that another thread held
    // stays locked in the child, which can make it wait but not unsound.
    let pid = unsafe { syscall(__NR_clone3, [place, size, NONE, NONE, NONE, NONE]) }?;
    if pid == 0 {
        let code = match give(descriptors) {
            Ok(()) => child(),
            Err(errno) => failed(errno),
        };
        crate::start::exit(code);
    }
    // SAFETY: clone3 has just made this descriptor and nobody else knows its number.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(Errno::SRCH)?;
    Ok(Spawned { pid, pidfd })
}

/// In the child: puts each descriptor under its number.
#[expect(unsafe_code, reason = "a raw system call")]
fn give(descriptors: &[(BorrowedFd<'_>, RawFd)]) -> io::Result<()> {
    for (descriptor, number) in descriptors {
        if descriptor.as_raw_fd() < FREE_NUMBERS || !(0..FREE_NUMBERS).contains(number) {
            return Err(Errno::INVAL);
        }
        let from = descriptor.as_raw_fd().cast_unsigned() as usize;
        let to = number.cast_unsigned() as usize;
        // SAFETY: what has number `to` here is a copy of the parent's descriptor, whose owner in
        // this process is never run again: the child goes on to exec or to its end.
        unsafe { syscall(__NR_dup3, [from, to, NONE, NONE, NONE, NONE]) }?;
    }
    Ok(())
}

/// Marks every descriptor from `first` on close-on-exec: the next program gets none of them.
///
/// # Errors
/// None that the kernel documents for this use.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    let first = first.max(0).cast_unsigned() as usize;
    let last = u32::MAX as usize;
    // SAFETY: nothing is closed and no memory is touched; only a flag is set.
    unsafe {
        syscall(
            __NR_close_range,
            [first, last, MARK_CLOSE_ON_EXEC, NONE, NONE, NONE],
        )
    }
    .map(drop)
}

/// Moves this thread, the only one, into new namespaces.
///
/// # Errors
/// The kernel's; `INVAL` for `FILES`, which would give this thread descriptors of its own.
#[expect(unsafe_code, reason = "passes on an unsafe function")]
pub fn unshare(flags: UnshareFlags) -> io::Result<()> {
    if flags.contains(UnshareFlags::FILES) {
        return Err(Errno::INVAL);
    }
    // SAFETY: what can go wrong is that a descriptor is valid in one thread and not in another;
    // that takes FILES, which was refused.
    unsafe { crate::thread::unshare_unsafe(flags) }
}

/// Strings for execve: at most `N` of them, `B` bytes with their NULs.
#[derive(Debug, Clone)]
pub struct Strings<const N: usize, const B: usize> {
    bytes: [u8; B],
    len: usize,
    starts: [usize; N],
    count: usize,
}

impl<const N: usize, const B: usize> Default for Strings<N, B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const B: usize> Strings<N, B> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; B],
            len: 0,
            starts: [0; N],
            count: 0,
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// `2BIG` when it does not fit, `INVAL` when it holds a NUL.
    pub fn push(&mut self, text: &str) -> io::Result<()> {
        if text.contains('\0') {
            return Err(Errno::INVAL);
        }
        let end = self.len.saturating_add(text.len());
        // One byte more, for its NUL, which is there already: the buffer begins as zeros and only
        // grows.
        let room = self.bytes.get_mut(self.len..=end).ok_or(Errno::TOOBIG)?;
        let start = self.starts.get_mut(self.count).ok_or(Errno::TOOBIG)?;
        if let Some(room) = room.get_mut(..text.len()) {
            room.copy_from_slice(text.as_bytes());
        }
        *start = self.len;
        self.len = end.saturating_add(1);
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The string at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&CStr> {
        if index >= self.count {
            return None;
        }
        let from = self.bytes.get(*self.starts.get(index)?..)?;
        CStr::from_bytes_until_nul(from).ok()
    }

    /// Pointers to all of them, then NULL. `None` when there is no room for the NULL.
    fn pointers(&self) -> Option<[*const c_char; N]> {
        let mut pointers = [core::ptr::null(); N];
        if self.count >= N {
            return None;
        }
        for (index, pointer) in pointers.iter_mut().enumerate() {
            *pointer = self.get(index).map_or(core::ptr::null(), CStr::as_ptr);
        }
        Some(pointers)
    }
}

/// Becomes the program at `path`. Returns only when it cannot.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn exec<const A: usize, const AB: usize, const E: usize, const EB: usize>(
    path: &CStr,
    arguments: &Strings<A, AB>,
    environment: &Strings<E, EB>,
) -> Errno {
    let (Some(argv), Some(envp)) = (arguments.pointers(), environment.pointers()) else {
        return Errno::TOOBIG;
    };
    let call = [
        path.as_ptr().expose_provenance(),
        argv.as_ptr().expose_provenance(),
        envp.as_ptr().expose_provenance(),
        NONE,
        NONE,
        NONE,
    ];
    // SAFETY: `path` ends in NUL; both arrays end in NULL, because `pointers` refuses full ones,
    // and their strings, which end in NUL, are borrowed until the call returns. On success the
    // kernel drops this image whole, so nothing is left dangling.
    match unsafe { syscall(__NR_execve, call) } {
        Err(errno) => errno,
        // It does not return otherwise.
        Ok(_) => Errno::NOSYS,
    }
}

#[cfg(test)]
mod tests {
    use super::Strings;
    use crate::io::Errno;

    #[test]
    fn strings_come_back_in_order() {
        let mut strings = Strings::<4, 16>::new();
        strings.push("a").unwrap();
        strings.push("").unwrap();
        strings.push("bc").unwrap();

        assert_eq!(strings.get(0), Some(c"a"));
        assert_eq!(strings.get(1), Some(c""));
        assert_eq!(strings.get(2), Some(c"bc"));
        assert_eq!(strings.get(3), None);
    }

    #[test]
    fn strings_that_do_not_fit_or_hold_a_nul_are_refused() {
        let mut strings = Strings::<4, 6>::new();

        assert_eq!(strings.push("a\0b"), Err(Errno::INVAL));
        assert_eq!(strings.push("abcdef"), Err(Errno::TOOBIG));
        assert_eq!(strings.push("abcde"), Ok(()));
        assert_eq!(strings.push(""), Err(Errno::TOOBIG));
    }

    #[test]
    fn a_full_list_is_not_passed_to_the_kernel() {
        let mut strings = Strings::<1, 16>::new();
        strings.push("a").unwrap();

        assert!(strings.pointers().is_none());
    }
}
