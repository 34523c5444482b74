// SPDX-License-Identifier: MPL-2.0
//! The last page: kills what is left, writes everything out, unmounts, and acts.
//!
//! Owns: what happens after the last service.
//! Never: returns.

use core::convert::Infallible;
use core::ffi::CStr;
use core::fmt::Write as _;
use core::time::Duration;

use proto::supervisor::Action;
use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::process::{Signal, WaitOptions, wait};
use sys::signal::{SignalFd, Signals};
use sys::system::RebootCommand;
use sys::text::Text;

use crate::fatal::Fatal;
use crate::{clock, root, say};

/// How long killed processes may take to be gone.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// How much of the list of mounts is looked at at once.
const MOUNTS_MAX: usize = 16 * 1024;
/// How often the list is gone through: mounts in mounts, and lists longer than the buffer.
const ROUNDS_MAX: usize = 8;

/// Ends everything.
///
/// # Errors
/// When the kernel refuses to act.
pub fn end(action: Action) -> Result<Infallible, Fatal> {
    kill_the_rest();
    sys::fs::sync();
    unmount_all();
    sys::fs::sync();
    let (command, word) = match action {
        Action::Reboot => (RebootCommand::Restart, "rebooting"),
        Action::PowerOff => (RebootCommand::PowerOff, "powering off"),
        Action::Halt => (RebootCommand::Halt, "halting"),
    };
    say!("{word}");
    match sys::system::reboot(command) {
        // A halt that returns, or a machine that cannot: nothing runs any more, and PID 1 must
        // not end.
        Ok(()) => loop {
            let _ = poll(&mut [], None);
        },
        Err(errno) => Err(Fatal::during("act on", word)(errno)),
    }
}

/// Kills every process that no service owned, and waits until they are gone: all descend from
/// init, so none is left when init has no child. (kill(2) would find kernel threads for ever.)
fn kill_the_rest() {
    let Ok(signals) = SignalFd::new(Signals::of(&[Signal::CHILD])) else {
        return;
    };
    let deadline = clock::now().saturating_add(LAST_PATIENCE);
    loop {
        let _ = sys::signal::send_to_all(Signal::KILL);
        while signals.read().is_ok_and(|signal| signal.is_some()) {}
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        let left = deadline.saturating_sub(clock::now());
        if left.is_zero() {
            say!("some processes cannot be killed; going on without them");
            return;
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(0),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let _ = poll(&mut [PollFd::new(&signals, PollFlags::IN)], Some(&timeout));
    }
}

/// Unmounts every file system that is on a device, the latest first. What is used by another
/// mount goes in a later round.
fn unmount_all() {
    let mut buffer = [0; MOUNTS_MAX];
    for round in 0..ROUNDS_MAX {
        let Ok(text) = read_mounts(&mut buffer) else {
            return;
        };
        let mut left = false;
        for at in device_mounts(text).rev() {
            if let Err(errno) = unmount(at) {
                left = true;
                if round.saturating_add(1) == ROUNDS_MAX {
                    say!("unmount {at}: {}", sys::errno::name(errno));
                }
            }
        }
        if !left {
            return;
        }
    }
}

/// Reads what is mounted, as far as the buffer goes.
fn read_mounts(buffer: &mut [u8; MOUNTS_MAX]) -> Result<&str, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = sys::fs::open(c"/proc/self/mounts", flags, Mode::empty())?;
    let mut len: usize = 0;
    while let Some(room) = buffer.get_mut(len..).filter(|room| !room.is_empty()) {
        match sys::io::read(&file, room)? {
            0 => break,
            count => len = len.saturating_add(count),
        }
    }
    core::str::from_utf8(buffer.get(..len).unwrap_or_default()).map_err(|_| Errno::ILSEQ)
}

/// Where file systems on devices are mounted, the root left out, as `/proc/self/mounts` spells it.
fn device_mounts(mounts: &str) -> impl DoubleEndedIterator<Item = &str> {
    mounts.lines().filter_map(|line| {
        let (device, rest) = line.split_once(' ')?;
        let (at, _) = rest.split_once(' ')?;
        (device.starts_with("/dev/") && at != "/").then_some(at)
    })
}

/// Unmounts at a path in which the kernel has written blanks and backslashes as octal numbers.
fn unmount(at: &str) -> Result<(), Errno> {
    let mut path = Text::<1024>::new();
    let mut rest = at;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        let (digits, after) = escaped.split_at_checked(3).ok_or(Errno::INVAL)?;
        let byte = u8::from_str_radix(digits, 8).map_err(|_| Errno::INVAL)?;
        let _ = write!(path, "{plain}{}", char::from(byte));
        rest = after;
    }
    let _ = write!(path, "{rest}\0");
    let path = CStr::from_bytes_until_nul(path.as_bytes()).map_err(|_| Errno::NAMETOOLONG)?;
    root::unmount(path)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::device_mounts;

    #[test]
    fn only_devices_besides_the_root_are_unmounted() {
        let mounts = "/dev/loop0 / squashfs ro 0 0\nproc /proc proc rw 0 0\n\
                      /dev/vda5 /system/state xfs rw 0 0\n/dev/vda6 /var xfs rw 0 0\nbroken\n";

        let all: Vec<_> = device_mounts(mounts).collect();

        assert_eq!(all, ["/system/state", "/var"]);
    }
}
