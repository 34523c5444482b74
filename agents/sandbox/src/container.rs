// SPDX-License-Identifier: MPL-2.0
//! A container: a root of its own, laid over the folder that it comes from.
//!
//! The folder need not have places for mounts and may be read-only: an overlay in memory has
//! them, and takes what the service writes, if it may. Memory and overlay live as long as the
//! mount namespace does. init has made the namespaces for processes and System V objects.
//!
//! Owns: the order in which a container's file systems are put together.
//! Never: changes the folder.

use core::fmt::Write as _;

use proto::container::{Attributes, Container, Kind, Missing, Mount, Propagation};
use proto::service::{MOUNTS_MAX, ServiceSpec, Stage};
use sys::fd::{AsFd as _, BorrowedFd, OwnedFd};
use sys::fs::{FileType, Mode};
use sys::io::Errno;
use sys::mount::{MountFlags, MountPropagationFlags};
use sys::mount_tree::{self, Change, Reach};
use sys::text::Text;

use crate::mounts::{self, mount_new, name_of, open_path};
use crate::place::{self, Like};
use crate::{Failure, at, at_one};

/// What every container has, as containerd gives it.
const OWN: &[Mount<'_>] = &[
    own("proc", "/proc", "proc", "", CLOSED),
    own("tmpfs", "/dev", "tmpfs", "mode=755,size=65536k", OPEN),
    own(
        "devpts",
        "/dev/pts",
        "devpts",
        "newinstance,ptmxmode=0666,mode=0620,gid=5",
        Attributes::NOSUID | Attributes::NOEXEC,
    ),
    own("shm", "/dev/shm", "tmpfs", "mode=1777,size=65536k", CLOSED),
    own("mqueue", "/dev/mqueue", "mqueue", "", CLOSED),
    own("sysfs", SYSFS, "sysfs", "", CLOSED),
    own("tmpfs", "/run", "tmpfs", "mode=755,size=65536k", OPEN),
];
const SYSFS: &str = "/sys";

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

/// The devices of a container (OCI runtime specification, default devices): name, major, minor.
const DEVICES: &[(&str, u32, u32)] = &[
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// The links of `/dev`, with where they lead.
const LINKS: &[(&str, &str)] = &[
    ("/dev/ptmx", "pts/ptmx"),
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
];

/// Enters the container.
pub(crate) fn enter(spec: &ServiceSpec<'_>, container: &Container<'_>) -> Result<(), Failure> {
    mounts::enter_namespace(container.propagation).map_err(at(Stage::Namespaces))?;
    // While the node's mounts are as the node has them.
    let mut sources = [const { None }; MOUNTS_MAX];
    for (index, (mount, source)) in spec.mounts.iter().zip(&mut sources).enumerate() {
        *source = mounts::take_source(mount).map_err(at_one(Stage::Mount, index))?;
    }
    let root = lay_root(spec).map_err(at(Stage::Root))?;
    let root = root.as_fd();
    for (index, mount) in OWN.iter().enumerate() {
        let mut mount = *mount;
        if mount.target == SYSFS && !container.writable_sysfs {
            mount.attributes.set |= Attributes::RDONLY;
        }
        mounts::attach(root, &mount, None).map_err(at_one(Stage::KernelFileSystems, index))?;
    }
    fill_dev(root).map_err(at(Stage::KernelFileSystems))?;
    // Before a mount of the service covers it.
    let null = place::find(root, "/dev/null").map_err(at(Stage::KernelFileSystems))?;
    for (index, (mount, source)) in spec.mounts.iter().zip(&sources).enumerate() {
        mounts::attach(root, mount, source.as_ref()).map_err(at_one(Stage::Mount, index))?;
    }
    let masked = container.masked.iter().map(|path| (path, Protect::Mask));
    let read_only = container.read_only.iter();
    let paths = masked.chain(read_only.map(|path| (path, Protect::ReadOnly)));
    for (index, (path, protect)) in paths.enumerate() {
        protect_path(root, &null, path, protect).map_err(at_one(Stage::Paths, index))?;
    }
    if !container.writable_root {
        mount_tree::change(root, READ_ONLY, Reach::One).map_err(at(Stage::Root))?;
    }
    become_root(container.propagation).map_err(at(Stage::Root))
}

const READ_ONLY: Change = Change {
    set: Attributes::RDONLY,
    clear: 0,
    propagation: None,
};

/// Lays the root over its folder, in memory, makes it the working folder and opens it.
fn lay_root(spec: &ServiceSpec<'_>) -> Result<OwnedFd, Errno> {
    // What is mounted and unmounted from here on is so for this namespace alone.
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    sys::mount::mount_change(c"/", alone)?;
    let folder = open_path(spec.root)?;
    let mut options = Text::<64>::new();
    // Half of the memory it may have: a full root is an error of the writer, not its end.
    let _ = match spec.memory_max {
        0 => write!(options, "mode=0755"),
        // A size of 0 would be none.
        max => write!(options, "mode=0755,size={}", max.wrapping_shr(1).max(1)),
    };
    let (plain, place) = (MountFlags::empty(), spec.root);
    mount_new("tmpfs", place, "tmpfs", plain, options.as_str())?;
    sys::process::chdir(place)?;
    for name in [c"upper", c"work", c"root"] {
        sys::fs::mkdir(name, Mode::from_raw_mode(0o755))?;
    }
    let mut options = Text::<96>::new();
    let lower = name_of(&folder);
    let _ = write!(options, "lowerdir={lower},upperdir=upper,workdir=work");
    mount_new("overlay", "root", "overlay", plain, options.as_str())?;
    sys::process::chdir(c"root")?;
    open_path(".")
}

/// Makes what every container finds in `/dev`.
fn fill_dev(root: BorrowedFd<'_>) -> Result<(), Errno> {
    let dev = place::find(root, "/dev")?;
    let named = |path: &'static str| path.strip_prefix("/dev/").unwrap_or(path);
    let mode = Mode::from_raw_mode(0o666);
    for (path, major, minor) in DEVICES {
        let device = sys::fs::makedev(*major, *minor);
        sys::fs::mknodat(&dev, named(path), FileType::CharacterDevice, mode, device)?;
        // Without the umask.
        sys::fs::chmodat(&dev, named(path), mode, sys::fs::AtFlags::empty())?;
    }
    for (path, target) in LINKS {
        sys::fs::symlinkat(*target, &dev, named(path))?;
    }
    Ok(())
}

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
