// SPDX-License-Identifier: MPL-2.0
//! Mounts as descriptors: copies that are changed first and attached after (open_tree(2),
//! mount_setattr(2), move_mount(2)).
//!
//! Owns: copying a mount tree, changing its attributes and owners, attaching it.
//! Never: follows a path to what it changes or attaches to.

use linux_raw_sys::general::{
    __NR_mount_setattr, AT_EMPTY_PATH, AT_RECURSIVE, MOUNT_ATTR_IDMAP, mount_attr,
};

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use crate::fs::CWD;
use crate::io;
use crate::mount::{MountPropagationFlags, MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

/// How far an operation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The mount alone.
    One,
    /// The mount and all below it.
    Tree,
}

/// What is to be changed of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// `MOUNT_ATTR_*` to set.
    pub set: u32,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u32,
    /// How mounts travel in and out of it.
    pub propagation: Option<MountPropagationFlags>,
}

/// A copy of the mount at `path`, not attached anywhere.
///
/// # Errors
/// The kernel's: `NOENT` when there is nothing at `path`.
pub fn copy(path: &str, reach: Reach) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match reach {
        Reach::One => {}
        Reach::Tree => flags |= OpenTreeFlags::AT_RECURSIVE,
    }
    open_tree(CWD, path, flags)
}

/// A copy of the mount that `place` is open on, not attached anywhere.
///
/// # Errors
/// The kernel's.
pub fn copy_one(place: impl AsFd) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(place, c"", flags)
}

/// A copy of the mount that `place` is open on and of all below it, not attached anywhere.
///
/// # Errors
/// The kernel's.
pub fn copy_of(place: impl AsFd) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(place, c"", flags)
}

/// Attaches a copy on top of what `target` is open on.
///
/// # Errors
/// The kernel's.
pub fn attach(tree: impl AsFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", target, c"", flags)
}

/// Changes the mount whose root `mount` is open on.
///
/// # Errors
/// The kernel's: `INVAL` when it is not open on the root of a mount.
pub fn change(mount: impl AsFd, change: Change, reach: Reach) -> io::Result<()> {
    if change == Change::default() {
        return Ok(());
    }
    let attributes = mount_attr {
        attr_set: u64::from(change.set),
        attr_clr: u64::from(change.clear),
        propagation: change
            .propagation
            .map_or(0, |flags| u64::from(flags.bits())),
        userns_fd: 0,
    };
    set_attributes(mount, &attributes, reach)
}

/// Shows the files of a copy that is not attached yet with the owners that `users`, a user
/// namespace, has for them: user 0 of the file system becomes user 0 there.
///
/// # Errors
/// The kernel's: `INVAL` for a file system that cannot be shown so.
pub fn map_users(mount: impl AsFd, users: BorrowedFd<'_>, reach: Reach) -> io::Result<()> {
    let attributes = mount_attr {
        attr_set: u64::from(MOUNT_ATTR_IDMAP),
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(users.as_raw_fd().cast_unsigned()),
    };
    set_attributes(mount, &attributes, reach)
}

#[expect(unsafe_code, reason = "a raw system call")]
fn set_attributes(mount: impl AsFd, attributes: &mount_attr, reach: Reach) -> io::Result<()> {
    let flags = match reach {
        Reach::One => AT_EMPTY_PATH,
        Reach::Tree => AT_EMPTY_PATH | AT_RECURSIVE,
    };
    let arguments = [
        mount.as_fd().as_raw_fd().cast_unsigned() as usize,
        c"".as_ptr().expose_provenance(),
        flags as usize,
        core::ptr::from_ref(attributes).expose_provenance(),
        size_of::<mount_attr>(),
        NONE,
    ];
    // SAFETY: the kernel reads an empty string and one `struct mount_attr`, whose size it is told;
    // both live until the call returns.
    unsafe { syscall(__NR_mount_setattr, arguments) }.map(drop)
}
