// SPDX-License-Identifier: MPL-2.0
//! What a service sees of file systems: mounts, and what makes it a container.
//!
//! The words are those of the OCI runtime specification; the numbers are the kernel's.
//!
//! Owns: mounts, the root of a container, its protected paths.
//! Never: holds options as text; machined has read them.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// The most masked, and the most read-only, paths.
pub const PATHS_MAX: usize = 24;

/// A container: namespaces of its own for processes, mounts and System V objects, a root that is
/// laid over its folder and goes with it, and `/proc`, `/dev`, `/sys` and `/run` of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container<'a> {
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
