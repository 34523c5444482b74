// SPDX-License-Identifier: MPL-2.0
//! Control groups: one for init, one for each service, with their limits.
//!
//! Owns: `/sys/fs/cgroup/init` and everything below `/sys/fs/cgroup/system`.
//! Never: moves a process: services are born in their group.

use core::fmt::Write as _;

use sys::fd::{AsFd, OwnedFd};
use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::text::Text;

use crate::fatal::Fatal;
use crate::say;

/// Where services' groups are.
const SYSTEM: &str = "/sys/fs/cgroup/system";
/// The controllers that limits need; a kernel without one has its limits not.
const CONTROLLERS: &[&str] = &["+memory", "+pids", "+cpu"];
/// The longest path: a service's name has 63 bytes.
type Path = Text<128>;

/// Where init's own group is.
const INIT: &str = "/sys/fs/cgroup/init";

/// The topmost group.
const TOP: &str = "/sys/fs/cgroup";

/// Where init is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// In the topmost group, from which it is still to move ([`adopt_init`]).
    OnTop,
    /// In its own group.
    AtHome,
}

/// Makes the groups that all others stand in and gives them their controllers. On a machine init
/// may move later: nothing waits for the kernel as long as the groups are empty. In a container the
/// topmost group has no controllers to give while init is in it (cgroup-v2.rst, "No Internal
/// Process Constraint"; only the machine's own topmost group is exempt).
///
/// # Errors
/// When the groups cannot be made. A missing controller is only said.
pub fn make_tree() -> Result<Init, Fatal> {
    for folder in [INIT, SYSTEM] {
        make_folder(folder).map_err(Fatal::during("make", "the control groups"))?;
    }
    let mut init = Init::OnTop;
    if write("/sys/fs/cgroup/cgroup.subtree_control", "+pids") == Err(Errno::BUSY) {
        adopt_init().map_err(Fatal::during("join", INIT))?;
        init = Init::AtHome;
    }
    for group in [TOP, SYSTEM] {
        for controller in CONTROLLERS {
            let mut path = Path::new();
            let _ = write!(path, "{group}/cgroup.subtree_control");
            if let Err(errno) = write(path.as_str(), controller) {
                say!(
                    "cgroup controller {controller}: {}",
                    sys::errno::name(errno)
                );
            }
        }
    }
    Ok(init)
}

/// Moves init into its group, from another process: to move one, the kernel first lets every
/// processor pass through a quiet moment, which takes several clock ticks (cgroup_attach_lock,
/// RCU). Meanwhile no group can be made, so it is done when the core services have theirs.
///
/// # Errors
/// The kernel's.
pub fn adopt_init() -> Result<(), Errno> {
    let mut path = Path::new();
    let _ = write!(path, "{INIT}/cgroup.procs");
    write(path.as_str(), "1")
}

/// The limits of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; 0 for no limit.
    pub memory_max: u64,
    /// Processes; 0 for no limit.
    pub pids_max: u32,
    /// Its share of the processors while they are all busy; 0 for the usual one.
    pub cpu_weight: u16,
    /// Microseconds of processors in each [`CPU_PERIOD_US`]; 0 for no limit.
    pub cpu_max_us: u32,
}

/// What the kernel takes unless told; a service that used its time up waits this long at most.
const CPU_PERIOD_US: u32 = 100_000;

/// Makes a service's group anew, sets its limits, and opens it. A group that was killed once is
/// not used again: newer kernels (seen on 6.18) end what clone3 puts into it. One that still has
/// processes is kept.
///
/// # Errors
/// The kernel's.
pub fn open(name: &str, limits: Limits) -> Result<OwnedFd, Errno> {
    let path = path_of(name);
    remove(name);
    make_folder(path.as_str())?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let group = sys::fs::open(path.as_str(), flags, Mode::empty())?;
    set(&group, "memory.max", limits.memory_max)?;
    set(&group, "pids.max", u64::from(limits.pids_max))?;
    // A new group has the usual weight.
    if limits.cpu_weight > 0 {
        set(&group, "cpu.weight", u64::from(limits.cpu_weight))?;
    }
    // A new group has no such limit.
    if limits.cpu_max_us > 0 {
        let mut value = Text::<24>::new();
        let _ = write!(value, "{} {CPU_PERIOD_US}", limits.cpu_max_us);
        set_text(&group, "cpu.max", value.as_str())?;
    }
    // Memory beyond the limit is none, and not slower memory.
    if limits.memory_max > 0 {
        set_text(&group, "memory.swap.max", "0")?;
    }
    // One process killed for lack of memory takes the others with it: half a service is none.
    set_text(&group, "memory.oom.group", "1")?;
    Ok(group)
}

/// Sets one limit. Without its controller there is no file, and only no limit can be set.
fn set(group: &OwnedFd, file: &str, limit: u64) -> Result<(), Errno> {
    let mut value = Text::<24>::new();
    let _ = match limit {
        0 => write!(value, "max"),
        _ => write!(value, "{limit}"),
    };
    set_text(group, file, value.as_str())
}

/// Sets one limit as the kernel spells it.
fn set_text(group: &OwnedFd, file: &str, value: &str) -> Result<(), Errno> {
    match write_at(group, file, value) {
        // Said once at the start, by make_tree.
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Ends every process of a service, whatever it forked.
pub fn kill(name: &str) {
    let mut path = path_of(name);
    let _ = write!(path, "/cgroup.kill");
    let _ = write(path.as_str(), "1");
}

/// How many processes of a service the kernel has killed for lack of memory.
#[must_use]
pub fn oom_kills(name: &str) -> u64 {
    let mut path = path_of(name);
    let _ = write!(path, "/memory.events");
    let mut buffer = [0; 512];
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    sys::fs::open(path.as_str(), flags, Mode::empty())
        .and_then(|file| sys::io::read(&file, &mut buffer[..]))
        .ok()
        .and_then(|len| core::str::from_utf8(buffer.get(..len)?).ok())
        .map_or(0, count_oom_kills)
}

/// Finds the count in `memory.events`.
fn count_oom_kills(events: &str) -> u64 {
    events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))
        .and_then(|count| count.parse().ok())
        .unwrap_or(0)
}

/// Removes a service's group; one with processes stays.
pub fn remove(name: &str) {
    let _ = sys::fs::rmdir(path_of(name).as_str());
}

fn path_of(name: &str) -> Path {
    let mut path = Path::new();
    let _ = write!(path, "{SYSTEM}/{name}");
    path
}

fn make_folder(path: &str) -> Result<(), Errno> {
    match sys::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn write(path: &str, text: &str) -> Result<(), Errno> {
    write_at(sys::fs::CWD, path, text)
}

fn write_at(folder: impl AsFd, path: &str, text: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = sys::fs::openat(folder, path, flags, Mode::empty())?;
    sys::io::write(&file, text.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::count_oom_kills;

    #[test]
    fn oom_kills_are_counted_as_the_kernel_does() {
        let events = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n";

        assert_eq!(count_oom_kills(events), 3);
    }

    #[test]
    fn oom_kills_that_cannot_be_read_are_none() {
        for events in ["", "oom_kill", "oom_kill x", "oom_kill -1", "oom_kills 3"] {
            assert_eq!(count_oom_kills(events), 0, "{events:?}");
        }
    }
}
