// SPDX-License-Identifier: MPL-2.0
//! Files that are large: written beside their place, and put there when they are whole.
//!
//! Owns: room, and the name until then.
//! Never: leaves a half of something, or begins what the disk cannot hold.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::beside::{self, Readers};
use crate::leftovers::Leftover;
use crate::trouble::Trouble;
use crate::units;

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Written {
    path: PathBuf,
    new: PathBuf,
    is_whole: bool,
    _leftover: Leftover,
}

impl Written {
    /// Begins a file that takes `size_max` at most; returns it open.
    pub(crate) fn begin(
        path: &Path,
        size_max: u64,
        readers: Readers,
    ) -> Result<(Self, File), Trouble> {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            Some(_) | None => Path::new("."),
        };
        let name = path
            .file_name()
            .ok_or_else(|| Trouble::new(format!("{} is not the name of a file", path.display())))?;
        if path.is_dir() {
            return Err(Trouble::new(format!("{} is a folder", path.display())));
        }
        check_room(folder, size_max)?;
        let (new, file, leftover) = beside::create(folder, name, readers)
            .map_err(|error| Trouble::file("write", path, &error))?;
        let written = Self {
            path: path.to_owned(),
            _leftover: leftover,
            new,
            is_whole: false,
        };
        Ok((written, file))
    }

    /// Puts it in its place.
    pub(crate) fn finish(mut self, file: &File) -> Result<(), Trouble> {
        file.sync_all()
            .and_then(|()| fs::rename(&self.new, &self.path))
            .map_err(|error| Trouble::file("write", &self.path, &error))?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.is_whole {
            // There is nowhere left to say that this failed.
            let _ = fs::remove_file(&self.new);
        }
    }
}

/// Refuses what a disk cannot hold, before anything is written.
pub(crate) fn check_room(folder: &Path, wanted: u64) -> Result<(), Trouble> {
    let disk = rustix::fs::statvfs(folder)
        .map_err(|error| Trouble::file("look at", folder, &error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if wanted > free {
        return Err(Trouble::new(format!(
            "up to {} are wanted in {}, and {} are free",
            units::size(wanted),
            folder.display(),
            units::size(free)
        ))
        .hint("nothing is written; make room, or name another place with --output or TMPDIR"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Written, check_room};
    use crate::beside::{Readers, TRIES};
    use std::path::Path;

    #[test]
    fn sysx_09_what_does_not_fit_is_refused_before_it_is_written() {
        let error = check_room(Path::new("/"), u64::MAX)
            .unwrap_err()
            .to_string();

        assert!(error.contains("are wanted in /, and"), "{error}");
        assert!(check_room(Path::new("/"), 0).is_ok());
    }

    #[test]
    fn a_link_in_the_place_of_the_file_until_it_is_whole_is_not_followed() {
        let name = format!("ichorctl-written-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let victim = folder.join("victim");
        std::fs::write(&victim, "theirs").unwrap();
        let trap = |count: usize| folder.join(format!(".new.{}.{count}", std::process::id()));
        std::os::unix::fs::symlink(&victim, trap(0)).unwrap();

        let (written, file) = Written::begin(&folder.join("new"), 0, Readers::All).unwrap();
        written.finish(&file).unwrap();
        for count in 1..TRIES {
            std::fs::write(trap(count), "theirs").unwrap();
        }
        let full = Written::begin(&folder.join("new"), 0, Readers::All);

        assert_eq!(std::fs::read(&victim).unwrap(), b"theirs");
        assert_eq!(std::fs::read(folder.join("new")).unwrap(), b"");
        assert!(full.unwrap_err().to_string().contains("exists"));
        assert_eq!(std::fs::read(trap(1)).unwrap(), b"theirs");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
