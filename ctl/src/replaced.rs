// SPDX-License-Identifier: MPL-2.0
//! Small files that take the place of others.
//!
//! Owns: the way there: in one step, so that a crash leaves the old one or the new one.
//! Never: takes a link or a device for the file: it writes to where they lead.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::beside::{self, Readers};
use crate::trouble::Trouble;

/// How many links lead to a file at most, as in the kernel (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// Whether `path` leads to what is neither a file nor a folder: a device, a pipe. Nothing is lost by
/// writing to it.
pub(crate) fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|what| !what.is_file() && !what.is_dir())
}

/// Replaces a file by one that only its owner can read, or writes to a device.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let written = if is_stream(path) {
        File::options()
            .write(true)
            .open(path)
            .and_then(|mut stream| stream.write_all(bytes))
    } else {
        target(path).and_then(|path| put(&path, bytes))
    };
    written.map_err(|error| Trouble::file("write", path, &error))
}

/// The file that `path` leads to, which need not be there.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            // It is no link, or not there.
            Err(_) => return Ok(path),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    let (new, mut file, _leftover) = beside::create(folder, name, Readers::Owner)?;
    let done = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        // There is nowhere left to say that this failed, too.
        let _ = fs::remove_file(&new);
    }
    done
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn is_link(path: &Path) -> bool {
        fs::symlink_metadata(path).unwrap().is_symlink()
    }

    #[test]
    fn a_file_behind_links_is_replaced_and_the_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("kept")).unwrap();
        fs::write(at("kept/config"), "old").unwrap();
        symlink("kept/config", at("near")).unwrap();
        symlink(at("near"), at("far")).unwrap();
        symlink("kept/new/config", at("dangling")).unwrap();

        replace(&at("far"), b"new").unwrap();
        replace(&at("dangling"), b"first").unwrap();

        assert_eq!(fs::read(at("kept/config")).unwrap(), b"new");
        assert_eq!(fs::read(at("kept/new/config")).unwrap(), b"first");
        assert!(
            ["near", "far", "dangling"]
                .map(at)
                .iter()
                .all(|path| is_link(path))
        );
        let mode = fs::metadata(at("far")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(at("kept")).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_file_is_written_to_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let link = folder.path().join("stdout");
        symlink("pipe", &link).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });

        assert!(is_stream(&link) && !is_stream(folder.path()));
        replace(&link, b"text").unwrap();

        assert_eq!(reader.join().unwrap(), b"text");
        assert!(is_link(&link) && is_stream(&pipe));
    }

    #[test]
    fn folders_and_links_that_lead_nowhere_are_refused_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink(at("b"), at("a")).unwrap();
        symlink(at("a"), at("b")).unwrap();
        fs::create_dir(at("folder")).unwrap();

        for name in ["a", "folder"] {
            let error = replace(&at(name), b"").unwrap_err().to_string();
            assert!(error.contains("cannot write"), "{error}");
        }

        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_link_in_the_place_of_the_new_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("theirs"), "theirs").unwrap();
        let process = std::process::id();
        for name in [format!("config.{process}"), format!(".config.{process}.0")] {
            symlink(at("theirs"), at(&name)).unwrap();
        }

        replace(&at("config"), b"ours").unwrap();

        assert_eq!(fs::read(at("theirs")).unwrap(), b"theirs");
        assert_eq!(fs::read(at("config")).unwrap(), b"ours");
        assert!(!is_link(&at("config")));
    }
}
