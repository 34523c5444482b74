// SPDX-License-Identifier: MPL-2.0
//! Errands: what makes the boot better or quicker and what nobody waits for.
//!
//! Each is done by a child of init that ends with it, so that it can wait for the kernel while init
//! goes on, on another processor if there is one. init reaps it as any orphan.
//!
//! Owns: which errands there are, and how one is sent off.
//! Never: does what a service depends on.

use core::ffi::CStr;

use sys::fd::OwnedFd;
use sys::fs::{Advice, Mode, OFlags};
use sys::io::Errno;

use crate::{cgroup, say, services};

/// Unpacks init and the programs of the core services, below the folder `root`, into the page cache
/// before each is started: much of a program's start is otherwise spent on that, one program after
/// the other.
pub fn read_programs_ahead(root: &CStr) {
    let name = "read programs ahead";
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Opened here, before it moves: the child may get its turn only when it has become the root.
    let root = match sys::fs::open(root, flags, Mode::empty()) {
        Ok(root) => root,
        Err(errno) => return say!("{name}: {}", sys::errno::name(errno)),
    };
    send(name, || {
        let paths = services::CORE.iter().map(|row| row.path);
        for path in ["/sbin/init", proto::paths::SANDBOX]
            .into_iter()
            .chain(paths)
        {
            read_ahead(&root, path.trim_start_matches('/'))?;
        }
        Ok(())
    });
}

/// Moves init into its control group.
pub fn join_group() {
    send("join the control group", cgroup::adopt_init);
}

/// Reads a whole file into the page cache.
fn read_ahead(root: &OwnedFd, path: &str) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = sys::fs::openat(root, path, flags, Mode::empty())?;
    // No length: up to the end.
    sys::fs::fadvise(&file, 0, None, Advice::WillNeed)
}

/// Sends off a child that does it. What fails is said, and nothing else changes.
fn send(name: &str, errand: impl FnOnce() -> Result<(), Errno>) {
    let complain = |errno| {
        say!("{name}: {}", sys::errno::name(errno));
        1
    };
    let child = || errand().map_or_else(complain, |()| 0);
    if let Err(errno) = sys::spawn::spawn(sys::spawn::Placement::BESIDE, &[], child, complain) {
        complain(errno);
    }
}
