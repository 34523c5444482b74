// SPDX-License-Identifier: MPL-2.0
//! The root: a squashfs from the initramfs, and the move into it.
//!
//! The kernel keeps the files behind the loop devices for as long as they are mounted, so their
//! names can go and their memory is used once.
//!
//! Owns: everything between the initramfs and the root.
//! Never: goes on without a root.

use core::convert::Infallible;
use core::ffi::CStr;

use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::mount::{MountFlags, UnmountFlags};
use sys::spawn::Strings;

use crate::fatal::Fatal;
use crate::layers;

/// The root's file in the initramfs.
const ROOTFS: &CStr = c"/rootfs.sqsh";
/// Where the root is mounted, and what it is called in messages.
pub const ROOT: &CStr = c"/root";
/// Nothing in the image is a device or changes users.
pub(crate) const READ_ONLY: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NODEV)
    .union(MountFlags::NOSUID);

/// Mounts the root.
///
/// # Errors
/// When it is not there or not a squashfs: nothing can go on without it.
pub fn mount() -> Result<(), Fatal> {
    mount_squashfs(ROOTFS, ROOT, 0).map_err(Fatal::during("mount", "/rootfs.sqsh"))
}

/// Mounts a squashfs file, read-only, by the loop device of a number.
pub(crate) fn mount_squashfs(file: &CStr, at: &CStr, device: u16) -> Result<(), Errno> {
    make_folder(at)?;
    let image = sys::fs::open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let device = sys::loop_device::attach_read_only_at(device, &image)?;
    sys::mount::mount(device.path.as_str(), at, c"squashfs", READ_ONLY, None)
}

/// Makes a folder of the initramfs.
pub(crate) fn make_folder(at: &CStr) -> Result<(), Errno> {
    match sys::fs::mkdir(at, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Removes the initramfs's names for what is mounted or was run, so that their memory is not kept
/// twice. What cannot be removed stays.
pub fn free_initramfs() {
    layers::free();
    for path in [ROOTFS, c"/init"] {
        let _ = sys::fs::unlink(path);
    }
}

/// Moves the early mounts into the root and makes it the root.
///
/// # Errors
/// The kernel's.
pub fn enter() -> Result<(), Fatal> {
    for (from, to) in [
        (c"/dev", c"/root/dev"),
        (c"/proc", c"/root/proc"),
        (c"/sys", c"/root/sys"),
    ] {
        sys::mount::mount_move(from, to).map_err(Fatal::during("move", "the early mounts"))?;
    }
    // The initramfs cannot be left by pivot_root(2); the root is moved over it instead
    // (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
    sys::process::chdir(ROOT)
        .and_then(|()| sys::mount::mount_move(c".", c"/"))
        .and_then(|()| sys::process::chroot(c"."))
        .and_then(|()| sys::process::chdir(c"/"))
        .map_err(Fatal::during("switch to", "/root"))
}

/// Becomes `/sbin/init` of the root, with a word about each layer.
///
/// # Errors
/// Whenever it returns.
pub fn become_second_stage(told: &layers::Told) -> Result<Infallible, Fatal> {
    let environment = Strings::<1, 1>::new();
    let errno = sys::spawn::exec(c"/sbin/init", told, &environment);
    Err(Fatal::during("run", "/sbin/init")(errno))
}

/// Unmounts one mount point for good; used when the machine goes down.
///
/// # Errors
/// The kernel's: `BUSY` while it is used.
pub fn unmount(at: &CStr) -> Result<(), Errno> {
    sys::mount::unmount(at, UnmountFlags::NOFOLLOW)
}
