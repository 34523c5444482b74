// SPDX-License-Identifier: MPL-2.0
//! The devices of a container: those that every one has, and those of the node that it was given.
//!
//! Device files belong to the node's root, who is nobody in a container with users of its own.
//! Nobody there can change their mode or has a right around it, and nobody there can make another:
//! that takes a capability outside. So the mode says for everybody what may be done.
//!
//! Owns: `/dev` of a container.
//! Never: gives a device by a name that the container or its image could have moved.

use proto::container::{Container, DEVICES_MAX, Device, DeviceAccess};
use proto::service::Stage;
use sys::fd::{BorrowedFd, OwnedFd};
use sys::fs::{AtFlags, CWD, Dev, FileType, Gid, Mode, Uid};
use sys::io::Errno;

use crate::place::{self, Like};
use crate::{Failure, at_one};

/// The devices of a container (OCI runtime specification, default devices): name, major, minor.
const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// The links of `/dev`, with where they lead.
const LINKS: &[(&str, &str)] = &[
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
];

/// What a device of the node is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    kind: FileType,
    number: Dev,
}

/// Finds the devices on the node.
pub(crate) fn find_all(container: &Container<'_>) -> Result<[Option<Found>; DEVICES_MAX], Failure> {
    let mut all = [None; DEVICES_MAX];
    for (index, (device, found)) in container.devices.iter().zip(&mut all).enumerate() {
        *found = Some(find(device.source).map_err(at_one(Stage::Devices, index))?);
    }
    Ok(all)
}

/// Finds a device.
fn find(path: &str) -> Result<Found, Errno> {
    let about = sys::fs::statat(CWD, path, AtFlags::empty())?;
    let kind = FileType::from_raw_mode(about.st_mode);
    if kind.is_char_device() || kind.is_block_device() {
        let number = about.st_rdev;
        Ok(Found { kind, number })
    } else {
        Err(Errno::NODEV)
    }
}

/// Makes the devices that were found.
pub(crate) fn make_all(
    root: BorrowedFd<'_>,
    container: &Container<'_>,
    all: &[Option<Found>],
) -> Result<(), Failure> {
    for (index, (device, found)) in container.devices.iter().zip(all).enumerate() {
        make(root, device, *found).map_err(at_one(Stage::Devices, index))?;
    }
    Ok(())
}

/// Makes one.
fn make(root: BorrowedFd<'_>, device: &Device<'_>, found: Option<Found>) -> Result<(), Errno> {
    let found = found.ok_or(Errno::NODEV)?;
    let (folder, name) = device.target.rsplit_once('/').ok_or(Errno::INVAL)?;
    let folder = place::make(root, folder, Like::Folder)?;
    let mode = match device.access {
        DeviceAccess::Read => 0o444,
        DeviceAccess::Write => 0o222,
        DeviceAccess::ReadWrite => 0o666,
    };
    make_file(&folder, name, found, Mode::from_raw_mode(mode))
}

/// Makes what every container finds in `/dev`.
pub(crate) fn fill_dev(root: BorrowedFd<'_>) -> Result<(), Errno> {
    let dev = place::find(root, "/dev")?;
    for (name, major, minor) in DEVICES {
        let found = Found {
            kind: FileType::CharacterDevice,
            number: sys::fs::makedev(*major, *minor),
        };
        make_file(&dev, name, found, Mode::from_raw_mode(0o666))?;
    }
    for (name, target) in LINKS {
        sys::fs::symlinkat(*target, &dev, *name)?;
    }
    Ok(())
}

/// Makes a device file of the node's root.
fn make_file(folder: &OwnedFd, name: &str, found: Found, mode: Mode) -> Result<(), Errno> {
    sys::fs::mknodat(folder, name, found.kind, mode, found.number)?;
    let owner = (Some(Uid::ROOT), Some(Gid::ROOT));
    sys::fs::chownat(folder, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
    // Without the umask.
    sys::fs::chmodat(folder, name, mode, AtFlags::empty())
}

/// Gives the service's output, which is a pipe of init's, to its user: programs open it again by
/// the name `/dev/stdout`.
pub(crate) fn give_output(uid: u32, gid: u32) -> Result<(), Errno> {
    for path in ["/proc/self/fd/1", "/proc/self/fd/2"] {
        let about = sys::fs::statat(CWD, path, AtFlags::empty())?;
        if FileType::from_raw_mode(about.st_mode).is_fifo() {
            let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            sys::fs::chownat(CWD, path, owner.0, owner.1, AtFlags::empty())?;
        }
    }
    Ok(())
}
