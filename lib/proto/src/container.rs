// SPDX-License-Identifier: MPL-2.0
//! What a service sees of file systems: mounts, and what makes it a container.
//!
//! The words are those of the OCI runtime specification; the numbers are the kernel's.
//!
//! Owns: mounts, the root of a container, its protected paths, its users, devices and network.
//! Never: holds options or names of users as text; machined has read them.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// The most masked, and the most read-only, paths.
pub const PATHS_MAX: usize = 24;
/// The most devices besides those that every container has.
pub const DEVICES_MAX: usize = 16;
/// The most supplementary groups.
pub const GROUPS_MAX: usize = 32;
/// The longest name of a host, in bytes (gethostname(2)).
pub const HOSTNAME_MAX: usize = 64;

/// What root in a container of an image may do there, unless told otherwise, as a mask of
/// `1 << CAP_*`: the usual list of container runtimes without MKNOD, NET_RAW and AUDIT_WRITE,
/// which the kernel does not grant to users of a container's own, and which reach beyond the
/// container where its users are the node's.
pub const USUAL_CAPABILITIES: u64 = {
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID: packages' files belong to users of all kinds.
    let files = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4;
    // KILL, SETGID, SETUID, SETPCAP: a daemon becomes another user and watches over children.
    let users = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8;
    // NET_BIND_SERVICE: ports below 1024 of a network of its own.
    let network = 1 << 10;
    // SYS_CHROOT: daemons lock themselves in. SETFCAP: archives are unpacked with theirs.
    let root = 1 << 18 | 1 << 31;
    files | users | network | root
};

/// A container: namespaces of its own for processes, mounts and System V objects, a root that is
/// laid over its source and goes with it, and `/proc`, `/dev`, `/sys` and `/run` of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container<'a> {
    /// What the path of its root leads to.
    pub source: Source,
    /// Whether it may write to its root. What it writes is gone when it ends.
    pub writable_root: bool,
    /// Whether it may write to `/sys`.
    pub writable_sysfs: bool,
    /// How mounts travel between the node and it; `None`: the node's later ones get in, nothing
    /// gets out.
    pub propagation: Option<Propagation>,
    /// What it cannot read: folders appear empty, files as `/dev/null`. Missing ones are passed
    /// over.
    #[serde(borrow)]
    pub masked: Vec<&'a str, PATHS_MAX>,
    /// What it cannot write. Missing ones are passed over.
    #[serde(borrow)]
    pub read_only: Vec<&'a str, PATHS_MAX>,
    /// Who its users are on the node. `uid`, `gid` and `groups` are the container's numbers.
    pub users: Users,
    /// Groups that its program is in besides its own.
    pub groups: Vec<u32, GROUPS_MAX>,
    /// Whether programs keep their capabilities as another user than root. Without it they are
    /// root's, and a bound for whoever becomes root.
    pub ambient: bool,
    /// Whether no program may gain a right that its parent lacks: set-user-ID bits and file
    /// capabilities have no effect.
    pub no_new_privileges: bool,
    /// Where its program begins; empty for `/`. A missing folder is made.
    pub working_folder: &'a str,
    /// Devices besides those that every container has.
    #[serde(borrow)]
    pub devices: Vec<Device<'a>, DEVICES_MAX>,
    /// Which network it has.
    pub network: Network,
    /// Its host's name; empty for the node's own.
    pub hostname: &'a str,
    /// How many files one of its processes may have open; 0 for as many as the node's own.
    pub open_files_max: u32,
}

impl Container<'_> {
    /// A container of a folder as extension services are: the node's users and network, all that
    /// is given in every set, nothing protected.
    #[must_use]
    pub const fn of_folder() -> Self {
        Self {
            source: Source::Folder,
            writable_root: false,
            writable_sysfs: false,
            propagation: None,
            masked: Vec::new(),
            read_only: Vec::new(),
            users: Users::Node,
            groups: Vec::new(),
            ambient: true,
            no_new_privileges: false,
            working_folder: "",
            devices: Vec::new(),
            network: Network::Node,
            hostname: "",
            open_files_max: 0,
        }
    }

    /// A container of an image: users of its own from `first` on, no gain of rights, the node's
    /// network, nothing protected.
    #[must_use]
    pub const fn of_image(first: u32) -> Self {
        let mut container = Self::of_folder();
        container.source = Source::Image;
        container.users = Users::Own { first };
        container.ambient = false;
        container.no_new_privileges = true;
        container
    }
}

/// What the path of a container's root leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A folder.
    Folder,
    /// A file that holds a squashfs. Its owners are the container's numbers.
    Image,
}

/// Who a container's users are on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Users {
    /// The node's own: user 0 is the node's root.
    Node,
    /// Users and groups 0 to [`Users::COUNT`] of a user namespace are those of the node from
    /// `first` on. Nobody else is there. Files of the root and of bind mounts appear with the
    /// container's numbers; ids in the options of file systems are the node's.
    Own {
        /// The node's number for user and group 0; a multiple of [`Users::COUNT`], not 0.
        first: u32,
    },
}

