// SPDX-License-Identifier: MPL-2.0
//! What the service sees of the file system.
//!
//! Owns: the mount namespace, the mounts in it, the root.
//! Never: follows a link out of the service's root, or lets a mount get back to the node.

use proto::service::{Access, Mount, Seccomp, ServiceSpec, Stage};
use sys::fd::OwnedFd;
use sys::fs::{CWD, Mode, OFlags, ResolveFlags};
use sys::io::Errno;
use sys::mount::{MountPropagationFlags, UnmountFlags};
use sys::mount_tree::{self, Writing};
use sys::thread::UnshareFlags;

use crate::Failure;

/// Whether the service is to have mounts of its own. What administers the machine must not: what
/// it mounts is for all.
pub(crate) fn needs_namespace(spec: &ServiceSpec<'_>) -> bool {
    let confined = match spec.seccomp {
        Seccomp::Agent => true,
        Seccomp::Unconfined => false,
    };
    confined || !spec.root.is_empty() || !spec.mounts.is_empty()
}

/// Enters a new mount namespace. The node's later mounts get in; nothing gets out.
pub(crate) fn enter_namespace() -> Result<(), Errno> {
    sys::spawn::unshare(UnshareFlags::NEWNS)?;
    let inwards = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    sys::mount::mount_change(c"/", inwards)
}

/// Attaches the root to itself, if there is one, and every mount of the description inside it.
pub(crate) fn attach_all(spec: &ServiceSpec<'_>) -> Result<(), Failure> {
    if !spec.root.is_empty() {
        let root = |errno| Failure {
            stage: Stage::Root,
            errno,
            index: 0,
        };
        let tree = mount_tree::copy(spec.root, Writing::Permitted).map_err(root)?;
        let place = open_path(spec.root).map_err(root)?;
        mount_tree::attach(tree, place).map_err(root)?;
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        attach(spec.root, mount).map_err(|errno| Failure {
            stage: Stage::Mount,
            errno,
            index,
        })?;
    }
    Ok(())
}

/// Attaches one mount. Its target is looked up as the service will see it.
fn attach(root: &str, mount: &Mount<'_>) -> Result<(), Errno> {
    let writing = match mount.access {
        Access::ReadOnly => Writing::Denied,
        Access::ReadWrite => Writing::Permitted,
    };
    let tree = mount_tree::copy(mount.source, writing)?;
    let root = open_path(if root.is_empty() { "/" } else { root })?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let target = sys::fs::openat2(&root, mount.target, flags, Mode::empty(), inside)?;
    mount_tree::attach(tree, target)
}

/// Makes the service's root the root, and lets go of the node's.
pub(crate) fn change_root(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    if !spec.root.is_empty() {
        sys::process::chdir(spec.root)?;
        // Both places the same: the old root comes to lie on top of the new one (pivot_root(2)).
        sys::process::pivot_root(c".", c".")?;
        sys::mount::unmount(c".", UnmountFlags::DETACH)?;
    }
    sys::process::chdir(c"/")
}

/// Opens a path only to name it.
fn open_path(path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    sys::fs::openat(CWD, path, flags, Mode::empty())
}
