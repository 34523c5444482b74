// SPDX-License-Identifier: MPL-2.0
//! What the service sees of the file system.
//!
//! Owns: the mount namespace, the mounts in it, the root.
//! Never: follows a link out of the service's root, or lets a mount get back to the node that is
//! not meant to.

use core::ffi::CStr;
use core::fmt::Write as _;

use proto::container::{Attributes, Kind, Missing, Mount, Propagation, Travel};
use proto::service::{Seccomp, ServiceSpec, Stage};
use sys::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use sys::fs::{CWD, Mode, OFlags};
use sys::io::Errno;
use sys::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use sys::mount_tree::{self, Change, Reach};
use sys::text::Text;
use sys::thread::UnshareFlags;

use crate::place::{self, Like};
use crate::{Failure, at, at_one};

/// The longest options of a file system, in bytes.
const OPTIONS_MAX: usize = 1024;

/// Whether the service is to have mounts of its own. What administers the machine must not: what
/// it mounts is for all.
pub(crate) fn needs_namespace(spec: &ServiceSpec<'_>) -> bool {
    let confined = match spec.seccomp {
        Seccomp::Agent | Seccomp::Container => true,
        Seccomp::Unconfined => false,
    };
    confined || !spec.root.is_empty() || !spec.mounts.is_empty()
}

/// Enters a new mount namespace. The node's later mounts get in; nothing gets out, unless
/// `propagation` says otherwise.
pub(crate) fn enter_namespace(propagation: Option<Propagation>) -> Result<(), Errno> {
    sys::spawn::unshare(UnshareFlags::NEWNS)?;
    let travel = match propagation {
        // They are copies that still belong together with the node's.
        Some(Propagation {
            kind: Travel::Shared,
            ..
        }) => return Ok(()),
        Some(Propagation {
            kind: Travel::Private | Travel::Unbindable,
            below: true,
        }) => MountPropagationFlags::PRIVATE,
        // The word is about the root alone.
        Some(Propagation {
            kind: Travel::Private | Travel::Unbindable | Travel::Slave,
            ..
        })
        | None => MountPropagationFlags::DOWNSTREAM,
    };
    sys::mount::mount_change(c"/", travel | MountPropagationFlags::REC)
}

/// The flag of mount(2) for where mounts travel to.
pub(crate) const fn flag_of(travel: Travel) -> MountPropagationFlags {
    match travel {
        Travel::Private => MountPropagationFlags::PRIVATE,
        Travel::Slave => MountPropagationFlags::DOWNSTREAM,
        Travel::Shared => MountPropagationFlags::SHARED,
        Travel::Unbindable => MountPropagationFlags::UNBINDABLE,
    }
}

/// Attaches the root to itself, if there is one, and every mount of the description inside it.
pub(crate) fn attach_all(spec: &ServiceSpec<'_>) -> Result<(), Failure> {
    if !spec.root.is_empty() {
        let tree = mount_tree::copy(spec.root, Reach::Tree).map_err(at(Stage::Root))?;
        let restrict = Change {
            set: Attributes::NOSUID | Attributes::NODEV,
            ..Change::default()
        };
        mount_tree::change(&tree, restrict, Reach::Tree).map_err(at(Stage::Root))?;
        let place = open_path(spec.root).map_err(at(Stage::Root))?;
        mount_tree::attach(tree, place).map_err(at(Stage::Root))?;
    }
    let seen = match spec.root {
        "" => "/",
        root => root,
    };
    let root = open_path(seen).map_err(at(Stage::Root))?;
    for (index, mount) in spec.mounts.iter().enumerate() {
        take_source(mount, None)
            .and_then(|source| attach(root.as_fd(), mount, source.as_ref()))
            .map_err(at_one(Stage::Mount, index))?;
    }
    Ok(())
}

/// A copy of what a mount shows of the node, changed before anybody can see it, with the owners that
/// `users` have. `None` for a file system of its own.
pub(crate) fn take_source(
    mount: &Mount<'_>,
    users: Option<BorrowedFd<'_>>,
) -> Result<Option<OwnedFd>, Errno> {
    let reach = match mount.kind {
        Kind::Bind => Reach::One,
        Kind::BindTree => Reach::Tree,
        Kind::FileSystem { .. } => return Ok(None),
    };
    let tree = match (mount_tree::copy(mount.source, reach), mount.missing) {
        (Err(Errno::NOENT), Missing::IsMade) => {
            place::make_folder(mount.source)?;
            mount_tree::copy(mount.source, reach)?
        }
        (tree, _) => tree?,
    };
    if let Some(users) = users {
        map_users(&tree, users, reach)?;
    }
    adjust(&tree, mount)?;
    Ok(Some(tree))
}