impl Users {
    /// How many users, and groups, a container of its own users has: all that 16 bits hold, as
    /// images expect.
    pub const COUNT: u32 = 0x1_0000;
    /// Where machined begins to hand out ranges: far above any user of the node.
    pub const FIRST: u32 = 0x10_0000;
    /// Where the last range begins: devpts reads the numbers in its options as signed ones.
    pub const LAST: u32 = 0x7fff_0000;

    /// Whether the range is one that can be given: whole, and none of the node's own.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Node => true,
            Self::Own { first } => {
                first != 0 && first.is_multiple_of(Self::COUNT) && first <= Self::LAST
            }
        }
    }

    /// Whether `id` is a user or group there.
    #[must_use]
    pub const fn has(self, id: u32) -> bool {
        match self {
            Self::Node => id != u32::MAX,
            Self::Own { .. } => id < Self::COUNT,
        }
    }
}

/// Which network a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The node's.
    Node,
    /// One of its own with nothing but `lo`, which is up.
    Alone,
}

/// A device of the node that a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device<'a> {
    /// Its path on the node.
    pub source: &'a str,
    /// Its path in the container.
    pub target: &'a str,
    /// What everybody in the container may do with it.
    pub access: DeviceAccess,
}

/// What may be done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceAccess {
    /// It is read.
    Read,
    /// It is written.
    Write,
    /// Both.
    ReadWrite,
}

/// One mount of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount<'a> {
    /// The path on the node, or what a file system calls its source.
    pub source: &'a str,
    /// The path that the service sees.
    pub target: &'a str,
    /// What is mounted.
    #[serde(borrow)]
    pub kind: Kind<'a>,
    /// Attributes of the mount.
    pub attributes: Attributes,
    /// Attributes of the mount and of all below it.
    pub below: Attributes,
    /// How mounts travel in and out of it; `None`: as those of the source do.
    pub propagation: Option<Propagation>,
    /// What is done where the source or the target is not there.
    pub missing: Missing,
}

impl<'a> Mount<'a> {
    /// The node's mounts at `source` and below, on which set-user-ID bits and devices have no
    /// effect.
    #[must_use]
    pub const fn bind(source: &'a str, target: &'a str, access: Access) -> Self {
        let restrict = match access {
            Access::ReadOnly => Attributes::RDONLY,
            Access::ReadWrite => 0,
        };
        Self {
            source,
            target,
            kind: Kind::BindTree,
            attributes: Attributes::NONE,
            below: Attributes {
                set: Attributes::NOSUID | Attributes::NODEV | restrict,
                clear: 0,
            },
            propagation: None,
            missing: Missing::Fails,
        }
    }
}

/// What may be done with a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    ReadOnly,
    /// It is read and written.
    ReadWrite,
}

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind<'a> {
    /// The file or folder at the source, without what is mounted below it.
    Bind,
    /// The file or folder at the source with all that is mounted below it.
    BindTree,
    /// A file system of its own.
    FileSystem {
        /// Its type.
        name: &'a str,
        /// `MS_*` flags of mount(2) that belong to the file system.
        flags: u32,
        /// Its options, with commas between them.
        options: &'a str,
    },
}

/// Attributes of a mount, as masks of `MOUNT_ATTR_*` (mount_setattr(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attributes {
    /// To be set.
    pub set: u32,
    /// To be cleared.
    pub clear: u32,
}

impl Attributes {
    /// Nothing is changed.
    pub const NONE: Self = Self { set: 0, clear: 0 };
    /// `MOUNT_ATTR_RDONLY`.
    pub const RDONLY: u32 = 0x1;
    /// `MOUNT_ATTR_NOSUID`.
    pub const NOSUID: u32 = 0x2;
    /// `MOUNT_ATTR_NODEV`.
    pub const NODEV: u32 = 0x4;
    /// `MOUNT_ATTR_NOEXEC`.
    pub const NOEXEC: u32 = 0x8;
    /// `MOUNT_ATTR__ATIME`: the three values below are one field.
    pub const ATIME: u32 = 0x70;
    /// `MOUNT_ATTR_NOATIME`.
    pub const NOATIME: u32 = 0x10;
    /// `MOUNT_ATTR_STRICTATIME`.
    pub const STRICTATIME: u32 = 0x20;
    /// `MOUNT_ATTR_NODIRATIME`.
    pub const NODIRATIME: u32 = 0x80;
    /// `MOUNT_ATTR_NOSYMFOLLOW`.
    pub const NOSYMFOLLOW: u32 = 0x0020_0000;
}

/// How mounts travel (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propagation {
    /// Where to.
    pub kind: Travel,
    /// Whether all mounts below do the same.
    pub below: bool,
}

/// Where mounts travel to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Travel {
    /// Nowhere.
    Private,
    /// From the node to the service.
    Slave,
    /// Both ways.
    Shared,
    /// Nowhere, and it cannot be bound.
    Unbindable,
}

/// What is done where the source or the target of a mount is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// The service does not start.
    Fails,
    /// They are made: the source as a folder, the target as what the source is.
    IsMade,
}
