// SPDX-License-Identifier: MPL-2.0
//! Partitions that init mounts when it is asked to: which, where, and how.
//!
//! A disk may let the kernel wait for long, so each is mounted by a child of init that ends with
//! the errno; init hears of it as it hears of every end.
//!
//! Owns: the table of volumes, and what is known of each.
//! Never: waits for a disk, reads what is on one (the kernel does), or makes a file system.

use core::ffi::CStr;

use proto::supervisor::{Mounting, Volume};
use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::mount::{MountFlags, UnmountFlags};
use sys::process::Pid;

use crate::say;

/// One volume.
#[derive(Debug)]
struct Row {
    /// Its label, for messages.
    label: &'static str,
    /// Its device: udevd makes the link.
    device: &'static CStr,
    at: &'static CStr,
    /// Who may look into it.
    mode: u32,
    flags: MountFlags,
}

/// Neither programs nor devices nor set-user-ID bits: only what machined writes there. Reading must
/// not write (`noatime`).
const FILES_ONLY: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME);

/// The machine configuration, which holds keys, so it is root's alone.
const STATE: Row = Row {
    label: "STATE",
    device: c"/dev/disk/by-partlabel/STATE",
    at: c"/system/state",
    mode: 0o700,
    flags: FILES_ONLY,
};

/// What may be on a volume. The kernel refuses what is not of the kind (`EINVAL`).
const KINDS: &[&CStr] = &[c"xfs", c"ext4"];

/// What is known of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Status {
    /// Nobody asked for it.
    #[default]
    Unasked,
    /// This child is at it.
    Asked(Pid),
    /// So it went.
    Known(Mounting),
}

/// All volumes.
#[derive(Debug, Default)]
pub struct Volumes {
    state: Status,
}

impl Volumes {
    /// Begins to mount a volume, unless it is mounted or somebody is at it.
    pub fn ask(&mut self, volume: Volume) {
        match self.of(volume) {
            Status::Asked(_) | Status::Known(Mounting::Done) => {}
            Status::Unasked | Status::Known(Mounting::Failed(_)) => {
                *self.of_mut(volume) = send(row(volume));
            }
        }
    }

    /// How it went; nothing while somebody is at it.
    #[must_use]
    pub fn outcome(&self, volume: Volume) -> Option<Mounting> {
        match self.of(volume) {
            Status::Known(outcome) => Some(outcome),
            Status::Unasked | Status::Asked(_) => None,
        }
    }

    /// Takes in the end of a process that may have been at one of the volumes; `code` is what it
    /// exited with, if it was not killed.
    pub fn ended(&mut self, pid: Pid, code: Option<i32>) {
        for volume in [Volume::State] {
            if self.of(volume) == Status::Asked(pid) {
                let outcome = outcome(code);
                tell(row(volume), outcome);
                *self.of_mut(volume) = Status::Known(outcome);
            }
        }
    }

    const fn of(&self, volume: Volume) -> Status {
        match volume {
            Volume::State => self.state,
        }
    }

    const fn of_mut(&mut self, volume: Volume) -> &mut Status {
        match volume {
            Volume::State => &mut self.state,
        }
    }
}

const fn row(volume: Volume) -> &'static Row {
    match volume {
        Volume::State => &STATE,
    }
}

/// What a child's end says: it exits with the errno, 0 for none.
fn outcome(code: Option<i32>) -> Mounting {
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Mounting::Done,
        Some(errno) => Mounting::Failed(errno),
        // Killed: the machine has no memory left, or goes down.
        None => Mounting::Failed(as_code(Errno::INTR)),
    }
}

/// Sends off a child that mounts a volume, if its device is there: to look waits for no disk.
fn send(row: &'static Row) -> Status {
    if let Err(errno) = sys::fs::stat(row.device) {
        return Status::Known(Mounting::Failed(as_code(errno)));
    }
    let child = || mount(row).map_or_else(as_code, |()| 0);
    match sys::spawn::spawn(sys::spawn::Placement::BESIDE, &[], child, as_code) {
        Ok(spawned) => Status::Asked(spawned.pid),
        Err(errno) => {
            let outcome = Mounting::Failed(as_code(errno));
            tell(row, outcome);
            Status::Known(outcome)
        }
    }
}

/// Says how it went. A node without the partition is an ordinary one and is not told of.
fn tell(row: &Row, outcome: Mounting) {
    let label = row.label;
    match outcome {
        Mounting::Done => say!("volume {label}: mounted"),
        Mounting::Failed(errno) if errno == as_code(Errno::INVAL) => {
            say!("volume {label}: no file system of a kind that this node knows (xfs, ext4)");
        }
        Mounting::Failed(errno) => {
            say!(
                "volume {label}: not mounted: {}",
                sys::errno::name_of(errno.into())
            );
        }
    }
}

/// An errno as an exit code; all of Linux's fit.
fn as_code(errno: Errno) -> u8 {
    u8::try_from(errno.raw_os_error()).unwrap_or(u8::MAX)
}

/// Mounts a volume. In the child: may wait for the disk.
fn mount(row: &Row) -> Result<(), Errno> {
    // The link's device, not a file that lies there: only block devices can be mounted.
    let mut last = Errno::INVAL;
    for kind in KINDS {
        match sys::mount::mount(row.device, row.at, *kind, row.flags, None) {
            Ok(()) => return restrict(row),
            Err(errno) => last = errno,
        }
        if last != Errno::INVAL {
            break;
        }
    }
    Err(last)
}

/// Closes the volume's top folder to others, in case that whoever made it did not.
fn restrict(row: &Row) -> Result<(), Errno> {
    let restricted = (|| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = sys::fs::open(row.at, flags, Mode::empty())?;
        let stat = sys::fs::fstat(&folder)?;
        // A start must not write when there is nothing to change.
        if stat.st_mode & 0o7777 == row.mode && stat.st_uid == 0 {
            return Ok(());
        }
        sys::fs::fchown(
            &folder,
            Some(sys::process::Uid::ROOT),
            Some(sys::process::Gid::ROOT),
        )?;
        sys::fs::fchmod(&folder, Mode::from_raw_mode(row.mode))
    })();
    if restricted.is_err() {
        // Open to others it is worse than not there.
        let _ = sys::mount::unmount(row.at, UnmountFlags::DETACH);
    }
    restricted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_childs_end_says_how_it_went() {
        for (code, expected) in [
            (Some(0), Mounting::Done),
            (Some(2), Mounting::Failed(2)),
            (Some(133), Mounting::Failed(133)),
            (None, Mounting::Failed(4)),
        ] {
            assert_eq!(outcome(code), expected);
        }
    }

    #[test]
    fn a_volume_is_known_when_its_child_has_ended_and_mounted_ones_are_left_alone() {
        let (Some(child), Some(other)) = (Pid::from_raw(77), Pid::from_raw(78)) else {
            panic!("no numbers");
        };
        let mut volumes = Volumes {
            state: Status::Asked(child),
        };

        volumes.ask(Volume::State);
        volumes.ended(other, Some(0));
        assert_eq!(volumes.outcome(Volume::State), None);
        volumes.ended(child, Some(0));
        volumes.ask(Volume::State);

        assert_eq!(volumes.outcome(Volume::State), Some(Mounting::Done));
    }
}
