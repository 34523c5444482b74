// SPDX-License-Identifier: MPL-2.0
//! Files that stand beside the place that is meant for them, until they are whole.
//!
//! Owns: their names.
//! Never: writes to what somebody else left under such a name.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::leftovers::Leftover;

/// How many names are tried: others may have left theirs.
pub(crate) const TRIES: usize = 16;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Secrets are in it.
    Owner,
    /// Whoever the process lets (`umask(2)`).
    All,
}

impl Readers {
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::All => 0o644,
        }
    }
}

/// Makes a file that was not there, beside `name`: what others left under such a name, or made of it
/// on purpose, is neither written to nor followed.
/// What is returned last is dropped when it is in its place, or gone.
pub(crate) fn create(
    folder: &Path,
    name: &OsStr,
    readers: Readers,
) -> io::Result<(PathBuf, File, Leftover)> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for count in 0..TRIES {
        let mut new = OsString::from(".");
        new.push(name);
        new.push(format!(".{}.{count}", std::process::id()));
        let new = folder.join(new);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(readers.mode())
            .open(&new);
        match file {
            Ok(file) => {
                let leftover = Leftover::path(&new);
                return Ok((new, file, leftover));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}
