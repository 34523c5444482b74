// SPDX-License-Identifier: MPL-2.0
//! The files of the STATE volume: the configuration, the one before it, and the one to come.
//!
//! Each is there whole or not at all, whenever the power goes, and what a power cut leaves behind
//! is read as: nothing was done yet, or all of it.
//!
//! | file | what it is |
//! |---|---|
//! | `config.yaml` | the configuration that the node keeps |
//! | `config.previous.yaml` | the one before it |
//! | `config.staged.yaml` | becomes the configuration at the next start of the machine |
//! | `config.trial.yaml` | is tried from the next start on; its first line says for how long |
//! | `config.tried.yaml` | is on trial, or was when the machine lost its power |
//!
//! Owns: their names, their order on disk, and what a leftover means.
//! Never: knows what a configuration says.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::places::Places;

/// What the first line of a configuration that is to be tried says, before the seconds.
const WITHIN: &str = "# ichor: goes back unless it is confirmed within seconds: ";

/// What the next start of the machine is to begin with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// This configuration, for good.
    Staged(Vec<u8>),
    /// This configuration, unless nobody confirms it in time.
    Trial(Vec<u8>, Duration),
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Staged(_) => f.write_str("Staged(******)"),
            Self::Trial(_, within) => write!(f, "Trial(******, {within:?})"),
        }
    }
}

/// Stores the configuration that an operator gave, and keeps the one before it. What was to come at
/// the next start is forgotten: this is newer.
///
/// # Errors
/// The file system's.
pub(crate) fn store(places: &Places, source: &[u8]) -> io::Result<()> {
    forget_next(places)?;
    save(places, source)
}

/// Makes a configuration the stored one, and keeps the one before it.
///
/// # Errors
/// The file system's.
pub(crate) fn save(places: &Places, source: &[u8]) -> io::Result<()> {
    let path = places.configuration();
    let present = read(&path)?;
    if present.as_deref() == Some(source) {
        return Ok(());
    }
    if let Some(present) = present {
        write_whole(&places.previous_configuration(), &present)?;
    }
    write_whole(&path, source)
}

/// Reads the stored configuration; nothing when there is none.
///
/// # Errors
/// The file system's.
pub(crate) fn stored(places: &Places) -> io::Result<Option<Vec<u8>>> {
    read(&places.configuration())
}

/// Says what the next start of the machine is to begin with, in place of what was said before.
///
/// # Errors
/// The file system's.
pub(crate) fn set_next(places: &Places, next: &Next) -> io::Result<()> {
    forget_next(places)?;
    match next {
        Next::Staged(source) => write_whole(&places.staged_configuration(), source),
        Next::Trial(source, within) => {
            let mut text = format!("{WITHIN}{}\n", within.as_secs()).into_bytes();
            text.extend_from_slice(source);
            write_whole(&places.trial_configuration(), &text)
        }
    }
}

/// Takes back what the next start was to begin with.
///
/// # Errors
/// The file system's.
pub(crate) fn forget_next(places: &Places) -> io::Result<()> {
    remove(&places.staged_configuration())?;
    remove(&places.trial_configuration())
}

/// Says what this start of the machine is to begin with, if anything was said.
///
/// # Errors
/// The file system's, or the file of a trial is not one of ours.
pub(crate) fn next(places: &Places) -> io::Result<Option<Next>> {
    if let Some(source) = read(&places.staged_configuration())? {
        return Ok(Some(Next::Staged(source)));
    }
    let Some(text) = read(&places.trial_configuration())? else {
        return Ok(None);
    };
    let (within, source) = trial(&text).ok_or_else(|| {
        let reason = "config.trial.yaml does not say how long it may be tried";
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })?;
    Ok(Some(Next::Trial(source.to_vec(), within)))
}

/// Splits the file of a trial into its time and the configuration.
fn trial(text: &[u8]) -> Option<(Duration, &[u8])> {
    let text = text.strip_prefix(WITHIN.as_bytes())?;
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (seconds, source) = text.split_at_checked(end)?;
    let seconds = str::from_utf8(seconds).ok()?.parse().ok()?;
    Some((Duration::from_secs(seconds), source.get(1..)?))
}

/// Makes the staged configuration the stored one.
///
/// # Errors
/// The file system's. There is the one or the other then, and what was staged still is.
pub(crate) fn take_staged(places: &Places) -> io::Result<()> {
    let path = places.configuration();
    if let Some(present) = read(&path)? {
        write_whole(&places.previous_configuration(), &present)?;
    }
    std::fs::rename(places.staged_configuration(), &path)?;
    sync_folder(&path)
}

