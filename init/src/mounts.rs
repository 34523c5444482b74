// SPDX-License-Identifier: MPL-2.0
//! The kernel's own file systems and the memory ones: what is mounted where, and why.
//!
//! Owns: the two tables of mounts.
//! Never: mounts anything that is on a disk.

use core::ffi::CStr;

use sys::fs::Mode;
use sys::io::Errno;
use sys::mount::{MountFlags, MountPropagationFlags};

use crate::fatal::Fatal;
use crate::say;

/// One mount.
#[derive(Debug, Clone, Copy)]
pub struct Mount {
    /// The type of file system.
    kind: &'static CStr,
    /// Where.
    at: &'static CStr,
    /// The same, for messages.
    name: &'static str,
    flags: MountFlags,
    options: Option<&'static CStr>,
    need: Need,
}

/// Whether the boot can go on without a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It cannot.
    Required,
    /// It can: some kernels do not have it.
    Optional,
}

/// Makes a row.
macro_rules! mount {
    ($kind:literal $at:literal $flags:ident $options:literal $need:ident) => {
        Mount {
            kind: match CStr::from_bytes_with_nul(concat!($kind, "\0").as_bytes()) {
                Ok(kind) => kind,
                Err(_) => c"",
            },
            at: match CStr::from_bytes_with_nul(concat!($at, "\0").as_bytes()) {
                Ok(at) => at,
                Err(_) => c"",
            },
            name: $at,
            flags: $flags,
            options: match CStr::from_bytes_with_nul(concat!($options, "\0").as_bytes()) {
                Ok(options) => Some(options),
                Err(_) => None,
            },
            need: Need::$need,
        }
    };
}

const PLAIN: MountFlags = MountFlags::empty();
const NOSUID: MountFlags = MountFlags::NOSUID;
const NOEXEC: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC);
const NODEV: MountFlags = NOEXEC.union(MountFlags::NODEV);
const NODEV_EXEC: MountFlags = NOSUID.union(MountFlags::NODEV);

/// What the first stage needs; it moves into the root with it.
pub const EARLY: &[Mount] = &[
    // devtmpfs comes first: until it is there, a failure has no console to go to.
    mount!("devtmpfs" "/dev" NOSUID "mode=0755" Required),
    // The command line, and mounts and processes later.
    mount!("proc" "/proc" NODEV "" Required),
    // Devices for udevd; cgroups, BPF and security file systems are mounted in it.
    mount!("sysfs" "/sys" NODEV "" Required),
];

/// What services need.
pub const LATE: &[Mount] = &[
    // Sockets and runtime state.
    mount!("tmpfs" "/run" NODEV "mode=0755,size=25%" Required),
    // What agents write: /etc files, the configuration, sockets of the machine API.
    mount!("tmpfs" "/system" PLAIN "mode=0755,size=25%" Required),
    // EPHEMERAL, until there is a disk to hold it: what extension services keep is lost with the
    // power, and no error before.
    mount!("tmpfs" "/var" NODEV_EXEC "mode=0755,size=50%" Required),
    // Scratch space, small because it is memory.
    mount!("tmpfs" "/tmp" NODEV "mode=1777,size=64M" Required),
    // Pseudo-terminals of containers: group 5 is tty.
    mount!("devpts" "/dev/pts" NOEXEC "ptmxmode=000,mode=620,gid=5" Optional),
    // POSIX shared memory.
    mount!("tmpfs" "/dev/shm" NODEV "mode=1777,size=25%" Required),
    // What holds every service. Delegation keeps a container inside its own part.
    mount!("cgroup2" "/sys/fs/cgroup" NODEV "nsdelegate" Required),
    // Pinned BPF programs of network plugins.
    mount!("bpf" "/sys/fs/bpf" NODEV "mode=0700" Optional),
    // Security modules tell here what is on.
    mount!("securityfs" "/sys/kernel/security" NODEV "" Optional),
];

/// Makes the mounts of a table, in order.
///
/// # Errors
/// When a required one cannot be made.
pub fn make(table: &[Mount]) -> Result<(), Fatal> {
    for mount in table {
        match make_one(mount) {
            // BUSY: the kernel has mounted devtmpfs itself.
            Ok(()) | Err(Errno::BUSY) => {}
            Err(errno) => match mount.need {
                Need::Required => return Err(Fatal::during("mount", mount.name)(errno)),
                Need::Optional => {
                    say!("mount {}: {}", mount.name, sys::errno::name(errno));
                }
            },
        }
    }
    Ok(())
}

/// Lets later mounts of the node reach into the namespaces of its services: of a volume that is
/// mounted when they run already they would see nothing otherwise.
///
/// # Errors
/// The kernel's.
pub fn share() -> Result<(), Fatal> {
    sys::mount::mount_change(
        c"/",
        MountPropagationFlags::SHARED | MountPropagationFlags::REC,
    )
    .map_err(Fatal::during("share", "the mounts"))
}

fn make_one(mount: &Mount) -> Result<(), Errno> {
    // Folders exist in the root, which is read-only; the initramfs and /dev need them made.
    match sys::fs::mkdir(mount.at, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST | Errno::ROFS | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    sys::mount::mount(mount.kind, mount.at, mount.kind, mount.flags, mount.options)
}
