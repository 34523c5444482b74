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
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::files::read_bytes;
use crate::places::Places;

/// The longest file, in bytes: a configuration, and a line in front of it.
const FILE_MAX: u64 = config::MAX_BYTES as u64 + 256;
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

/// A change of one file that a power cut leaves done or not begun.
#[derive(Clone, PartialEq, Eq)]
enum Step {
    /// The file has this content.
    Write(PathBuf, Vec<u8>),
    /// The first has the name of the second.
    Rename(PathBuf, PathBuf),
    /// There is no such file.
    Remove(PathBuf),
}

/// Makes changes in their order. What a power cut leaves is the first of them, any number.
fn carry_out(steps: &[Step]) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Write(path, content) => write_whole(path, content)?,
            Step::Rename(from, to) => {
                std::fs::rename(from, to)?;
                sync_folder(to)?;
            }
            Step::Remove(path) => remove(path)?,
        }
    }
    Ok(())
}

/// Stores the configuration that an operator gave, and keeps the one before it. What was to come at
/// the next start is forgotten: this is newer.
///
/// # Errors
/// The file system's.
pub(crate) fn store(places: &Places, source: &[u8]) -> io::Result<()> {
    carry_out(&storing(places, stored(places)?, source))
}

fn storing(places: &Places, present: Option<Vec<u8>>, source: &[u8]) -> Vec<Step> {
    let mut steps = forgetting(places);
    steps.extend(saving(places, present, source));
    steps
}

/// Makes a configuration the stored one, and keeps the one before it.
///
/// # Errors
/// The file system's.
pub(crate) fn save(places: &Places, source: &[u8]) -> io::Result<()> {
    carry_out(&saving(places, stored(places)?, source))
}

fn saving(places: &Places, present: Option<Vec<u8>>, source: &[u8]) -> Vec<Step> {
    if present.as_deref() == Some(source) {
        return Vec::new();
    }
    let new = Step::Write(places.configuration(), source.to_vec());
    keeping(places, present).chain([new]).collect()
}

/// Keeps the present configuration as the previous one.
fn keeping(places: &Places, present: Option<Vec<u8>>) -> impl Iterator<Item = Step> {
    let path = places.previous_configuration();
    present
        .map(|present| Step::Write(path, present))
        .into_iter()
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
    carry_out(&leaving(places, next))
}

fn leaving(places: &Places, next: &Next) -> Vec<Step> {
    let mut steps = forgetting(places);
    steps.push(match next {
        Next::Staged(source) => Step::Write(places.staged_configuration(), source.clone()),
        Next::Trial(source, within) => {
            let mut text = format!("{WITHIN}{}\n", within.as_secs()).into_bytes();
            text.extend_from_slice(source);
            Step::Write(places.trial_configuration(), text)
        }
    });
    steps
}

/// Takes back what the next start was to begin with.
///
/// # Errors
/// The file system's.
pub(crate) fn forget_next(places: &Places) -> io::Result<()> {
    carry_out(&forgetting(places))
}

fn forgetting(places: &Places) -> Vec<Step> {
    // The staged one first: it is the one that counts when both are there.
    vec![
        Step::Remove(places.staged_configuration()),
        Step::Remove(places.trial_configuration()),
    ]
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
    carry_out(&taking(places, stored(places)?))
}

fn taking(places: &Places, present: Option<Vec<u8>>) -> Vec<Step> {
    let new = Step::Rename(places.staged_configuration(), places.configuration());
    keeping(places, present).chain([new]).collect()
}

/// Notes that the trial has begun: whatever ends the machine from now on ends the trial too.
///
/// # Errors
/// The file system's.
pub(crate) fn begin_trial(places: &Places) -> io::Result<()> {
    carry_out(&[Step::Rename(
        places.trial_configuration(),
        places.tried_configuration(),
    )])
}

/// Notes that no trial goes on.
///
/// # Errors
/// The file system's.
pub(crate) fn end_trial(places: &Places) -> io::Result<()> {
    remove(&places.tried_configuration())
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_bytes(path, FILE_MAX) {
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

    /// A file without an end on the partition stopped machined at every start.
    #[test]
    fn what_is_longer_than_any_configuration_is_not_read() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        store(&places, &vec![b'#'; config::MAX_BYTES]).unwrap();
        assert!(stored(&places).unwrap().is_some());

        let file = std::fs::File::options()
            .write(true)
            .open(places.configuration());
        file.unwrap().set_len(1 << 40).unwrap();

        let error = stored(&places).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
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

    /// What a start of the machine finds: what was left to it, and what is stored.
    fn found(places: &Places) -> (Option<Next>, Option<Vec<u8>>) {
        (next(places).unwrap(), stored(places).unwrap())
    }

    /// The steps of a change.
    type Case<'a> = &'a dyn Fn(&Places) -> Vec<Step>;

    /// A node that has `one`, with `left` to the next start.
    fn prepared(left: Option<&Next>) -> (Folder, Places) {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        save(&places, b"one").unwrap();
        if let Some(left) = left {
            set_next(&places, left).unwrap();
        }
        (folder, places)
    }

    #[test]
    fn a_power_cut_between_any_two_steps_leaves_what_was_or_what_is_to_be() {
        let staged = Next::Staged(b"two".to_vec());
        let trial = Next::Trial(b"three".to_vec(), MINUTE);
        let present = Some(b"one".to_vec());
        for left in [None, Some(&staged), Some(&trial)] {
            let cases: [Case<'_>; 5] = [
                &|places| storing(places, present.clone(), b"four"),
                &|places| saving(places, present.clone(), b"four"),
                &|places| leaving(places, &staged),
                &|places| leaving(places, &trial),
                &|places| forgetting(places),
            ];
            for (number, steps) in cases.iter().enumerate() {
                let (_folder, places) = prepared(left);
                let before = found(&places);
                carry_out(&steps(&places)).unwrap();
                let after = found(&places);
                for cut in 0..=steps(&places).len() {
                    let (_folder, places) = prepared(left);
                    carry_out(&steps(&places)[..cut]).unwrap();

                    let now = found(&places);

                    // Or the old one, with what was left taken back: nobody was told otherwise yet.
                    let taken_back = (None, present.clone());
                    let allowed = [&before, &after, &taken_back];
                    assert!(allowed.contains(&&now), "case {number} cut {cut}: {now:?}");
                }
            }
        }
    }

    #[test]
    fn a_power_cut_while_a_staged_configuration_is_taken_leaves_it_staged_or_stored() {
        let staged = Next::Staged(b"two".to_vec());
        let present = Some(b"one".to_vec());
        for cut in 0..=2 {
            let (_folder, places) = prepared(Some(&staged));

            carry_out(&taking(&places, present.clone())[..cut]).unwrap();

            let expected = match cut {
                2 => (None, Some(b"two".to_vec())),
                _ => (Some(staged.clone()), present.clone()),
            };
            assert_eq!(found(&places), expected, "cut {cut}");
        }
    }
}
