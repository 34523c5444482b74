// SPDX-License-Identifier: MPL-2.0
//! The walk through a folder and what is below it.
//!
//! Each step goes from an open folder to a name in it and follows no link, so nobody who changes
//! folders meanwhile can lead it elsewhere. Names come in their order as long as few are to be
//! remembered for that; a folder of very many comes as the file system has it.
//!
//! Owns: the order, the depth, and what is held on the way.
//! Never: opens anything but folders by itself, or stops because one entry cannot be looked at.

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use sys::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use sys::io::Errno;

use super::read::open_file;

/// How many folders deep it goes: each is a descriptor. Roots of images have 30.
pub(crate) const LEVELS_MAX: usize = 64;
/// How much of names is remembered to put them in order.
const SORTED_MAX: usize = 256 * 1024;
/// What remembering a name takes besides its bytes.
const NAME_COST: usize = 32;

/// A link is looked at itself, and nothing is mounted for being looked at.
const ITSELF: AtFlags = AtFlags::SYMLINK_NOFOLLOW.union(AtFlags::NO_AUTOMOUNT);

/// Something that is there.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    at: BorrowedFd<'a>,
    name: &'a CStr,
    /// Its path from where the walk began; `.` for that folder itself.
    pub relative: &'a [u8],
    /// How many folders below the beginning: 0 is the beginning itself.
    pub level: u32,
    /// What the kernel knows of it.
    pub stat: &'a Stat,
}

impl Found<'_> {
    /// What kind of thing it is.
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Opens it if it is a file, and is one still.
    ///
    /// # Errors
    /// It is gone, or the node may not read it.
    pub(crate) fn open(&self) -> Result<Result<OwnedFd, FileType>, Errno> {
        open_file(self.at, self.name, OFlags::NOFOLLOW)
    }

    /// Reads where a link points to.
    ///
    /// # Errors
    /// It is no link any more.
    pub(crate) fn link(&self) -> Result<CString, Errno> {
        readlinkat(self.at, self.name, Vec::new())
    }
}

/// Why something could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// What the kernel says.
    Kernel(Errno),
    /// It is [`LEVELS_MAX`] folders down.
    TooDeep,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(errno) => write!(f, "{}", io::Error::from(*errno)),
            Self::TooDeep => write!(f, "more than {LEVELS_MAX} folders deep"),
        }
    }
}

