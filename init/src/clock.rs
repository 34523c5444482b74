// SPDX-License-Identifier: MPL-2.0
//! The one clock that init uses.
//!
//! Owns: time since the boot, suspended time counted.
//! Never: is set by anybody.

use core::time::Duration;

use sys::time::{ClockId, clock_gettime};

/// How long ago the machine booted.
#[must_use]
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds.min(999_999_999))
}

/// A duration in whole milliseconds.
#[must_use]
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
