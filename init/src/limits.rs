// SPDX-License-Identifier: MPL-2.0
//! Resource limits that every process of the node inherits.
//!
//! Owns: the number of open files, as the documents give it, and who Ctrl-Alt-Del asks.
//! Never: limits a service; the sandbox and cgroups do.

use sys::process::{Resource, Rlimit, setrlimit};
use sys::system::RebootCommand;

use crate::say;

/// Open files per process: container runtimes need many; agents get fewer from the sandbox.
const OPEN_FILES: u64 = 1_048_576;

/// Sets them. What cannot be set is said: no limit is worth the boot.
pub fn raise() {
    let limit = Rlimit {
        current: Some(OPEN_FILES),
        maximum: Some(OPEN_FILES),
    };
    if let Err(errno) = setrlimit(Resource::Nofile, limit) {
        say!("limit of open files: {}", sys::errno::name(errno));
    }
    // Ctrl-Alt-Del becomes SIGINT to init, which reboots in order. A namespace has no such key.
    let _ = sys::system::reboot(RebootCommand::CadOff);
}
