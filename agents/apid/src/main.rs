// SPDX-License-Identifier: MPL-2.0
//! The only door of a node.
//!
//! Owns: the start: readiness, the runtime of one thread and a few that look up names, and the paths of the real node.
//! Never: takes arguments or a configuration file; machined tells what is to be known.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use agent::journal;
use apid::Places;

fn main() -> ExitCode {
    // Before anything opens a descriptor, as `take` asks.
    let ready = sys::inherited::take(proto::paths::READY_FD).ok();
    // A full log pipe must cost a line, never hold up the door.
    let _ = sys::io::ioctl_fionbio(std::io::stdout(), true);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // For names of other nodes, which libc looks up while its caller waits.
        .max_blocking_threads(apid::THREADS_MAX)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            journal::say(format_args!("cannot start the event loop: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(apid::run(Places::node(), ready)) {
        Ok(never) => match never {},
        Err(error) => {
            journal::say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}