/// Whom the walk tells what it finds. Whoever breaks ends it.
pub(crate) trait Visitor {
    /// Something is there. A folder comes before what is in it.
    fn found(&mut self, found: &Found<'_>) -> ControlFlow<()>;
    /// Everything in the folder that was found last and not left yet has been told.
    fn left(&mut self) -> ControlFlow<()>;
    /// Something could not be looked at, or, if it was found before, not into.
    fn failed(&mut self, relative: &[u8], obstacle: Obstacle) -> ControlFlow<()>;
}

/// Walks from `start`, `levels` folders deep at most; without a number as deep as it goes. `base`
/// is what something that is no folder is called.
///
/// # Errors
/// There is nothing at `start`, or it cannot be reached.
pub(crate) fn walk(
    start: &CStr,
    base: &str,
    levels: Option<u32>,
    visitor: &mut impl Visitor,
) -> Result<(), Errno> {
    let stat = statat(CWD, start, ITSELF)?;
    let root = Found {
        at: CWD,
        name: start,
        relative: base.as_bytes(),
        level: 0,
        stat: &stat,
    };
    // Whether it broke is known to the visitor, which broke it.
    let _ended = if root.kind().is_dir() {
        let root = Found {
            relative: b".",
            ..root
        };
        descend(&root, levels, visitor)
    } else {
        visitor.found(&root)
    };
    Ok(())
}

fn descend(root: &Found<'_>, levels: Option<u32>, visitor: &mut impl Visitor) -> ControlFlow<()> {
    visitor.found(root)?;
    let mut room = SORTED_MAX;
    let mut open: Vec<Level> = Vec::new();
    match Level::open(root.at, root.name, 0, &mut room) {
        Ok(level) => open.push(level),
        Err(errno) => {
            visitor.failed(root.relative, Obstacle::Kernel(errno))?;
            return visitor.left();
        }
    }
    let mut path: Vec<u8> = Vec::new();
    while let Some(level) = open.last_mut() {
        path.truncate(level.path_len);
        let name = match level.next() {
            Some(Ok(name)) => name,
            Some(Err(errno)) => {
                let relative = if path.is_empty() { b"." } else { &path[..] };
                visitor.failed(relative, Obstacle::Kernel(errno))?;
                continue;
            }
            None => {
                room = room.saturating_add(level.held);
                let _done = open.pop();
                visitor.left()?;
                continue;
            }
        };
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        let stat = match statat(&level.folder, &name, ITSELF) {
            Ok(stat) => stat,
            Err(errno) => {
                visitor.failed(&path, Obstacle::Kernel(errno))?;
                continue;
            }
        };
        let depth = u32::try_from(open.len()).unwrap_or(u32::MAX);
        // Borrowed again: `open.len()` was wanted in between.
        let Some(level) = open.last() else { break };
        let found = Found {
            at: level.folder.as_fd(),
            name: &name,
            relative: &path,
            level: depth,
            stat: &stat,
        };
        visitor.found(&found)?;
        if !found.kind().is_dir() {
            continue;
        }
        let is_wanted = levels.is_none_or(|levels| depth < levels);
        match is_wanted.then(|| below(&open, &name, path.len(), &mut room)) {
            Some(Ok(level)) => open.push(level),
            Some(Err(obstacle)) => {
                visitor.failed(&path, obstacle)?;
                visitor.left()?;
            }
            None => visitor.left()?,
        }
    }
    ControlFlow::Continue(())
}

/// Opens a folder that is in the last one of those that are open.
fn below(
    open: &[Level],
    name: &CStr,
    path_len: usize,
    room: &mut usize,
) -> Result<Level, Obstacle> {
    match open.last() {
        Some(level) if open.len() < LEVELS_MAX => {
            Level::open(level.folder.as_fd(), name, path_len, room).map_err(Obstacle::Kernel)
        }
        Some(_) | None => Err(Obstacle::TooDeep),
    }
}

/// A folder that the walk is in.
#[derive(Debug)]
struct Level {
    folder: OwnedFd,
    /// Names that were read, the next one first.
    names: std::vec::IntoIter<CString>,
    /// Where the others come from, if not all were read.
    rest: Option<Dir>,
    /// What ended the reading.
    error: Option<Errno>,
    /// What the names take of what may be remembered.
    held: usize,
    /// How long the folder's own path is.
    path_len: usize,
}

impl Level {
    fn open(
        at: BorrowedFd<'_>,
        name: &CStr,
        path_len: usize,
        room: &mut usize,
    ) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(at, name, flags, Mode::empty())?;
        let mut dir = Dir::read_from(&folder)?;
        let (mut names, mut held, mut error) = (Vec::new(), 0_usize, None);
        let is_all = loop {
            match next_name(&mut dir) {
                None => break true,
                Some(Err(errno)) => {
                    error = Some(errno);
                    break true;
                }
                Some(Ok(name)) => {
                    let cost = name.as_bytes().len().saturating_add(NAME_COST);
                    names.push(name);
                    match room.checked_sub(cost) {
                        Some(left) => *room = left,
                        None => break false,
                    }
                    held = held.saturating_add(cost);
                }
            }
        };
        if is_all {
            names.sort_unstable();
        }
        Ok(Self {
            folder,
            names: names.into_iter(),
            rest: (!is_all).then_some(dir),
            error,
            held,
            path_len,
        })
    }

    fn next(&mut self) -> Option<Result<CString, Errno>> {
        if let Some(name) = self.names.next() {
            return Some(Ok(name));
        }
        if let Some(errno) = self.error.take() {
            return Some(Err(errno));
        }
        next_name(self.rest.as_mut()?)
    }
}

