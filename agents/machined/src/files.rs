// SPDX-License-Identifier: MPL-2.0
//! Files that an image or a service brings along, read whole.
//!
//! Owns: the bounds: only files, only so long, and never waiting for one.
//! Never: takes a file's length for what will be read of it.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sys::fs::OFlags;

/// Reads a text of at most `max` bytes.
///
/// # Errors
/// As [`read_bytes`], or it is not UTF-8.
pub(crate) fn read_text(path: &Path, max: u64) -> io::Result<String> {
    String::from_utf8(read_bytes(path, max)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

/// Reads at most `max` bytes.
///
/// # Errors
/// It is not there, not a file (a pipe would be waited for, a device may never end), or longer.
pub(crate) fn read_bytes(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let reason = format!("longer than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    /// A layer with a pipe named like a description stopped machined at every start.
    #[test]
    fn a_pipe_a_device_and_a_folder_are_not_waited_for() {
        let folder = Folder::new();
        let pipe = folder.path().join("pipe");
        sys::fs::mkfifoat(sys::fs::CWD, &pipe, sys::fs::Mode::from_raw_mode(0o600)).unwrap();

        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            let error = read_text(path, 10).unwrap_err();
            assert_eq!(error.to_string(), "not a file", "{}", path.display());
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = Folder::new();
        let path = folder.path().join("file");
        std::fs::write(&path, "ten bytes!").unwrap();

        assert_eq!(read_text(&path, 10).unwrap(), "ten bytes!");
        let error = read_text(&path, 9).unwrap_err();
        assert_eq!(error.to_string(), "longer than 9 bytes");
    }
}
