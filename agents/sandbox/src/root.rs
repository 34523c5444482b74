// SPDX-License-Identifier: MPL-2.0
//! The root of a container: an overlay in memory over a folder or an image.
//!
//! What lies below need not have places for mounts and may be read-only: the overlay has them, and
//! takes what the service writes, if it may. Memory and overlay live as long as the mount namespace
//! does, and so does the block device of an image.
//!
//! Owns: what the root is laid over, and the overlay.
//! Never: changes the folder or the image.

use core::fmt::Write as _;

use proto::container::{Container, Source};
use proto::service::{ServiceSpec, Stage};
use sys::fd::{BorrowedFd, OwnedFd};
use sys::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use sys::io::Errno;
use sys::mount::{MountFlags, MountPropagationFlags};
use sys::mount_tree::{self, Reach};
use sys::text::Text;

use crate::mounts::{mount_new, name_of, open_path};
use crate::{Failure, at};

/// The image's own mount is only read by the overlay; no program is run from it.
const IMAGE: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NODEV)
    .union(MountFlags::NOSUID);

/// Lays the root, in memory, makes it the working folder and opens it. `users` is the namespace of
/// the container's own users.
pub(crate) fn lay(
    spec: &ServiceSpec<'_>,
    container: &Container<'_>,
    users: Option<BorrowedFd<'_>>,
) -> Result<OwnedFd, Failure> {
    // What is mounted and unmounted from here on is so for this namespace alone.
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    sys::mount::mount_change(c"/", alone).map_err(at(Stage::Root))?;
    let below = match container.source {
        Source::Folder => {
            let folder = open_path(spec.root).map_err(at(Stage::Root))?;
            enter_memory(spec.root, spec.memory_max).map_err(at(Stage::Root))?;
            show_folder(folder, users).map_err(at(Stage::Root))?
        }
        Source::Image => {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let file = sys::fs::open(spec.root, flags, Mode::empty());
            let file = file.map_err(at(Stage::OpenImage))?;
            // The folder that holds it is there, and is not needed any more.
            let place = spec.root.rsplit_once('/').map_or("/", |(folder, _)| folder);
            enter_memory(place, spec.memory_max).map_err(at(Stage::Root))?;
            show_image(&file, users)?
        }
    };
    lay_over(&below).map_err(at(Stage::Root))
}

/// Mounts memory at a place and goes there.
fn enter_memory(place: &str, memory_max: u64) -> Result<(), Errno> {
    let mut options = Text::<64>::new();
    // Half of the memory it may have: a full root is an error of the writer, not its end.
    let _ = match memory_max {
        0 => write!(options, "mode=0755"),
        // A size of 0 would be none.
        max => write!(options, "mode=0755,size={}", max.wrapping_shr(1).max(1)),
    };
    let plain = MountFlags::empty();
    mount_new("tmpfs", place, "tmpfs", plain, options.as_str())?;
    sys::process::chdir(place)
}

/// Where what lies below the overlay is mounted, where it has to be.
const BELOW: &str = "below";

/// Opens what a folder shows, to these users.
fn show_folder(folder: OwnedFd, users: Option<BorrowedFd<'_>>) -> Result<OwnedFd, Errno> {
    match users {
        None => Ok(folder),
        Some(users) => {
            make(BELOW)?;
            show_to(mount_tree::copy_one(&folder)?, users)
        }
    }
}

/// Mounts an image and opens its topmost folder, as these users see it.
fn show_image(file: &OwnedFd, users: Option<BorrowedFd<'_>>) -> Result<OwnedFd, Failure> {
    let device = sys::loop_device::attach_read_only(file).map_err(at(Stage::ImageDevice))?;
    let mount = || {
        make(BELOW)?;
        mount_new(device.path.as_str(), BELOW, "squashfs", IMAGE, "")?;
        match users {
            None => open_path(BELOW),
            Some(users) => show_to(mount_tree::copy(BELOW, Reach::One)?, users),
        }
    };
    mount().map_err(at(Stage::MountImage))
}

/// Attaches a copy with the owners that these users have, and opens it.
fn show_to(copy: OwnedFd, users: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    mount_tree::map_users(&copy, users, Reach::One)?;
    mount_tree::attach(&copy, open_path(BELOW)?)?;
    open_path(BELOW)
}

/// Lays an overlay, whose topmost folder is like the one below, goes there and opens it.
fn lay_over(below: &OwnedFd) -> Result<OwnedFd, Errno> {
    for name in ["upper", "work", "root"] {
        make(name)?;
    }
    let like = sys::fs::statat(below, c"", AtFlags::EMPTY_PATH)?;
    let owner = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
    sys::fs::chown("upper", Some(owner.0), Some(owner.1))?;
    sys::fs::chmod("upper", Mode::from_raw_mode(like.st_mode & 0o7777))?;
    let mut options = Text::<96>::new();
    let lower = name_of(below);
    let _ = write!(options, "lowerdir={lower},upperdir=upper,workdir=work");
    let plain = MountFlags::empty();
    mount_new("overlay", "root", "overlay", plain, options.as_str())?;
    sys::process::chdir(c"root")?;
    open_path(".")
}

/// Makes a folder of the working folder.
fn make(name: &str) -> Result<(), Errno> {
    sys::fs::mkdirat(CWD, name, Mode::from_raw_mode(0o755))
}
