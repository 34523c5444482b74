// SPDX-License-Identifier: MPL-2.0
//! The file resolv.conf.
//!
//! Owns: replacing it in one step.
//! Never: leaves half a file.

use core::fmt::Write as _;

use sys::fs::{Mode, OFlags};
use sys::io::{self, Errno};
use sys::text::Text;

/// Replaces the file at `path` with `text`.
///
/// # Errors
/// The kernel's; the old file is still there.
pub fn write(path: &str, text: &str) -> io::Result<()> {
    let mut new = Text::<256>::new();
    write!(new, "{path}.new").map_err(|_| Errno::NAMETOOLONG)?;
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = sys::fs::open(new.as_str(), flags, Mode::from_raw_mode(0o644))?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match io::write(&file, rest) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    sys::fs::rename(new.as_str(), path)
}
