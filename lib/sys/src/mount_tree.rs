// SPDX-License-Identifier: MPL-2.0
//! Attributes of mounts that are not attached yet (mount_setattr(2)).
//!
//! Owns: making a detached copy of a mount tree with restrictions on all of it.
//! Never: attaches a mount whose restrictions did not take effect.

use linux_raw_sys::general::{
    __NR_mount_setattr, AT_EMPTY_PATH, AT_RECURSIVE, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY, mount_attr,
};

use crate::arch::{NONE, syscall};
use crate::fd::{AsFd, AsRawFd as _, OwnedFd};
use crate::fs::CWD;
use crate::io;
use crate::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

/// Whether a copy may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It may not.
    Denied,
    /// It may, where its source may.
    Permitted,
}

/// A copy of the mounts at `path` and below, not attached anywhere, on which no set-user-ID bit
/// and no device node has an effect.
///
/// # Errors
/// The kernel's: `NOENT` when there is nothing at `path`.
pub fn copy(path: &str, writing: Writing) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, path, flags)?;
    let restrict = MOUNT_ATTR_NOSUID
        | MOUNT_ATTR_NODEV
        | match writing {
            Writing::Denied => MOUNT_ATTR_RDONLY,
            Writing::Permitted => 0,
        };
    set_attributes(&tree, u64::from(restrict))?;
    Ok(tree)
}

/// Attaches a copy on top of what `target` is open on.
///
/// # Errors
/// The kernel's.
pub fn attach(tree: OwnedFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&tree, c"", target, c"", flags)
}

/// Sets attributes on all mounts of a tree.
#[expect(unsafe_code, reason = "a raw system call")]
fn set_attributes(tree: &OwnedFd, set: u64) -> io::Result<()> {
    let attributes = mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let arguments = [
        tree.as_raw_fd().cast_unsigned() as usize,
        c"".as_ptr().expose_provenance(),
        (AT_EMPTY_PATH | AT_RECURSIVE) as usize,
        (&raw const attributes).expose_provenance(),
        size_of::<mount_attr>(),
        NONE,
    ];
    // SAFETY: the kernel reads an empty string and one `struct mount_attr`, whose size it is told;
    // both live until the call returns.
    unsafe { syscall(__NR_mount_setattr, arguments) }.map(drop)
}
