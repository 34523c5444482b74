// SPDX-License-Identifier: MPL-2.0
//! Starts machined with the descriptors that init gave it.
//!
//! Owns: the thread that everything but looking at files runs in.
//! Never: opens a listening socket; init did.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use machined::Start;
use machined::journal::Journal;
use machined::places::Places;
use proto::paths::{FIRST_LISTENER_FD, READY_FD};

fn main() -> ExitCode {
    let journal = Journal::Node {
        kernel_log: PathBuf::from("/dev/kmsg"),
    };
    match start(journal.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal.console(format_args!("machined: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start(journal: Journal) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything else opens descriptors: these numbers must be the parent's.
    let ready = sys::inherited::take(READY_FD).ok();
    let door = sys::inherited::take(FIRST_LISTENER_FD)?;
    let api = sys::inherited::take(FIRST_LISTENER_FD.saturating_add(1))?;
    let trust = sys::inherited::take(FIRST_LISTENER_FD.saturating_add(2))?;
    let reader = sys::inherited::take(FIRST_LISTENER_FD.saturating_add(3))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(machined::THREADS_MAX)
        .build()?;
    runtime.block_on(machined::run(Start {
        places: Places::node(),
        journal,
        door,
        api,
        trust,
        reader,
        ready,
    }))
}
