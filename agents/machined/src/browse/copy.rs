// SPDX-License-Identifier: MPL-2.0
//! Packs a file or a folder for a client: a tar archive, compressed with gzip, made as it is sent.
//!
//! Owns: what goes into the archive, and the account of what could not.
//! Never: opens a device or a pipe, or lets a file that changes meanwhile break the archive.

use std::io::{self, Write};
use std::ops::ControlFlow;

use api::common::{Data, Metadata};
use flate2::Compression;
use flate2::write::GzEncoder;
use sys::fs::{FileType, fstat, major, minor};
use sys::io::Errno;

use super::asked::{self, Asked};
use super::read::PIECE;
use super::slots::Outlet;
use super::tar::{BLOCK, Kind, Member, padding};
use super::walk::{Found, Obstacle, Visitor, walk};

/// How many troubles are told with their reason; the others are counted.
const TROUBLES_MAX: usize = 32;

/// Packs what is at `asked`. The troubles on the way come last, as the error of a piece without
/// bytes; the archive before it is whole but for them.
pub(crate) fn copy(asked: &Asked, out: &Outlet<Data>) {
    let pieces = Pieces {
        out,
        held: Vec::new(),
    };
    let mut packer = Packer {
        asked,
        out: GzEncoder::new(pieces, Compression::fast()),
        buffer: vec![0; PIECE],
        is_one: false,
        troubles: Vec::new(),
        others: 0,
    };
    if let Err(errno) = walk(&asked.at, asked.base(), None, &mut packer) {
        out.fail(asked::status("copy", &asked.shown, errno));
        return;
    }
    // An error is the client's end, which there is nobody to tell of.
    let _gone = packer.finish();
}

/// What the archive becomes: pieces for the client.
struct Pieces<'a> {
    out: &'a Outlet<Data>,
    held: Vec<u8>,
}

impl Pieces<'_> {
    fn send(&mut self) -> io::Result<()> {
        let piece = Data {
            metadata: None,
            bytes: std::mem::take(&mut self.held),
        };
        match self.out.put(piece) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE.saturating_sub(self.held.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.held.extend_from_slice(taken);
        if self.held.len() >= PIECE {
            self.send()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Packer<'a> {
    asked: &'a Asked,
    out: GzEncoder<Pieces<'a>>,
    buffer: Vec<u8>,
    /// Whether the beginning is no folder.
    is_one: bool,
    troubles: Vec<String>,
    others: u64,
}

impl Visitor for Packer<'_> {
    fn found(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        // The folder that was asked for is where it is unpacked to.
        if found.level == 0 && found.kind().is_dir() {
            return ControlFlow::Continue(());
        }
        self.is_one = found.level == 0;
        match self.pack(found) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_client_is_gone) => ControlFlow::Break(()),
        }
    }

    fn left(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn failed(&mut self, relative: &[u8], obstacle: Obstacle) -> ControlFlow<()> {
        self.note(relative, &obstacle.to_string());
        ControlFlow::Continue(())
    }
}

impl Packer<'_> {
    /// Packs one entry. An error is one of sending.
    fn pack(&mut self, found: &Found<'_>) -> io::Result<()> {
        let kind = match found.kind() {
            FileType::RegularFile => return self.pack_file(found),
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::CharacterDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Pipe,
            // An archive has no form for them; tar(1) leaves them out too.
            FileType::Socket | FileType::Unknown => return Ok(()),
        };
        let mut name = found.relative.to_vec();
        if kind == Kind::Folder {
            name.push(b'/');
        }
        let mut link = Vec::new();
        if kind == Kind::Symlink {
            match found.link() {
                Ok(target) => link = target.into_bytes(),
                Err(errno) => {
                    self.note(found.relative, &io::Error::from(errno).to_string());
                    return Ok(());
                }
            }
        }
        let device = match kind {
            Kind::CharacterDevice | Kind::BlockDevice => {
                (major(found.stat.st_rdev), minor(found.stat.st_rdev))
            }
            Kind::File | Kind::Folder | Kind::Symlink | Kind::Pipe => (0, 0),
        };
        let member = Member {
            name: &name,
            kind,
            link: &link,
            device,
            ..member(found)
        };
        self.out.write_all(&member.blocks())
    }

    fn pack_file(&mut self, found: &Found<'_>) -> io::Result<()> {
        let opened = found
            .open()
            .and_then(|file| file.map_err(|_other| Errno::AGAIN))
            .and_then(|file| Ok((fstat(&file)?, file)));
        let (stat, file) = match opened {
            Ok(opened) => opened,
            Err(errno) => {
                self.note(found.relative, &io::Error::from(errno).to_string());
                return Ok(());
            }
        };
        let len = u64::try_from(stat.st_size).unwrap_or(0);
        let member = Member {
            len,
            ..member(found)
        };
        self.out.write_all(&member.blocks())?;
        // As long as the header says, whatever becomes of the file meanwhile.
        let mut left = len;
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let buffer = self.buffer.get_mut(..room).unwrap_or_default();
            let trouble = match sys::io::read(&file, buffer) {
                Err(Errno::INTR) => continue,
                Ok(0) => "it became shorter while it was copied".to_owned(),
                Ok(count) => {
                    let bytes = self.buffer.get(..count).unwrap_or_default();
                    self.out.write_all(bytes)?;
                    left = left.saturating_sub(count as u64);
                    continue;
                }
                Err(errno) => io::Error::from(errno).to_string(),
            };
            self.note(
                found.relative,
                &format!("{trouble}; zeros stand for the rest"),
            );
            io::copy(&mut io::Read::take(io::repeat(0), left), &mut self.out)?;
            left = 0;
        }
        let zeros = vec![0; padding(len)];
        self.out.write_all(&zeros)
    }

    fn note(&mut self, relative: &[u8], what: &str) {
        if self.troubles.len() >= TROUBLES_MAX {
            self.others = self.others.saturating_add(1);
            return;
        }
        let path = if self.is_one || relative == b"." {
            self.asked.shown.clone()
        } else {
            self.asked.below(&String::from_utf8_lossy(relative))
        };
        self.troubles.push(format!("cannot copy {path}: {what}"));
    }

    fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        let mut pieces = self.out.finish()?;
        if !pieces.held.is_empty() {
            pieces.send()?;
        }
        if self.troubles.is_empty() {
            return Ok(());
        }
        let mut error = self.troubles.join("; ");
        if self.others > 0 {
            error.push_str(&format!("; and {} more", self.others));
        }
        let last = Data {
            metadata: Some(Metadata {
                error,
                ..Metadata::default()
            }),
            bytes: Vec::new(),
        };
        // The client may have what it wanted.
        let _gone = pieces.out.put(last);
        Ok(())
    }
}

/// What every member has from its file. The name of what is no folder at the beginning is its own.
fn member<'a>(found: &Found<'a>) -> Member<'a> {
    Member {
        name: found.relative,
        kind: Kind::File,
        link: b"",
        mode: found.stat.st_mode,
        uid: found.stat.st_uid,
        gid: found.stat.st_gid,
        len: 0,
        modified: found.stat.st_mtime,
        device: (0, 0),
    }
}
