// SPDX-License-Identifier: MPL-2.0
//! A file system that never answers, as that of a server that is gone.
//!
//! Owns: the mount, and its end.
//! Never: reads what the kernel asks of it.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use sys::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mount of FUSE whose server does not read. Whoever waits for an answer is told when it ends.
pub(crate) struct DeadMount {
    at: PathBuf,
    _server: File,
}

impl DeadMount {
    /// Makes the folder and mounts it there.
    pub(crate) fn at(at: &Path) -> Self {
        std::fs::create_dir(at).unwrap();
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let server = device.unwrap();
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            server.as_raw_fd()
        );
        let options = CString::new(options).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("dead", at, "fuse", flags, Some(options.as_c_str())).unwrap();
        Self {
            at: at.to_owned(),
            _server: server,
        }
    }
}

impl Drop for DeadMount {
    fn drop(&mut self) {
        // First the name, then the server: nobody comes upon a mount that fails.
        let _gone = unmount(&self.at, UnmountFlags::DETACH);
    }
}
