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

use crate::Failure;
use crate::place::{self, Like};

/// The longest options of a file system, in bytes.
const OPTIONS_MAX: usize = 1024;

/// Whether the service is to have mounts of its own. What administers the machine must not: what
/// it mounts is for all.
pub(crate) fn needs_namespace(spec: &ServiceSpec<'_>) -> bool {
    let confined = match spec.seccomp {
        Seccomp::Agent => true,
        Seccomp::Unconfined => false,
    };
    confined || !spec.root.is_empty() || !spec.mounts.is_empty()
}

/// Enters a new mount namespace. The node's later mounts get in; nothing gets out, unless
/// `propagation` says otherwise.
pub(crate) fn enter_namespace(propagation: Option<Propagation>) -> Result<(), Errno> {
    sys::spawn::unshare(UnshareFlags::NEWNS)?;
    let inwards = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    sys::mount::mount_change(c"/", propagation.map_or(inwards, flags_of))
}

/// The flags of mount(2) for how mounts travel.
pub(crate) fn flags_of(propagation: Propagation) -> MountPropagationFlags {
    let kind = match propagation.kind {
        Travel::Private => MountPropagationFlags::PRIVATE,
        Travel::Slave => MountPropagationFlags::DOWNSTREAM,
        Travel::Shared => MountPropagationFlags::SHARED,
        Travel::Unbindable => MountPropagationFlags::UNBINDABLE,
    };
    match propagation.below {
        true => kind | MountPropagationFlags::REC,
        false => kind,
    }
}

/// Attaches the root to itself, if there is one, and every mount of the description inside it.
pub(crate) fn attach_all(spec: &ServiceSpec<'_>) -> Result<(), Failure> {
    let root = |errno| Failure {
        stage: Stage::Root,
        errno,
        index: 0,
    };
    if !spec.root.is_empty() {
        let tree = mount_tree::copy(spec.root, Reach::Tree).map_err(root)?;
        let restrict = Change {
            set: Attributes::NOSUID | Attributes::NODEV,
            ..Change::default()
        };
        mount_tree::change(&tree, restrict, Reach::Tree).map_err(root)?;
        let place = open_path(spec.root).map_err(root)?;
        mount_tree::attach(tree, place).map_err(root)?;
    }
    let seen = match spec.root {
        "" => "/",
        root => root,
    };
    let root = open_path(seen).map_err(root)?;
    attach_each(root.as_fd(), &spec.mounts, Stage::Mount)
}

/// Attaches mounts in order inside a root.
pub(crate) fn attach_each(
    root: BorrowedFd<'_>,
    mounts: &[Mount<'_>],
    stage: Stage,
) -> Result<(), Failure> {
    for (index, mount) in mounts.iter().enumerate() {
        attach(root, mount).map_err(|errno| Failure {
            stage,
            errno,
            index,
        })?;
    }
    Ok(())
}

/// Attaches one mount. Its target is looked up as the service will see it.
fn attach(root: BorrowedFd<'_>, mount: &Mount<'_>) -> Result<(), Errno> {
    let attached = match mount.kind {
        Kind::Bind => attach_bind(root, mount, Reach::One)?,
        Kind::BindTree => attach_bind(root, mount, Reach::Tree)?,
        Kind::FileSystem {
            name,
            flags,
            options,
        } => attach_file_system(root, mount, (name, flags, options))?,
    };
    let Some(propagation) = mount.propagation else {
        return Ok(());
    };
    let reach = match propagation.below {
        true => Reach::Tree,
        false => Reach::One,
    };
    let change = Change {
        propagation: Some(flags_of(Propagation {
            below: false,
            ..propagation
        })),
        ..Change::default()
    };
    mount_tree::change(attached, change, reach)
}

/// Attaches a copy of the node's mounts, changed before anybody can see it.
fn attach_bind(root: BorrowedFd<'_>, mount: &Mount<'_>, reach: Reach) -> Result<OwnedFd, Errno> {
    let tree = match (mount_tree::copy(mount.source, reach), mount.missing) {
        (Err(Errno::NOENT), Missing::IsMade) => {
            place::make_folder(mount.source)?;
            mount_tree::copy(mount.source, reach)?
        }
        (tree, _) => tree?,
    };
    restrict(&tree, mount)?;
    let target = match mount.missing {
        Missing::Fails => place::find(root, mount.target)?,
        Missing::IsMade => place::make(root, mount.target, Like::of(&tree)?)?,
    };
    mount_tree::attach(&tree, target)?;
    Ok(tree)
}

/// Mounts a file system of its own.
fn attach_file_system(
    root: BorrowedFd<'_>,
    mount: &Mount<'_>,
    (name, flags, options): (&str, u32, &str),
) -> Result<OwnedFd, Errno> {
    let target = match mount.missing {
        Missing::Fails => place::find(root, mount.target)?,
        Missing::IsMade => place::make(root, mount.target, Like::Folder)?,
    };
    let at = name_of(&target);
    let flags = MountFlags::from_bits_retain(flags);
    mount_new(mount.source, at.as_str(), name, flags, options)?;
    let mounted = place::find(root, mount.target)?;
    restrict(&mounted, mount)?;
    Ok(mounted)
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

/// Gives a mount its attributes.
fn restrict(mounted: &OwnedFd, mount: &Mount<'_>) -> Result<(), Errno> {
    for (attributes, reach) in [(mount.below, Reach::Tree), (mount.attributes, Reach::One)] {
        let change = Change {
            set: attributes.set,
            clear: attributes.clear,
            propagation: None,
        };
        mount_tree::change(mounted, change, reach)?;
    }
    Ok(())
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
