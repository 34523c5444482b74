// SPDX-License-Identifier: MPL-2.0
//! What time it is.
//!
//! Owns: reading clocks.
//! Never: decides anything by them.

use sys::time::{ClockId, Timespec, clock_gettime};

/// A time in nanoseconds; 0 for one before the clock's own beginning.
fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Nanoseconds since the machine started. The kernel stamps its records with this clock; it
/// stands still while the machine is suspended.
fn since_start_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Milliseconds since the machine started.
#[must_use]
pub fn since_start_ms() -> u64 {
    since_start_ns().checked_div(1_000_000).unwrap_or(0)
}

/// The time of day, in nanoseconds after the epoch.
#[must_use]
pub fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// When the machine started, by the clock as it is now, in nanoseconds after the epoch.
#[must_use]
pub fn started_at_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime)).saturating_sub(since_start_ns())
}