/// Notes that the trial has begun: whatever ends the machine from now on ends the trial too.
///
/// # Errors
/// The file system's.
pub(crate) fn begin_trial(places: &Places) -> io::Result<()> {
    let path = places.tried_configuration();
    std::fs::rename(places.trial_configuration(), &path)?;
    sync_folder(&path)
}

/// Notes that no trial goes on.
///
/// # Errors
/// The file system's.
pub(crate) fn end_trial(places: &Places) -> io::Result<()> {
    remove(&places.tried_configuration())
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(source) => Ok(Some(source)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file for good, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_folder(of: &Path) -> io::Result<()> {
    std::fs::File::open(of.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Writes a file that only root reads, so that it is there whole or not at all.
///
/// # Errors
/// The file system's.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    let new = path.with_extension("new");
    // A leftover of a crash may have other rights.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::Folder;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_stored_configuration_keeps_its_predecessor_and_only_root_reads_it() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        assert_eq!(stored(&places).unwrap(), None);

        store(&places, b"one").unwrap();
        store(&places, b"two").unwrap();
        store(&places, b"two").unwrap();

        assert_eq!(stored(&places).unwrap().unwrap(), b"two");
        let previous = std::fs::read(places.previous_configuration()).unwrap();
        assert_eq!(previous, b"one");
        set_next(&places, &Next::Staged(b"three".to_vec())).unwrap();
        for path in [
            places.configuration(),
            places.previous_configuration(),
            places.staged_configuration(),
        ] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_leftover_of_a_crash_is_no_obstacle() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        store(&places, b"one").unwrap();
        std::fs::write(places.configuration().with_extension("new"), b"half").unwrap();

        store(&places, b"two").unwrap();

        assert_eq!(stored(&places).unwrap().unwrap(), b"two");
    }

    #[test]
    fn what_comes_next_is_what_was_said_last_and_comes_back_byte_for_byte() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        store(&places, b"one").unwrap();
        assert_eq!(next(&places).unwrap(), None);

        for said in [
            Next::Staged(b"two".to_vec()),
            Next::Trial(b"# mine\n\nthree\n".to_vec(), MINUTE),
            Next::Trial(Vec::new(), MINUTE),
            Next::Staged(b"four".to_vec()),
        ] {
            set_next(&places, &said).unwrap();
            assert_eq!(next(&places).unwrap(), Some(said));
            assert_eq!(stored(&places).unwrap().unwrap(), b"one");
        }
    }

    #[test]
    fn a_configuration_that_is_stored_takes_back_what_was_to_come() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        for said in [
            Next::Staged(b"two".to_vec()),
            Next::Trial(b"two".to_vec(), MINUTE),
        ] {
            set_next(&places, &said).unwrap();
            store(&places, b"one").unwrap();
            assert_eq!(next(&places).unwrap(), None);
        }
    }

    #[test]
    fn a_staged_configuration_becomes_the_stored_one_and_the_old_one_is_kept() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        save(&places, b"one").unwrap();
        set_next(&places, &Next::Staged(b"two".to_vec())).unwrap();

        take_staged(&places).unwrap();

        assert_eq!(stored(&places).unwrap().unwrap(), b"two");
        assert_eq!(next(&places).unwrap(), None);
        let previous = std::fs::read(places.previous_configuration()).unwrap();
        assert_eq!(previous, b"one");
    }

    #[test]
    fn a_trial_begins_once() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        set_next(&places, &Next::Trial(b"two".to_vec(), MINUTE)).unwrap();

        begin_trial(&places).unwrap();

        assert_eq!(next(&places).unwrap(), None);
        assert!(places.tried_configuration().exists());
        for _ in 0..2 {
            end_trial(&places).unwrap();
            assert!(!places.tried_configuration().exists());
        }
    }

    #[test]
    fn a_file_of_a_trial_that_is_not_ours_is_an_error() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        for text in [
            "",
            "version: v1alpha1\n",
            WITHIN,
            &format!("{WITHIN}60"),
            &format!("{WITHIN}-1\nx"),
            &format!("{WITHIN}1m\nx"),
            &format!("{WITHIN}99999999999999999999\nx"),
        ] {
            write_whole(&places.trial_configuration(), text.as_bytes()).unwrap();
            assert!(next(&places).is_err(), "{text:?}");
        }
    }
}
