// SPDX-License-Identifier: MPL-2.0
//! The files of the index, read line by line.
//!
//! Owns: opening them, and never holding more than one line.
//! Never: trusts their size: the longest that is read has a limit.

use core::ffi::CStr;

use sys::fd::{AsFd as _, BorrowedFd, OwnedFd};
use sys::fs::{self, AtFlags, FileType, Mode};
use sys::io::{self, Errno};
use wire::modules::{LINE_MAX, Name};

use super::{READ, number};
use crate::attribute::folder;
use proto::udev::Reason;

/// How much of one file is read. Debian's `modules.alias` of four thousand modules has 1.4 MB.
const FILE_MAX: usize = 16 * 1024 * 1024;

/// The folder of the index.
#[derive(Debug)]
pub(super) struct Index(Option<OwnedFd>);

impl Index {
    /// Opens the folder, if it is there.
    pub(super) fn open(path: &str) -> Self {
        let mut name = heapless::CString::<256>::new();
        if name.extend_from_bytes(path.as_bytes()).is_err() {
            return Self(None);
        }
        Self(folder(&name).ok())
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, file: &CStr) -> bool {
        let Some(folder) = &self.0 else {
            return false;
        };
        fs::statat(folder, file, AtFlags::empty())
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
    }

    /// Opens a module's file. `path` stays below the folder (`wire::modules::Dependencies`).
    pub(super) fn open_file(&self, path: &str) -> io::Result<OwnedFd> {
        let folder = self.0.as_ref().ok_or(Errno::NOENT)?;
        fs::openat(folder, path, READ, Mode::empty())
    }

    /// Whether the module is a part of the kernel.
    pub(super) fn is_built_in(&self, name: &Name) -> Result<bool, Reason> {
        let found = self.find(c"modules.builtin", |line| {
            Name::of_path(line).filter(|of| of == name)
        })?;
        Ok(found.is_some())
    }

    /// Calls `visit` with every line of a file. A file that is not there has none.
    pub(super) fn each(&self, file: &CStr, mut visit: impl FnMut(&str)) -> Result<(), Reason> {
        let none: Option<()> = self.find(file, |line| {
            visit(line);
            None
        })?;
        debug_assert!(none.is_none(), "every line was visited");
        Ok(())
    }

    /// Returns what `look` finds in the first line where it finds something. A file that is not
    /// there has no lines; a line that is too long or no text is none.
    pub(super) fn find<T>(
        &self,
        file: &CStr,
        look: impl FnMut(&str) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        let Some(folder) = &self.0 else {
            return Ok(None);
        };
        let file = match fs::openat(folder, file, READ, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Reason::Index(number(errno))),
        };
        search(file.as_fd(), look).map_err(|errno| Reason::Index(number(errno)))
    }
}

/// Reads a file line by line until `look` finds something.
fn search<T>(
    file: BorrowedFd<'_>,
    mut look: impl FnMut(&str) -> Option<T>,
) -> io::Result<Option<T>> {
    let mut buffer = [0; LINE_MAX];
    let mut filled = 0_usize;
    // The rest of a line that is too long.
    let mut skipping = false;
    let mut read = 0_usize;
    loop {
        let space = buffer.get_mut(filled..).unwrap_or_default();
        let count = io::read(file, space)?;
        read = read.saturating_add(count);
        if read > FILE_MAX {
            return Err(Errno::FBIG);
        }
        filled = filled.saturating_add(count);
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at_checked(end).unwrap_or_default();
            rest = after.get(1..).unwrap_or_default();
            if !core::mem::take(&mut skipping)
                && let Ok(line) = core::str::from_utf8(line)
                && let Some(found) = look(line)
            {
                return Ok(Some(found));
            }
        }
        if count == 0 {
            // The last line of a file that does not end in a newline.
            let last = core::str::from_utf8(rest).unwrap_or_default();
            return Ok(if skipping { None } else { look(last) });
        }
        let kept = rest.len();
        if kept == LINE_MAX {
            skipping = true;
            filled = 0;
        } else {
            let from = filled.saturating_sub(kept);
            buffer.copy_within(from..filled, 0);
            filled = kept;
        }
    }
}
