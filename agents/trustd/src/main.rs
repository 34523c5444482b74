// SPDX-License-Identifier: MPL-2.0
//! Certificates for nodes that have no CA key.
//!
//! Owns: the start: readiness, the runtime of one thread, and the paths of the real node.
//! Never: takes arguments or a configuration file; machined tells what is to be known.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use agent::journal;
use trustd::Places;

fn main() -> ExitCode {
    // Before anything opens a descriptor, as `take` asks.
    let ready = sys::inherited::take(proto::paths::READY_FD).ok();
    // A full log pipe must cost a line, never hold up a node that joins.
    let _ = sys::io::ioctl_fionbio(std::io::stdout(), true);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            journal::say(format_args!("cannot start the event loop: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(trustd::run(Places::node(), ready)) {
        Ok(never) => match never {},
        Err(error) => {
            journal::say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}
