// SPDX-License-Identifier: MPL-2.0
//! Virtual terminals: which one the screen shows, and which one has the kernel's messages
//! (ioctl_console(2)).
//!
//! Owns: the two orders to the kernel.
//! Never: changes what a terminal shows.

use linux_raw_sys::general::__NR_ioctl;

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _};
use crate::io;

/// Shows a terminal (`linux/vt.h`).
const VT_ACTIVATE: u32 = 0x5606;
/// Orders of several kinds; which one stands in the first byte (`asm-generic/ioctls.h`).
const TIOCLINUX: u32 = 0x541c;
/// The second byte names the terminal for the kernel's messages (`linux/tiocl.h`).
const TIOCL_SETKMSGREDIRECT: u8 = 11;

/// Shows the terminal with this number, from 1, on the screen. `terminal` is any virtual terminal.
///
/// # Errors
/// The kernel's: `PERM` when the process has neither `terminal` as its controlling terminal nor
/// `CAP_SYS_TTY_CONFIG`, `NOTTY` when it is none, `NXIO` when there is none of that number.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn show(terminal: impl AsFd, number: u8) -> io::Result<()> {
    let terminal = terminal.as_fd().as_raw_fd().cast_unsigned() as usize;
    let number = usize::from(number);
    // SAFETY: the request takes a number and touches no memory of this process.
    unsafe {
        syscall(
            __NR_ioctl,
            [terminal, VT_ACTIVATE as usize, number, NONE, NONE, NONE],
        )
    }
    .map(drop)
}

/// Sends the kernel's messages to the terminal with this number, from 1; 0 is the one that the screen
/// shows. `terminal` is any virtual terminal.
///
/// # Errors
/// The kernel's: `PERM` without `CAP_SYS_ADMIN`, `NOTTY` when `terminal` is no virtual terminal.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn send_kernel_messages_to(terminal: impl AsFd, number: u8) -> io::Result<()> {
    let terminal = terminal.as_fd().as_raw_fd().cast_unsigned() as usize;
    let order = [TIOCL_SETKMSGREDIRECT, number];
    let place = (&raw const order).expose_provenance();
    // SAFETY: for this order the kernel reads the two bytes at `place`, which live until the call
    // returns, and writes nothing.
    unsafe {
        syscall(
            __NR_ioctl,
            [terminal, TIOCLINUX as usize, place, NONE, NONE, NONE],
        )
    }
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{Mode, OFlags};
    use crate::io::Errno;

    #[test]
    fn what_is_no_virtual_terminal_is_refused_by_the_kernel() {
        let null = crate::fs::open(c"/dev/null", OFlags::RDWR, Mode::empty()).unwrap();

        assert_eq!(show(&null, 2), Err(Errno::NOTTY));
        assert_eq!(send_kernel_messages_to(&null, 1), Err(Errno::NOTTY));
    }
}
