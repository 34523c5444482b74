// SPDX-License-Identifier: MPL-2.0
//! Unpacks an archive of a node's files into a folder.
//!
//! Each step goes from an open folder to a name in it and follows no link, so nothing that an
//! archive brings can lead a later member elsewhere.
//!
//! Owns: which members become files, and who may read them.
//! Never: writes outside of the folder, over what is there, or makes a device; never gives others
//! more rights than they have on the node.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use extension::Problem;
use extension::tar::{Archive, Kind, Member};
use flate2::read::GzDecoder;
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, open, openat, symlinkat, unlinkat};
use rustix::io::Errno;

use crate::trouble::Trouble;

/// How many members that are left out are named; the others are counted.
const LEFT_OUT_MAX: usize = 32;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// Unpacks what comes (tar, compressed with gzip) into `into`, which is made if it is not there.
///
/// # Errors
/// The archive is broken or leads out of the folder, something is there already, or cannot be
/// written.
pub(crate) fn unpack(from: impl Read, into: &Path) -> Result<Unpacked, Trouble> {
    std::fs::create_dir_all(into).map_err(|error| Trouble::file("make", into, &error))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(into, flags, Mode::empty())
        .map_err(|errno| Trouble::file("open", into, &errno.into()))?;
    let mut archive = Archive::new(GzDecoder::new(from));
    let mut unpacked = Unpacked::default();
    let mut others: u64 = 0;
    while let Some(member) = archive.next().map_err(|problem| broken(&problem))? {
        if let Some(what) = what_is_left_out(&member) {
            let name = String::from_utf8_lossy(&member.name).into_owned();
            if unpacked.left_out.len() < LEFT_OUT_MAX {
                let line = Problem::new(name, format!("left out: {what}"));
                unpacked.left_out.push(line.to_string());
            } else {
                others = others.saturating_add(1);
            }
            continue;
        }
        put(&root, into, &member, &mut archive)?;
    }
    // The checksum of the whole stands at its end.
    io::copy(&mut archive.into_inner(), &mut io::sink())
        .map_err(|error| broken(&Problem::new("", error.to_string())))?;
    if others > 0 {
        unpacked
            .left_out
            .push(format!("and {others} more left out"));
    }
    Ok(unpacked)
}

fn broken(problem: &Problem) -> Trouble {
    Trouble::new(format!("the archive of the node: {problem}"))
}

fn what_is_left_out(member: &Member) -> Option<&'static str> {
    match member.kind {
        Kind::Special(what) => Some(what),
        Kind::Link(_) => Some("a second name of a file"),
        Kind::File | Kind::Directory | Kind::Symlink(_) => None,
    }
}

fn put<R: Read>(
    root: &OwnedFd,
    into: &Path,
    member: &Member,
    archive: &mut Archive<R>,
) -> Result<(), Trouble> {
    let parts = parts(&member.name)?;
    let path = into.join(
        parts
            .iter()
            .map(|part| OsStr::from_bytes(part))
            .collect::<PathBuf>(),
    );
    let failed = |errno: Errno| {
        if errno == Errno::EXIST {
            let path = path.display();
            Trouble::new(format!("{path} is there already; nothing is written over"))
                .hint("name a folder that is empty or not there")
        } else {
            Trouble::file("write", &path, &errno.into())
        }
    };
    let Some((name, folders)) = parts.split_last() else {
        // The folder itself.
        return Ok(());
    };
    let mut at: Option<OwnedFd> = None;
    for folder in folders {
        at = Some(enter(at.as_ref().unwrap_or(root), folder, 0o755).map_err(failed)?);
    }
    let at = at.as_ref().unwrap_or(root);
    match &member.kind {
        Kind::Directory => enter(at, name, member.mode).map(drop).map_err(failed),
        Kind::Symlink(target) => symlinkat(&target[..], at, *name).map_err(failed),
        Kind::File => {
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // What only its owner reads on the node, only its owner reads here.
            let mode = Mode::from_raw_mode((member.mode & 0o666) | 0o600);
            let file = openat(at, *name, flags, mode).map_err(failed)?;
            let mut content = archive.content(member.len);
            let written = io::copy(&mut content, &mut File::from(file));
            written.map(drop).map_err(|error| {
                // A half is worse than nothing; if it cannot go either, the error says where it is.
                let _ = unlinkat(at, *name, AtFlags::empty());
                Trouble::file("write", &path, &error)
            })
        }
        Kind::Link(_) | Kind::Special(_) => Ok(()),
    }
}

/// Opens a folder in a folder; makes it if it is not there. A link is none.
fn enter(at: &OwnedFd, name: &[u8], mode: u32) -> Result<OwnedFd, Errno> {
    match mkdirat(at, name, Mode::from_raw_mode((mode & 0o777) | 0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty()).map_err(|errno| match errno {
        // Something else has the name.
        Errno::NOTDIR | Errno::LOOP => Errno::EXIST,
        errno => errno,
    })
}

/// The parts of a name, which must stay below the folder.
fn parts(name: &[u8]) -> Result<Vec<&[u8]>, Trouble> {
    let refuse = |what: &str| {
        let shown = String::from_utf8_lossy(name).into_owned();
        broken(&Problem::new(shown, what))
            .hint("what came before it is unpacked; `copy PATH -` writes the archive as it is")
    };
    if name.starts_with(b"/") {
        return Err(refuse("the name is absolute"));
    }
    let parts: Vec<&[u8]> = name
        .split(|byte| *byte == b'/')
        .filter(|part| !matches!(*part, b"" | b"."))
        .collect();
    if parts.contains(&&b".."[..]) {
        return Err(refuse("the name leads out of the folder"));
    }
    Ok(parts)
}
