// SPDX-License-Identifier: MPL-2.0
//! The real machined as if it were a process: what it runs ends when it is killed.
//!
//! Owns: its thread, its runtime, and their end.
//! Never: lets it tidy up; SIGKILL does not either.

use std::thread::JoinHandle;

use machined::Start;
use tokio::sync::oneshot;

/// A machined that runs; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(start: Start) -> Self {
        let (kill, killed) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    ended = machined::run(start) => ended.unwrap(),
                    _killed = killed => {}
                }
            });
            // Dropping the runtime drops all of its tasks where they wait.
        });
        Self {
            kill: Some(kill),
            thread: Some(thread),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.kill.take());
        if let Some(thread) = self.thread.take() {
            // It panicked: the test has seen that, or will.
            let _ended = thread.join();
        }
    }
}