fn next_name(dir: &mut Dir) -> Option<Result<CString, Errno>> {
    loop {
        match dir.read()? {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            Ok(entry) => return Some(Ok(entry.file_name().to_owned())),
            Err(errno) => return Some(Err(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use super::*;
    use crate::testing::Folder;

    /// Writes down what it is told.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Visitor for Told {
        fn found(&mut self, found: &Found<'_>) -> ControlFlow<()> {
            let relative = String::from_utf8_lossy(found.relative);
            self.0.push(format!("{} {relative}", found.level));
            ControlFlow::Continue(())
        }
        fn left(&mut self) -> ControlFlow<()> {
            self.0.push("left".to_owned());
            ControlFlow::Continue(())
        }
        fn failed(&mut self, relative: &[u8], obstacle: Obstacle) -> ControlFlow<()> {
            let relative = String::from_utf8_lossy(relative);
            self.0.push(format!("{relative}: {obstacle}"));
            ControlFlow::Continue(())
        }
    }

    fn tell(path: &Path, levels: Option<u32>) -> Vec<String> {
        let start = CString::new(path.as_os_str().as_bytes()).unwrap();
        let mut told = Told::default();
        walk(&start, "base", levels, &mut told).unwrap();
        told.0
    }

    #[test]
    fn a_folder_comes_before_what_is_in_it_and_names_in_their_order() {
        let folder = Folder::new();
        std::fs::create_dir_all(folder.path().join("b/c")).unwrap();
        std::fs::write(folder.path().join("b/c/d"), "").unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();

        assert_eq!(
            tell(folder.path(), None),
            [
                "0 .", "1 a", "1 b", "2 b/c", "3 b/c/d", "left", "left", "left"
            ]
        );
        assert_eq!(
            tell(folder.path(), Some(1)),
            ["0 .", "1 a", "1 b", "left", "left"]
        );
        assert_eq!(tell(&folder.path().join("a"), None), ["0 base"]);
    }

    #[test]
    fn links_are_found_and_not_followed_and_a_circle_of_them_ends() {
        let folder = Folder::new();
        std::os::unix::fs::symlink(".", folder.path().join("circle")).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("out")).unwrap();

        let told = tell(folder.path(), None);
        let behind = tell(&folder.path().join("circle/"), Some(1));
        let itself = tell(&folder.path().join("out"), None);

        assert_eq!(told, ["0 .", "1 circle", "1 out", "left"]);
        assert_eq!(behind, told);
        assert_eq!(itself, ["0 base"]);
    }

    #[test]
    fn deeper_than_descriptors_are_for_is_said_and_not_gone_into() {
        let folder = Folder::new();
        let deep = "d/".repeat(LEVELS_MAX + 3);
        std::fs::create_dir_all(folder.path().join(deep)).unwrap();

        let told = tell(folder.path(), None);

        let failed: Vec<&String> = told.iter().filter(|line| line.contains(": ")).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].ends_with(": more than 64 folders deep"));
        assert_eq!(told.iter().filter(|line| *line == "left").count(), 65);
    }

    #[test]
    fn a_folder_of_very_many_is_told_whole_without_being_remembered() {
        let folder = Folder::new();
        let name = "n".repeat(200);
        for number in 0..2_000 {
            std::fs::write(folder.path().join(format!("{name}{number}")), "").unwrap();
        }

        let told = tell(folder.path(), None);

        assert_eq!(told.len(), 2_002);
        let start = CString::new(folder.path().as_os_str().as_bytes()).unwrap();
        let mut room = SORTED_MAX;
        let level = Level::open(CWD, &start, 0, &mut room).unwrap();
        assert!(level.rest.is_some());
        assert!(level.names.len() < 1_200, "{}", level.names.len());
    }

    #[test]
    fn what_is_not_there_is_an_error_of_the_whole() {
        let folder = Folder::new();
        let start = CString::new(folder.path().join("no").as_os_str().as_bytes()).unwrap();

        let failed = walk(&start, "no", None, &mut Told::default());

        assert_eq!(failed, Err(Errno::NOENT));
    }
}
