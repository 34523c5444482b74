// SPDX-License-Identifier: MPL-2.0
//! A container: namespaces, a root, and the file systems in it.
//!
//! init has made the namespaces for processes and System V objects.
//!
//! Owns: the order in which a container's file systems are put together.
//! Never: changes what the root comes from.

use core::fmt::Write as _;

use proto::container::{Attributes, Container, Kind, Missing, Mount, Propagation, Source, Users};
use proto::service::{MOUNTS_MAX, ServiceSpec, Stage};
use sys::fd::{AsFd as _, BorrowedFd, OwnedFd};
use sys::io::Errno;
use sys::mount::MountFlags;
use sys::mount_tree::{self, Change, Reach};
use sys::text::Text;

use crate::mounts::{self, mount_new, name_of, open_path};
use crate::place::{self, Like};
use crate::{Failure, at, at_one, devices, identity, root, users};

/// What every container has, as containerd gives it.
const OWN: &[Mount<'_>] = &[
    own("proc", "/proc", "proc", "", CLOSED),
    own("tmpfs", "/dev", "tmpfs", "mode=755,size=65536k", OPEN),
    own(
        "devpts",
        TERMINALS,
        "devpts",
        "",
        Attributes::NOSUID | Attributes::NOEXEC,
    ),
    own("shm", "/dev/shm", "tmpfs", "mode=1777,size=65536k", CLOSED),
    own("mqueue", "/dev/mqueue", "mqueue", "", CLOSED),
    own("sysfs", SYSFS, "sysfs", "", CLOSED),
    own("tmpfs", "/run", "tmpfs", "mode=755,size=65536k", OPEN),
];
const SYSFS: &str = "/sys";
const TERMINALS: &str = "/dev/pts";
/// The group of terminals, `tty` in all images.
const TERMINALS_GROUP: u32 = 5;

const CLOSED: u32 = Attributes::NOSUID | Attributes::NOEXEC | Attributes::NODEV;
const OPEN: u32 = Attributes::NOSUID | Attributes::STRICTATIME;

/// A row of [`OWN`].
const fn own(
    source: &'static str,
    target: &'static str,
    name: &'static str,
    options: &'static str,
    set: u32,
) -> Mount<'static> {
    Mount {
        source,
        target,
        kind: Kind::FileSystem {
            name,
            flags: 0,
            options,
        },
        attributes: Attributes {
            set,
            clear: match set & Attributes::STRICTATIME {
                0 => 0,
                _ => Attributes::ATIME,
            },
        },
        below: Attributes::NONE,
        propagation: None,
        missing: Missing::IsMade,
    }
}

/// Enters the container. Its users, if it has its own, are still to be entered: what is mounted
/// here takes rights that they do not have.
pub(crate) fn enter(
    spec: &ServiceSpec<'_>,
    container: &Container<'_>,
) -> Result<Option<OwnedFd>, Failure> {
    let users = users::make(container)?;
    let mapped = users.as_ref().map(OwnedFd::as_fd);
    mounts::enter_namespace(container.propagation).map_err(at(Stage::Namespaces))?;
    // While the node's mounts are as the node has them.
    let mut sources = [const { None }; MOUNTS_MAX];
    for (index, (mount, source)) in spec.mounts.iter().zip(&mut sources).enumerate() {
        let mount = restricted(mount, container.users);
        *source = mounts::take_source(&mount, mapped).map_err(at_one(Stage::Mount, index))?;
    }
    let devices = devices::find_all(container)?;
    identity::make_files_for(container.users).map_err(at(Stage::Users))?;
    let root = root::lay(spec, container, mapped)?;
    let root = root.as_fd();
    for (index, mount) in OWN.iter().enumerate() {
        mount_own(root, mount, container).map_err(at_one(Stage::KernelFileSystems, index))?;
    }
    devices::fill_dev(root).map_err(at(Stage::KernelFileSystems))?;
    devices::make_all(root, container, &devices)?;
    // Before a mount of the service covers it.
    let null = place::find(root, "/dev/null").map_err(at(Stage::KernelFileSystems))?;
    for (index, (mount, source)) in spec.mounts.iter().zip(&sources).enumerate() {
        let mount = restricted(mount, container.users);
        mounts::attach(root, &mount, source.as_ref()).map_err(at_one(Stage::Mount, index))?;
    }
    if !container.working_folder.is_empty() {
        place::make(root, container.working_folder, Like::Folder)
            .map_err(at(Stage::WorkingFolder))?;
    }
    let masked = container.masked.iter().map(|path| (path, Protect::Mask));
    let read_only = container.read_only.iter();
    let paths = masked.chain(read_only.map(|path| (path, Protect::ReadOnly)));
    for (index, (path, protect)) in paths.enumerate() {
        protect_path(root, &null, path, protect).map_err(at_one(Stage::Paths, index))?;
    }
    let restrict = Change {
        set: root_attributes(container),
        ..Change::default()
    };
    mount_tree::change(root, restrict, Reach::One).map_err(at(Stage::Root))?;
    become_root(container.propagation).map_err(at(Stage::Root))?;
    Ok(users)
}

