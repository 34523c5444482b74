// SPDX-License-Identifier: MPL-2.0
//! Lists files: names, sizes, modes, owners, where links point to.
//!
//! Owns: what the API says of a file.
//! Never: leaves out an entry because it cannot be looked at; its error is its row.

use std::ops::ControlFlow;

use api::machine::FileInfo;
use api::machine::list_request::Type;
use sys::fs::FileType;

use super::asked::{self, Asked};
use super::slots::Outlet;
use super::walk::{Found, Obstacle, Visitor, walk};

/// Which kinds of files are told; none named means all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kinds(Vec<Type>);

impl Kinds {
    /// Takes kinds by their numbers on the wire; `None` when one is unknown.
    pub(crate) fn parse(numbers: &[i32]) -> Option<Self> {
        let kinds = numbers.iter().map(|number| Type::try_from(*number).ok());
        kinds.collect::<Option<Vec<Type>>>().map(Self)
    }

    fn has(&self, kind: FileType) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|wanted| match wanted {
                Type::Regular => kind.is_file(),
                Type::Directory => kind.is_dir(),
                Type::Symlink => kind.is_symlink(),
            })
    }
}

/// Lists what is at `asked` and, `levels` deep, below it.
pub(crate) fn list(asked: &Asked, levels: Option<u32>, kinds: &Kinds, out: &Outlet<FileInfo>) {
    let mut lister = Lister { asked, kinds, out };
    if let Err(errno) = walk(&asked.at, asked.base(), levels, &mut lister) {
        out.fail(asked::status("list", &asked.shown, errno));
    }
}

struct Lister<'a> {
    asked: &'a Asked,
    kinds: &'a Kinds,
    out: &'a Outlet<FileInfo>,
}

impl Visitor for Lister<'_> {
    fn found(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        if !self.kinds.has(found.kind()) {
            return self.out.check();
        }
        let stat = found.stat;
        let mut told = FileInfo {
            size: stat.st_size,
            mode: mode(stat.st_mode),
            modified: stat.st_mtime,
            is_dir: found.kind().is_dir(),
            uid: stat.st_uid,
            gid: stat.st_gid,
            ..self.named(found.relative, found.level == 0)
        };
        if found.kind().is_symlink() {
            match found.link() {
                Ok(link) => told.link = link.to_string_lossy().into_owned(),
                Err(errno) => told.error = asked::told("read the link", &told.name, errno),
            }
        }
        self.out.put(told)
    }

    fn left(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn failed(&mut self, relative: &[u8], obstacle: Obstacle) -> ControlFlow<()> {
        let mut told = self.named(relative, relative == b".");
        told.error = format!("cannot list {}: {obstacle}", told.name);
        self.out.put(told)
    }
}

impl Lister<'_> {
    /// The API has names as text; bytes that are none are replaced.
    fn named(&self, relative: &[u8], is_beginning: bool) -> FileInfo {
        let relative_name = String::from_utf8_lossy(relative).into_owned();
        let name = if is_beginning {
            self.asked.shown.clone()
        } else {
            self.asked.below(&relative_name)
        };
        FileInfo {
            name,
            relative_name,
            ..FileInfo::default()
        }
    }
}

/// The mode as the documents have it (inode(7)), and above it the kind and the special bits as Go's
/// `os.FileMode` has them, which is how `talosctl` reads the field. The two share no bit.
fn mode(unix: u32) -> u32 {
    let kind = match FileType::from_raw_mode(unix) {
        FileType::Directory => 1 << 31,
        FileType::Symlink => 1 << 27,
        FileType::BlockDevice => 1 << 26,
        FileType::CharacterDevice => (1 << 26) | (1 << 21),
        FileType::Fifo => 1 << 25,
        FileType::Socket => 1 << 24,
        FileType::RegularFile => 0,
        FileType::Unknown => 1 << 19,
    };
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)]
        .iter()
        .filter(|(bit, _)| unix & bit != 0)
        .fold(0, |bits, (_, go)| bits | go);
    unix | kind | special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_reads_right_as_the_kernels_and_as_gos() {
        for (unix, go) in [
            (0o100_644, 0o644),
            (0o040_755, (1 << 31) | 0o755),
            (0o041_777, (1 << 31) | (1 << 20) | 0o777),
            (0o120_777, (1 << 27) | 0o777),
            (0o104_755, (1 << 23) | 0o755),
            (0o020_600, (1 << 26) | (1 << 21) | 0o600),
        ] {
            let both = mode(unix);
            assert_eq!(both & 0o177_777, unix);
            // Go looks at the kinds and special bits above 18, and at the nine lowest.
            assert_eq!(both & !0o177_000, go, "{unix:o}");
        }
    }

    #[test]
    fn kinds_that_do_not_exist_are_not_guessed() {
        assert!(Kinds::parse(&[0, 1, 2]).is_some());
        assert!(Kinds::parse(&[3]).is_none());
        assert!(Kinds::parse(&[]).unwrap().has(FileType::Socket));
        assert!(!Kinds::parse(&[0]).unwrap().has(FileType::Socket));
    }
}
