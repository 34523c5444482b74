// SPDX-License-Identifier: MPL-2.0
//! What belongs to the process itself: session, signals, limits.
//!
//! Owns: the process as a new program expects to find it.
//! Never: touches what others can see but `oom_score_adj`.

use core::fmt::Write as _;

use proto::service::{Seccomp, ServiceSpec};
use sys::fs::{Mode, OFlags};
use sys::io::Errno;
use sys::process::{Resource, Rlimit, setrlimit};
use sys::text::Text;

/// How many descriptors an agent may have: far more than its tables of connections hold.
const AGENT_DESCRIPTORS: u64 = 4096;

/// Makes the process a session of its own with default signals, and sets its limits.
pub(crate) fn set_up(spec: &ServiceSpec<'_>) -> Result<(), Errno> {
    match sys::process::setsid() {
        // PERM: it leads a session already, which is as good.
        Ok(_) | Err(Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    sys::signal::reset_all()?;
    sys::process::umask(Mode::WGRP | Mode::WOTH);
    set_oom_score(spec.oom_score_adj)?;
    // A core file would go to where nobody looks, and hold secrets.
    limit(Resource::Core, 0)?;
    match (&spec.container, spec.seccomp) {
        (Some(container), _) => match container.open_files_max {
            0 => Ok(()),
            max => limit(Resource::Nofile, u64::from(max)),
        },
        (None, Seccomp::Unconfined) => Ok(()),
        (None, Seccomp::Agent | Seccomp::Container) => limit(Resource::Nofile, AGENT_DESCRIPTORS),
    }
}

/// Sets both forms of a resource limit.
fn limit(resource: Resource, value: u64) -> Result<(), Errno> {
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value),
        },
    )
}

/// Says how gladly the kernel may kill it when memory is short. Protecting it takes a right that
/// a node inside a container may not have; it then runs unprotected.
fn set_oom_score(score: i16) -> Result<(), Errno> {
    let mut text = Text::<8>::new();
    let _ = write!(text, "{score}");
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = sys::fs::open(c"/proc/self/oom_score_adj", flags, Mode::empty())?;
    match sys::io::write(&file, text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(Errno::ACCESS) if score < 0 => Ok(()),
        Err(errno) => Err(errno),
    }
}
