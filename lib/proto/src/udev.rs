// SPDX-License-Identifier: MPL-2.0
//! What udevd is asked over `/run/ichor/udevd.sock`. Only user 0 may ask.
//!
//! Owns: the operations of udevd.
//! Never: names a device by an unstable name where a stable one exists.

use serde::{Deserialize, Serialize};

use crate::{Greeting, Refusal};

messages! {
    /// What udevd is asked.
    pub enum Request {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// Answered when every event the kernel has sent so far is dealt with. Answer: `Settled`.
        /// Idempotent.
        2 => Settle(()),
        /// Answered as `Settle`, but not before udevd has dealt with more events than these, or
        /// with others because it was started again. Answer: `Settled`. Idempotent.
        3 => Changed(Settled),
    }
}

messages! {
    /// What udevd answers.
    pub enum Reply {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// Answers `Settle` and `Changed`.
        3 => Settled(Settled),
    }
}

/// What udevd has done since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Events dealt with, cold-plugged devices counted.
    pub events: u32,
    /// Times the kernel's queue overflowed and everything was looked at again.
    pub overruns: u32,
}
