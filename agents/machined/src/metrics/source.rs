// SPDX-License-Identifier: MPL-2.0
//! The files of the kernel that metrics come from.
//!
//! Owns: reading them, with limits.
//! Never: reads a file that is not the kernel's.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::Failure;
use crate::places::Places;

/// The longest file that is read: the interrupts of a machine with many processors.
const FILE_MAX: u64 = 1024 * 1024;
/// The most entries of a folder that are looked at.
const NAMES_MAX: usize = 1024;

/// A node's files.
#[derive(Debug, Clone)]
pub(crate) struct Source(Places);

impl Source {
    pub(super) fn of(places: &Places) -> Self {
        Self(places.clone())
    }

    /// Reads a file.
    pub(super) fn read(&self, path: &str) -> Result<String, Failure> {
        self.read_if_there(path)?.ok_or(Failure::Missing)
    }

    /// Reads a file that need not be there.
    pub(super) fn read_if_there(&self, path: &str) -> Result<Option<String>, Failure> {
        let file = match std::fs::File::open(self.0.at(path)) {
            Ok(file) => file,
            // EOPNOTSUPP: pressure that was switched off on the command line.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {
                return Ok(None);
            }
            Err(_) => return Err(Failure::Read),
        };
        let mut bytes = Vec::new();
        match file.take(FILE_MAX).read_to_end(&mut bytes) {
            Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
            Err(_) => Err(Failure::Read),
        }
    }

    /// Reads a file that holds one number.
    pub(super) fn number(&self, path: &str) -> Result<Option<i64>, Failure> {
        match self.read_if_there(path)? {
            None => Ok(None),
            Some(text) => text.trim().parse().map(Some).map_err(|_| Failure::Form),
        }
    }

    /// The name of the folder that a path leads to behind all links, and that of the one it is in.
    pub(super) fn behind(&self, path: &str) -> Option<(String, String)> {
        let real = std::fs::canonicalize(self.0.at(path)).ok()?;
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let parent = real.parent().and_then(name).unwrap_or_default();
        Some((name(&real)?, parent))
    }

    /// The names in a folder, in order; none when it is not there.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, Failure> {
        let entries = match std::fs::read_dir(self.0.at(path)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(_) => return Err(Failure::Read),
        };
        let names = entries.take(NAMES_MAX).filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_str().map(str::to_owned)
        });
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        Ok(names)
    }
}
