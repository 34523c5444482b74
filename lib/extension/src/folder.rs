// SPDX-License-Identifier: MPL-2.0
//! An extension as a folder, as its author has it.
//!
//! Owns: what of a file system counts: names, links, contents, and whether a file is a program.
//! Never: follows a link, or takes over who owns a file on the author's machine.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::files::{Kind, Node, WHITEOUT};
use crate::layer::Builder;
use crate::path;
use crate::problem::Problem;

/// `O_NOFOLLOW` and `O_NONBLOCK`, the same on the architectures that we are built for but for the
/// first on Arm: a file that became a link or a pipe meanwhile must not lead elsewhere or hang.
#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
const NOFOLLOW: i32 = 0o400_000 | 0o4000;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const NOFOLLOW: i32 = 0o100_000 | 0o4000;

/// Reads all that is in a folder.
pub(crate) fn read(builder: &mut Builder, folder: &Path) -> Result<(), Problem> {
    let mut waiting = vec![String::new()];
    while let Some(at) = waiting.pop() {
        let here = folder.join(&at);
        let cannot =
            |error: &std::io::Error| Problem::new(at.clone(), format!("cannot read: {error}"));
        for entry in fs::read_dir(&here).map_err(|error| cannot(&error))? {
            let entry = entry.map_err(|error| cannot(&error))?;
            let name = entry.file_name();
            let name = path::clean(name.as_encoded_bytes())?;
            let is_whiteout = name.starts_with(WHITEOUT);
            let inner = if at.is_empty() {
                name
            } else {
                path::clean(format!("{at}/{name}").as_bytes())?
            };
            if is_whiteout {
                // As a layer of an image it would vanish, and take another file with it.
                let what = "names that begin with .wh. stand for what is removed";
                return Err(Problem::new(inner, what));
            }
            let metadata = fs::symlink_metadata(entry.path()).map_err(|error| cannot(&error))?;
            let kind = kind(builder, &inner, &entry.path(), &metadata)?;
            if kind == Kind::Directory {
                waiting.push(inner.clone());
            }
            let node = Node {
                mode: mode(&kind, metadata.mode()),
                kind,
                uid: 0,
                gid: 0,
            };
            builder.files.0.insert(inner, node);
        }
    }
    Ok(())
}

fn kind(
    builder: &mut Builder,
    at: &str,
    path: &Path,
    metadata: &Metadata,
) -> Result<Kind, Problem> {
    let cannot = |error: &std::io::Error| Problem::new(at, format!("cannot read: {error}"));
    let file_type = metadata.file_type();
    if file_type.is_symlink() {
        let target = fs::read_link(path).map_err(|error| cannot(&error))?;
        let target = target
            .into_os_string()
            .into_string()
            .map_err(|_| Problem::new(at, "the target of the link is not text"))?;
        builder.budget.entry(at, &target)?;
        return Ok(Kind::Symlink(target));
    }
    builder.budget.entry(at, "")?;
    if file_type.is_dir() {
        return Ok(Kind::Directory);
    }
    if !file_type.is_file() {
        return Err(Problem::new(
            at,
            "a device, pipe or socket cannot be in an extension",
        ));
    }
    let mut file = File::options()
        .read(true)
        .custom_flags(NOFOLLOW)
        .open(path)
        .map_err(|error| cannot(&error))?;
    let len = file.metadata().map_err(|error| cannot(&error))?.len();
    builder.budget.bytes(at, len)?;
    let content = builder
        .spool
        .add(&mut file, len)
        .map_err(|error| cannot(&error))?;
    Ok(Kind::File { content, len })
}

/// The rights that a file gets: what the author's umask made of them does not count.
fn mode(kind: &Kind, mode: u32) -> u32 {
    match kind {
        Kind::Symlink(_) => 0o777,
        Kind::Directory => 0o755,
        Kind::File { .. } if mode & 0o111 != 0 => 0o755 | (mode & 0o6000),
        Kind::File { .. } => 0o644 | (mode & 0o6000),
    }
}
