// SPDX-License-Identifier: MPL-2.0
//! What must not be left behind by a process that ends in the middle of something.
//!
//! Owns: the list of what is there for a while: files, folders, a terminal that is drawn on.
//! Never: touches what its owner has put away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What is there now, each with its number.
static LEFTOVERS: Mutex<Vec<(u64, Kind)>> = Mutex::new(Vec::new());

/// What is to be done about something that is left.
#[derive(Debug, Clone)]
enum Kind {
    /// A file or a folder goes, with everything in it.
    Path(PathBuf),
    /// The terminal becomes as it was.
    Terminal,
}

/// Something that is there for a while. When it is dropped, its owner has put it away.
#[derive(Debug)]
pub(crate) struct Leftover(u64);

impl Leftover {
    /// A file or a folder.
    pub(crate) fn path(path: &Path) -> Self {
        Self::note(Kind::Path(path.to_owned()))
    }

    /// A terminal that is drawn on.
    pub(crate) fn terminal() -> Self {
        Self::note(Kind::Terminal)
    }

    fn note(kind: Kind) -> Self {
        let mut all = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = all.iter().map(|(number, _)| *number).max();
        let number = number.map_or(0, |number| number.saturating_add(1));
        all.push((number, kind));
        Self(number)
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut all = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(number, _)| *number != self.0);
    }
}

/// Puts away everything that is left, because the process ends here.
pub(crate) fn put_away() {
    let all = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
    for (_, kind) in all.iter() {
        match kind {
            // There is nobody left to tell that this failed.
            Kind::Path(path) if path.is_dir() => drop(fs::remove_dir_all(path)),
            Kind::Path(path) => drop(fs::remove_file(path)),
            Kind::Terminal => ratatui::restore(),
        }
    }
}