/// Shows a copy with the owners that these users have. What no file system can show so appears as
/// the node has it; its files belong to nobody in the container.
fn map_users(tree: &OwnedFd, users: BorrowedFd<'_>, reach: Reach) -> Result<(), Errno> {
    // One in the tree that cannot be shown so spoils it for all; the topmost counts.
    for reach in [reach, Reach::One] {
        match mount_tree::map_users(tree, users, reach) {
            Err(Errno::INVAL) => {}
            mapped => return mapped,
        }
    }
    Ok(())
}

/// Attaches one mount. Its target is looked up as the service will see it.
pub(crate) fn attach(
    root: BorrowedFd<'_>,
    mount: &Mount<'_>,
    source: Option<&OwnedFd>,
) -> Result<(), Errno> {
    let target = match mount.missing {
        Missing::Fails => place::find(root, mount.target)?,
        Missing::IsMade => {
            let like = source.map_or(Ok(Like::Folder), Like::of)?;
            place::make(root, mount.target, like)?
        }
    };
    match mount.kind {
        Kind::Bind | Kind::BindTree => mount_tree::attach(source.ok_or(Errno::BADF)?, target),
        Kind::FileSystem {
            name,
            flags,
            options,
        } => {
            let at = name_of(&target);
            let flags = MountFlags::from_bits_retain(flags);
            mount_new(mount.source, at.as_str(), name, flags, options)?;
            adjust(place::find(root, mount.target)?, mount)
        }
    }
}

/// Mounts a file system with options (mount(2)).
pub(crate) fn mount_new(
    source: &str,
    at: &str,
    name: &str,
    flags: MountFlags,
    options: &str,
) -> Result<(), Errno> {
    let mut text = Text::<OPTIONS_MAX>::new();
    write!(text, "{options}\0").map_err(|_| Errno::TOOBIG)?;
    let options = CStr::from_bytes_until_nul(text.as_bytes()).map_err(|_| Errno::TOOBIG)?;
    sys::mount::mount(source, at, name, flags, options)
}

/// Gives a mount its attributes, and says how mounts travel in and out of it.
fn adjust(mounted: impl AsFd, mount: &Mount<'_>) -> Result<(), Errno> {
    for (attributes, reach) in [(mount.below, Reach::Tree), (mount.attributes, Reach::One)] {
        let change = Change {
            set: attributes.set,
            clear: attributes.clear,
            propagation: None,
        };
        mount_tree::change(&mounted, change, reach)?;
    }
    let Some(Propagation { kind, below }) = mount.propagation else {
        return Ok(());
    };
    let reach = match below {
        true => Reach::Tree,
        false => Reach::One,
    };
    let change = Change {
        propagation: Some(flag_of(kind)),
        ..Change::default()
    };
    mount_tree::change(mounted, change, reach)
}

/// A path that leads to what the kernel says of a descriptor.
pub(crate) fn about(descriptor: impl AsFd) -> Text<32> {
    let mut path = Text::new();
    let _ = write!(path, "/proc/self/fdinfo/{}", descriptor.as_fd().as_raw_fd());
    path
}

/// A path that leads to what a descriptor is open on, for calls that take paths only.
pub(crate) fn name_of(descriptor: impl AsFd) -> Text<32> {
    let mut path = Text::new();
    let _ = write!(path, "/proc/self/fd/{}", descriptor.as_fd().as_raw_fd());
    path
}

/// Makes the service's root the root, and lets go of the node's.
pub(crate) fn change_root(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    if !spec.root.is_empty() {
        sys::process::chdir(spec.root)?;
        pivot()?;
    }
    sys::process::chdir(c"/")
}

/// Makes the working folder, which is a mount, the root.
pub(crate) fn pivot() -> Result<(), Errno> {
    // Both places the same: the old root comes to lie on top of the new one (pivot_root(2)).
    sys::process::pivot_root(c".", c".")?;
    sys::mount::unmount(c".", UnmountFlags::DETACH)
}

/// Opens a folder only to name it.
pub(crate) fn open_path(path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    sys::fs::openat(CWD, path, flags, Mode::empty())
}
