// SPDX-License-Identifier: MPL-2.0
//! How large an extension may be.
//!
//! Owns: the limits that stand between a hostile image and memory, disk and time.
//! Never: is asked after the fact; whoever takes something asks first.

use crate::problem::Problem;

/// The most bytes of all files together. The largest extensions that exist are GPU drivers, of some
/// hundred megabytes; a node keeps its layers in memory.
pub const BYTES_MAX: u64 = 2 << 30;
/// The most files, folders and links of all layers. The firmware of Linux has some 4 000.
pub const ENTRIES_MAX: usize = 65_536;
/// The most bytes of names and of targets of links, which are held in memory.
pub(crate) const NAMES_MAX: usize = 16 << 20;
/// The most layers of an image: twice as many as container runtimes make.
pub(crate) const LAYERS_MAX: usize = 256;
/// The longest path and the longest target of a link.
pub(crate) const PATH_MAX: usize = 1024;
/// The longest part of a path: what a file system takes (`NAME_MAX`).
pub(crate) const PART_MAX: usize = 255;
/// The most parts of a path.
pub(crate) const DEPTH_MAX: usize = 64;

/// What may still be taken.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    bytes: u64,
    entries: usize,
    names: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            bytes: BYTES_MAX,
            entries: ENTRIES_MAX,
            names: NAMES_MAX,
        }
    }

    /// Takes an entry and its names.
    pub(crate) fn entry(&mut self, path: &str, link: &str) -> Result<(), Problem> {
        let names = path.len().saturating_add(link.len());
        let (Some(entries), Some(names)) =
            (self.entries.checked_sub(1), self.names.checked_sub(names))
        else {
            return Err(Problem::new(
                path,
                format!("more than {ENTRIES_MAX} entries, or {NAMES_MAX} bytes of names"),
            ));
        };
        self.entries = entries;
        self.names = names;
        Ok(())
    }

    /// Takes the content of a file.
    pub(crate) fn bytes(&mut self, path: &str, len: u64) -> Result<(), Problem> {
        self.bytes = self.bytes.checked_sub(len).ok_or_else(|| {
            Problem::new(path, "the files are more than 2 GiB together with this one")
        })?;
        Ok(())
    }
}
