// SPDX-License-Identifier: MPL-2.0
//! Whose the files are that this thread makes (setfsuid(2), setfsgid(2)).
//!
//! Owns: the user and group for access to files, apart from the process's own.
//! Never: changes who the process is for others.

use linux_raw_sys::general::{__NR_setfsgid, __NR_setfsuid};

use crate::arch::{NONE, syscall};
use crate::io::{self, Errno};

/// No user and no group: asks for the present one.
const ASK: u32 = u32::MAX;

/// From now on files that are made belong to `uid` and `gid`. Capabilities for files go with user 0
/// unless the thread keeps its capabilities when its users change.
///
/// # Errors
/// `PERM` when it did not happen: the kernel does not say why.
pub fn make_files_of(uid: u32, gid: u32) -> io::Result<()> {
    change(__NR_setfsgid, gid)?;
    change(__NR_setfsuid, uid)
}

#[expect(unsafe_code, reason = "a raw system call")]
fn change(call: u32, id: u32) -> io::Result<()> {
    for asked in [id, ASK] {
        // SAFETY: both calls take one number and touch no memory; they change what this thread may
        // do with files and nothing that Rust relies on.
        let before = unsafe { syscall(call, [asked as usize, NONE, NONE, NONE, NONE, NONE]) }?;
        if asked == ASK && before != id as usize {
            return Err(Errno::PERM);
        }
    }
    Ok(())
}
