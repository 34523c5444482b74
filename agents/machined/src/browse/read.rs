// SPDX-License-Identifier: MPL-2.0
//! Reads one file for a client, piece by piece.
//!
//! Owns: which files are read, and where the end is of one that has none.
//! Never: opens a device or a pipe: opening one may already do something, or wait.

use std::ffi::CStr;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use api::common::Data;
use sys::fs::{CWD, FileType, Mode, OFlags, fstat, open, openat};
use sys::io::Errno;
use tonic::Status;

use super::asked::{self, Asked};
use super::slots::Outlet;

/// What one message carries: half of what the connection to apid takes at a time, less what is
/// written around it, so that the next one is on its way while one is passed on.
pub(crate) const PIECE: usize = 32 * 1024 - 16;

/// Reads what is at `asked`; links lead to what they point to.
pub(crate) fn read(asked: &Asked, out: &Outlet<Data>) {
    if let Err(status) = pump(asked, out) {
        out.fail(status);
    }
}

fn pump(asked: &Asked, out: &Outlet<Data>) -> Result<(), Status> {
    let failed = |errno| asked::status("read", &asked.shown, errno);
    let file = match open_file(CWD, &asked.at, OFlags::empty()).map_err(failed)? {
        Ok(file) => file,
        Err(kind) => {
            return Err(Status::invalid_argument(format!(
                "cannot read {}: path must be a regular file, and this is {}",
                asked.shown,
                word(kind)
            )));
        }
    };
    loop {
        let mut bytes = Vec::with_capacity(PIECE);
        match sys::io::read(&file, sys::buffer::spare_capacity(&mut bytes)) {
            // Some files of the kernel have no end but have nothing more at the moment.
            Ok(0) | Err(Errno::AGAIN) => return Ok(()),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(failed(errno)),
        }
        let piece = Data {
            metadata: None,
            bytes,
        };
        if out.put(piece).is_break() {
            return Ok(());
        }
    }
}

/// Opens a regular file; says what it is if it is none. What is looked at is what is opened: the
/// first descriptor holds the place without opening what is there (open(2), `O_PATH`). With
/// `NOFOLLOW` a link is not a file.
pub(super) fn open_file(
    at: BorrowedFd<'_>,
    name: &CStr,
    follow: OFlags,
) -> Result<Result<OwnedFd, FileType>, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | follow;
    let place = openat(at, name, flags, Mode::empty())?;
    let kind = FileType::from_raw_mode(fstat(&place)?.st_mode);
    if !kind.is_file() {
        return Ok(Err(kind));
    }
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map(Ok)
}

fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of a kind of its own",
    }
}
