// SPDX-License-Identifier: MPL-2.0
//! What logd promises, with the real program, real pipes and the real kernel log.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod controllers;
mod growing;
mod lasting;
mod lines;
mod node;
mod refusals;
mod syslog;

use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a writer also when the test fails.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