/// Goes to where the program begins, once all is as the program has it. No link of the image leads
/// there through the sandbox's own descriptors.
pub(crate) fn enter_working_folder(container: &Container<'_>) -> Result<(), Errno> {
    if container.working_folder.is_empty() {
        return Ok(());
    }
    let root = open_path("/")?;
    sys::process::fchdir(place::find(root.as_fd(), container.working_folder)?)
}

/// Mounts a file system that every container has.
fn mount_own(
    root: BorrowedFd<'_>,
    mount: &Mount<'_>,
    container: &Container<'_>,
) -> Result<(), Errno> {
    let mut mount = *mount;
    if mount.target == SYSFS && !container.writable_sysfs {
        mount.attributes.set |= Attributes::RDONLY;
    }
    let mut terminals = Text::<64>::new();
    if mount.target == TERMINALS {
        let _ = write!(
            terminals,
            "newinstance,ptmxmode=0666,mode=0620,gid={}",
            identity::on_the_node(container.users, TERMINALS_GROUP)
        );
        mount.kind = Kind::FileSystem {
            name: "devpts",
            flags: 0,
            options: terminals.as_str(),
        };
    }
    mounts::attach(root, &mount, None)
}

/// A mount as these users get it: a device file of a volume is none to users who are not the node's.
/// It could appear as their own, and they would open it.
fn restricted<'a>(mount: &Mount<'a>, users: Users) -> Mount<'a> {
    let without_devices = |attributes: Attributes| Attributes {
        set: attributes.set | Attributes::NODEV,
        clear: attributes.clear & !Attributes::NODEV,
    };
    match users {
        Users::Node => *mount,
        Users::Own { .. } => Mount {
            attributes: without_devices(mount.attributes),
            below: without_devices(mount.below),
            ..*mount
        },
    }
}

/// What the mount of the root is restricted to.
fn root_attributes(container: &Container<'_>) -> u32 {
    let mut set = 0;
    if !container.writable_root {
        set |= Attributes::RDONLY;
    }
    // Whoever made the image does not choose devices of the node.
    if container.source == Source::Image {
        set |= Attributes::NODEV;
    }
    if container.no_new_privileges {
        set |= Attributes::NOSUID;
    }
    set
}

const READ_ONLY: Change = Change {
    set: Attributes::RDONLY,
    clear: 0,
    propagation: None,
};

/// What is kept from a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protect {
    Mask,
    ReadOnly,
}

/// Protects one path; a missing one needs no protection.
fn protect_path(
    root: BorrowedFd<'_>,
    null: &OwnedFd,
    path: &str,
    protect: Protect,
) -> Result<(), Errno> {
    let target = match place::find(root, path) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    match (protect, Like::of(&target)?) {
        (Protect::ReadOnly, _) => {
            let tree = mount_tree::copy_of(&target)?;
            mount_tree::change(&tree, READ_ONLY, Reach::Tree)?;
            mount_tree::attach(&tree, target)
        }
        (Protect::Mask, Like::File) => mount_tree::attach(mount_tree::copy_of(null)?, target),
        (Protect::Mask, Like::Folder) => {
            let at = name_of(&target);
            mount_new("tmpfs", at.as_str(), "tmpfs", MountFlags::RDONLY, "size=0k")
        }
    }
}

/// Makes the working folder the root, from or into which mounts travel as they are to.
fn become_root(propagation: Option<Propagation>) -> Result<(), Errno> {
    mounts::pivot()?;
    sys::process::chdir(c"/")?;
    propagation.map_or(Ok(()), |propagation| {
        sys::mount::mount_change(c"/", mounts::flag_of(propagation.kind))
    })
}
