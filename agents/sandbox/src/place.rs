// SPDX-License-Identifier: MPL-2.0
//! Paths inside a root that is not the root yet.
//!
//! Owns: finding a path as the service will see it, and making what is missing of it.
//! Never: follows a link out of that root.

use sys::fd::{AsFd as _, BorrowedFd, OwnedFd};
use sys::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use sys::io::Errno;

/// What is made where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Like {
    /// A folder.
    Folder,
    /// An empty file.
    File,
}

impl Like {
    /// What a mount can be attached to that is like what `source` is open on.
    pub(crate) fn of(source: &OwnedFd) -> Result<Self, Errno> {
        let about = sys::fs::statat(source, c"", AtFlags::EMPTY_PATH)?;
        if FileType::from_raw_mode(about.st_mode).is_dir() {
            Ok(Self::Folder)
        } else {
            Ok(Self::File)
        }
    }
}

const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);

/// How often a path is looked up. Where one leads upwards the kernel gives up as soon as anything
/// is renamed or mounted anywhere meanwhile (openat2(2), EAGAIN). Somebody who does nothing else
/// all the time spoils every second try.
const LOOKUPS_MAX: usize = 128;

/// Opens what is at `path` inside `root`, only to name it.
pub(crate) fn find(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    (0..LOOKUPS_MAX)
        .map(|_| sys::fs::openat2(root, path, flags, Mode::empty(), inside))
        .find(|found| !matches!(found, Err(Errno::AGAIN)))
        .unwrap_or(Err(Errno::AGAIN))
}

/// Opens what is at `path` inside `root`; what is missing is made.
pub(crate) fn make(root: BorrowedFd<'_>, path: &str, like: Like) -> Result<OwnedFd, Errno> {
    match find(root, path) {
        Err(Errno::NOENT) => {}
        found => return found,
    }
    let mut folder: Option<OwnedFd> = None;
    let mut parts = parts(path).peekable();
    while let Some((name, so_far)) = parts.next() {
        let next = match find(root, so_far) {
            Err(Errno::NOENT) => {
                let parent = folder.as_ref().map_or(root, |folder| folder.as_fd());
                if parts.peek().is_none() && like == Like::File {
                    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                    sys::fs::openat(parent, name, flags, FILE_MODE)?;
                } else {
                    sys::fs::mkdirat(parent, name, FOLDER_MODE)?;
                }
                find(root, so_far)?
            }
            found => found?,
        };
        folder = Some(next);
    }
    folder.ok_or(Errno::INVAL)
}

/// Makes a folder of the node with those above it.
pub(crate) fn make_folder(path: &str) -> Result<(), Errno> {
    for (_, so_far) in parts(path) {
        match sys::fs::mkdirat(CWD, so_far, FOLDER_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            // A folder that is there can be on a read-only file system.
            Err(errno @ Errno::ROFS) => {
                sys::fs::statat(CWD, so_far, AtFlags::empty()).map_err(|_| errno)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The names of a path, each with the path up to it.
fn parts(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    let mut begin = 0;
    ends.filter_map(move |end| {
        let name = path.get(begin..end)?;
        begin = end.saturating_add(1);
        let so_far = path.get(..end)?;
        (!name.is_empty() && name != ".").then_some((name, so_far))
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::parts;

    #[test]
    fn a_path_has_its_names_with_the_way_to_them() {
        for (path, expected) in [
            ("/a/b", [("a", "/a"), ("b", "/a/b")].as_slice()),
            ("//a/./b/", &[("a", "//a"), ("b", "//a/./b")]),
            ("/", &[]),
            ("", &[]),
        ] {
            assert_eq!(parts(path).collect::<Vec<_>>(), expected, "{path}");
        }
    }
}
