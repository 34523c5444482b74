// SPDX-License-Identifier: MPL-2.0
//! The kernel's log: reading its records, adding a line, and the console's level.
//!
//! Owns: `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg) and syslog(2).
//! Never: parses a record.

use core::fmt::Write as _;

use linux_raw_sys::general::__NR_syslog;

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, OwnedFd};
use crate::fs::{Mode, OFlags, SeekFrom};
use crate::io;
use crate::text::Text;

/// The longest record that `/dev/kmsg` gives (`PRINTK_MESSAGE_MAX` of the kernel), in bytes.
pub const RECORD_MAX: usize = 2048;

/// `SYSLOG_ACTION_CONSOLE_LEVEL` of syslog(2).
const CONSOLE_LEVEL: usize = 8;

/// Opens the kernel's log to read it without waiting, from the oldest record kept.
///
/// # Errors
/// The kernel's: it needs `CAP_SYSLOG` where `dmesg_restrict` is set.
pub fn open() -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = crate::fs::open(c"/dev/kmsg", flags, Mode::empty())?;
    crate::fs::seek(&file, SeekFrom::Start(0))?;
    Ok(file)
}

/// Reads the next record. `None` when there is none yet.
///
/// # Errors
/// `PIPE` when records were lost: the next call goes on with the oldest kept one.
pub fn read_record(log: impl AsFd, buffer: &mut [u8; RECORD_MAX]) -> io::Result<Option<&[u8]>> {
    match io::read(log, &mut buffer[..]) {
        Ok(len) => Ok(Some(buffer.get(..len).unwrap_or_default())),
        Err(io::Errno::AGAIN) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// How urgent a line is; the kernel shows on the console what is more urgent than its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Kept in the log only.
    Debug,
    /// Shown on the console unless the kernel was told to be quiet.
    Notice,
}

/// Adds a line to the kernel's log; without a kernel log nothing happens.
pub fn write<const N: usize>(urgency: Urgency, line: &Text<N>) {
    // Facility daemon (3) times 8, and the level.
    let priority = match urgency {
        Urgency::Debug => 31,
        Urgency::Notice => 29,
    };
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    if let Ok(file) = crate::fs::open(c"/dev/kmsg", flags, Mode::empty()) {
        // The kernel cuts at 1024 bytes.
        let mut record = Text::<900>::new();
        let _ = write!(record, "<{priority}>{line}");
        let _ = io::write(&file, record.as_bytes());
    }
}

/// Sets which records reach the console: those with a level below `level`.
///
/// # Errors
/// The kernel's: it needs `CAP_SYSLOG`.
#[expect(unsafe_code, reason = "a raw system call")]
pub fn set_console_level(level: u8) -> io::Result<()> {
    let arguments = [CONSOLE_LEVEL, NONE, usize::from(level), NONE, NONE, NONE];
    // SAFETY: this action takes a number and reads no memory (syslog(2)).
    unsafe { syscall(__NR_syslog, arguments) }.map(drop)
}
