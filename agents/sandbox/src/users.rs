// SPDX-License-Identifier: MPL-2.0
//! The users of a container: a user namespace with a range of the node's users behind it.
//!
//! A user namespace is a process's until it is entered, and its map can be written only from
//! outside of it (user_namespaces(7)): a child is born in it, has its map written, and ends. The
//! sandbox stays outside, with the rights it needs, until everything is mounted.
//!
//! Owns: making user, network and host name namespaces, and entering them.
//! Never: leaves the child behind, or user namespaces open for others.

use core::fmt::Write as _;

use proto::container::{Container, Network, Users};
use proto::service::Stage;
use sys::fd::{AsFd as _, OwnedFd};
use sys::fs::{FlockOperation, Mode, OFlags};
use sys::io::Errno;
use sys::process::{Signal, WaitOptions};
use sys::spawn::{Placement, Spawned};
use sys::text::Text;
use sys::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};

use crate::{Failure, at};

/// How many user namespaces there may be for each user. A node has none (machined writes 0): they
/// open kernel code to everybody that only root reaches otherwise.
const LIMIT: &str = "/proc/sys/user/max_user_namespaces";
/// For the moment in which one is made.
const LIFTED: &str = "65536";
const CLOSED: &str = "0";

/// Makes the namespaces that do not hang together with mounts, and enters all but the one of
/// users, which is returned if there is one.
pub(crate) fn make(container: &Container<'_>) -> Result<Option<OwnedFd>, Failure> {
    let mut others = UnshareFlags::empty();
    others.set(UnshareFlags::NEWNET, container.network == Network::Alone);
    others.set(UnshareFlags::NEWUTS, !container.hostname.is_empty());
    let users = match container.users {
        Users::Node => {
            sys::spawn::unshare(others).map_err(at(Stage::Namespaces))?;
            None
        }
        Users::Own { first } => Some(make_with_users(first, others).map_err(at(Stage::Users))?),
    };
    if container.network == Network::Alone {
        sys::loopback::switch_on().map_err(at(Stage::Network))?;
    }
    if !container.hostname.is_empty() {
        let name = container.hostname.as_bytes();
        sys::system::sethostname(name).map_err(at(Stage::Network))?;
    }
    Ok(users)
}

/// Enters a user namespace for good, with every right there and none outside.
pub(crate) fn enter(users: &OwnedFd) -> Result<(), Errno> {
    sys::thread::move_into_link_name_space(users.as_fd(), Some(LinkNameSpaceType::User))
}

/// Makes a user namespace, and others that belong to it, and enters the others.
fn make_with_users(first: u32, others: UnshareFlags) -> Result<OwnedFd, Errno> {
    let placement = Placement {
        cgroup: None,
        namespaces: others | UnshareFlags::NEWUSER,
    };
    let child = match bear(placement) {
        Err(Errno::NOSPC) => bear_in_spite_of_the_limit(placement),
        born => born,
    }?;
    let entered = prepare(&child, first, others);
    // Whatever came of it, the child has done its part.
    sys::process::kill_process(child.pid, Signal::KILL)?;
    sys::process::waitpid(Some(child.pid), WaitOptions::empty())?;
    entered
}

/// Makes a child that does nothing.
fn bear(placement: Placement<'_>) -> Result<Spawned, Errno> {
    let wait = || loop {
        sys::event::pause();
    };
    sys::spawn::spawn(placement, &[], wait, |_| 0)
}

/// Makes a child although there may be no user namespaces. Only one sandbox at a time does so, and
/// nobody else is let in afterwards. A limit that the operator set is one.
fn bear_in_spite_of_the_limit(placement: Placement<'_>) -> Result<Spawned, Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let limit = sys::fs::open(LIMIT, flags, Mode::empty())?;
    sys::fs::flock(&limit, FlockOperation::LockExclusive)?;
    let mut value = [0; 16];
    let len = sys::io::pread(&limit, &mut value[..], 0)?;
    if value.get(..len).map(<[u8]>::trim_ascii) != Some(CLOSED.as_bytes()) {
        return bear(placement);
    }
    sys::io::pwrite(&limit, LIFTED.as_bytes(), 0)?;
    let born = bear(placement);
    sys::io::pwrite(&limit, CLOSED.as_bytes(), 0)?;
    // The child has this descriptor too, and would hold the lock until its end.
    sys::fs::flock(&limit, FlockOperation::Unlock)?;
    born
}

/// Writes the map of the child's namespace, opens it, and enters the others.
fn prepare(child: &Spawned, first: u32, others: UnshareFlags) -> Result<OwnedFd, Errno> {
    let pid = number_of(child)?;
    let mut map = Text::<48>::new();
    let _ = write!(map, "0 {first} {}", Users::COUNT);
    for file in ["uid_map", "gid_map"] {
        let file = open_of(pid, file, OFlags::WRONLY)?;
        sys::io::write(&file, map.as_bytes())?;
    }
    let mut kinds = ThreadNameSpaceType::empty();
    kinds.set(
        ThreadNameSpaceType::NETWORK,
        others.contains(UnshareFlags::NEWNET),
    );
    kinds.set(
        ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
        others.contains(UnshareFlags::NEWUTS),
    );
    if !kinds.is_empty() {
        sys::thread::move_into_thread_name_spaces(child.pidfd.as_fd(), kinds)?;
    }
    open_of(pid, "ns/user", OFlags::RDONLY)
}

/// Opens a file about a process.
fn open_of(pid: u32, file: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut path = Text::<48>::new();
    let _ = write!(path, "/proc/{pid}/{file}");
    sys::fs::open(path.as_str(), flags | OFlags::CLOEXEC, Mode::empty())
}

/// The child's number in `/proc`, which is still the node's, while its number for the sandbox is
/// the container's.
fn number_of(child: &Spawned) -> Result<u32, Errno> {
    let path = crate::mounts::about(&child.pidfd);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = sys::fs::open(path.as_str(), flags, Mode::empty())?;
    let mut text = [0; 512];
    let len = sys::io::read(&file, &mut text[..])?;
    let text = core::str::from_utf8(text.get(..len).unwrap_or_default());
    text.ok().and_then(find_number).ok_or(Errno::SRCH)
}

/// Finds the number in what the kernel says of a descriptor of a process (proc_pid_fdinfo(5)).
fn find_number(about: &str) -> Option<u32> {
    let line = about.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::find_number;

    #[test]
    fn the_number_of_a_process_is_found() {
        let about =
            "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t3\nPid:\t4711\nNSpid:\t4711\t2\n";

        assert_eq!(find_number(about), Some(4711));
    }

    #[test]
    fn a_process_that_is_gone_or_hidden_has_none() {
        for about in ["", "Pid:\t-1\n", "Pid:\n", "NSpid:\t7\n"] {
            assert_eq!(find_number(about), None, "{about:?}");
        }
    }
}
