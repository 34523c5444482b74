// SPDX-License-Identifier: MPL-2.0
//! Folders on the memory file systems, who owns each, and why.
//!
//! Owns: the table of folders that must be there before any service.
//! Never: makes a folder that only one program knows: that one makes it.

use core::ffi::CStr;

use proto::paths::{UID_LOGD, UID_NETD, UID_ROOT};
use sys::fs::Mode;
use sys::process::{Gid, Uid};

use crate::fatal::Fatal;

/// One folder.
struct Folder {
    at: &'static CStr,
    mode: u32,
    uid: u32,
    gid: u32,
}

/// The folders, parents first.
const FOLDERS: &[Folder] = &[
    // The sockets of init and the agents; who may connect is each socket's mode.
    Folder {
        at: c"/run/ichor",
        mode: 0o755,
        uid: UID_ROOT,
        gid: UID_ROOT,
    },
    // logd's rings, which outlive logd.
    Folder {
        at: c"/run/ichor/log",
        mode: 0o700,
        uid: UID_LOGD,
        gid: UID_LOGD,
    },
    // What /etc links to: machined writes names, netd the resolver; each only its own files.
    Folder {
        at: c"/system/etc",
        mode: 0o1775,
        uid: UID_ROOT,
        gid: UID_NETD,
    },
    // The machine configuration, which holds keys.
    Folder {
        at: c"/system/state",
        mode: 0o700,
        uid: UID_ROOT,
        gid: UID_ROOT,
    },
    // Sockets of the machine API and of container runtimes.
    Folder {
        at: c"/system/run",
        mode: 0o751,
        uid: UID_ROOT,
        gid: UID_ROOT,
    },
    // The machine API; apid's group is on the socket.
    Folder {
        at: c"/system/run/machined",
        mode: 0o755,
        uid: UID_ROOT,
        gid: UID_ROOT,
    },
    // State of system services that may be lost.
    Folder {
        at: c"/system/var",
        mode: 0o700,
        uid: UID_ROOT,
        gid: UID_ROOT,
    },
];

/// Makes them.
///
/// # Errors
/// When one cannot be made.
pub fn make() -> Result<(), Fatal> {
    for folder in FOLDERS {
        let (uid, gid) = (Uid::from_raw(folder.uid), Gid::from_raw(folder.gid));
        let mode = Mode::from_raw_mode(folder.mode);
        sys::fs::mkdir(folder.at, mode)
            .and_then(|()| sys::fs::chown(folder.at, Some(uid), Some(gid)))
            .and_then(|()| sys::fs::chmod(folder.at, mode))
            .map_err(Fatal::during(
                "make",
                folder.at.to_str().unwrap_or("a folder"),
            ))?;
    }
    Ok(())
}
