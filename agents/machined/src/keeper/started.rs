// SPDX-License-Identifier: MPL-2.0
//! What a service was started with, in a form that says nothing of it.
//!
//! A machined that comes after this one must know whether a service runs with the settings that are
//! in force: those that it was started with may have been on trial, which ended with machined.
//!
//! Owns: that form, and its file in `/run`, which lives as long as init does.
//! Never: shows settings; they may be secret.

use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The longest file: a number, with room.
const FILE_MAX: u64 = 64;

/// Settings, to be told from others. Not a secret of theirs, but a guess could be checked with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(u64);

impl Digest {
    /// That of settings; the same in every machined of one image.
    pub(super) fn of(settings: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        settings.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// The one that was written, if one was.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = crate::files::read_text(path, FILE_MAX).ok()?;
        u64::from_str_radix(&text, 16).ok().map(Self)
    }

    /// Writes it, for root alone.
    ///
    /// # Errors
    /// The kernel's. What was there before is gone: it would be of other settings.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        write!(options.open(path)?, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Content, ExtensionService};
    use crate::testing::Folder;

    fn settings(content: &str) -> Option<ExtensionService> {
        Some(ExtensionService {
            name: "a".to_owned(),
            files: vec![("/etc/a".to_owned(), Content::new(content))],
            environment: Vec::new(),
        })
    }

    #[test]
    fn the_content_of_a_file_counts_and_cannot_be_read_from_what_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let path = folder.path().join("started");
        let digest = Digest::of(&settings("secret"));

        digest.write(&path).unwrap();

        assert_eq!(Digest::read(&path), Some(digest));
        assert_eq!(Digest::of(&settings("secret")), digest);
        assert_ne!(Digest::of(&settings("Secret")), digest);
        assert_ne!(Digest::of(&None::<ExtensionService>), digest);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 16);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_digest_is_none() {
        let folder = Folder::new();
        let path = folder.path().join("started");

        assert_eq!(Digest::read(&path), None);
        for text in ["", "nonsense", "11111111111111111"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Digest::read(&path), None);
        }
    }
}
