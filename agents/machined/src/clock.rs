// SPDX-License-Identifier: MPL-2.0
//! The clocks, read in one place.
//!
//! Owns: reading them, and how a duration is written in a log.
//! Never: waits.

use std::fmt;
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

/// Reads both clocks. The monotonic one counts from the start of the machine, suspend included,
/// as the times of init's statuses do.
#[must_use]
pub(crate) fn now() -> resource::Now {
    let boot = sys::time::clock_gettime(sys::time::ClockId::Boottime);
    let monotonic = Duration::new(
        u64::try_from(boot.tv_sec).unwrap_or(0),
        u32::try_from(boot.tv_nsec).unwrap_or(0),
    );
    resource::Now {
        monotonic,
        wall: SystemTime::now(),
    }
}

/// What the calendar said at a moment of the monotonic clock, as far as it says today.
#[must_use]
pub(crate) fn wall_at(now: resource::Now, moment: Duration) -> SystemTime {
    let past = now.monotonic.saturating_sub(moment);
    let at = now.wall.checked_sub(past);
    // With a clock that was never set it may be before the epoch, which no client expects.
    at.unwrap_or(SystemTime::UNIX_EPOCH)
        .max(SystemTime::UNIX_EPOCH)
}

/// The wire form of a date.
#[must_use]
pub(crate) fn timestamp(date: SystemTime) -> Timestamp {
    let since = date
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

/// A duration that a caller wrote; `None` for one below zero or out of form. (The crate's own
/// conversion overflows on the smallest number.)
#[must_use]
pub(crate) fn duration(written: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(written.seconds).ok()?;
    let nanos = u32::try_from(written.nanos).ok();
    let nanos = nanos.filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

/// A duration as logs have it: `106.109µs`, `1.5s`, `2m3.5s`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took(pub Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs() / 60;
        let rest = self
            .0
            .saturating_sub(Duration::from_secs(minutes.saturating_mul(60)));
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let nanos = rest.as_nanos();
        // Three digits of fraction for each step between the unit and the nanosecond.
        let (digits, name) = match nanos {
            _ if minutes > 0 => (9_usize, "s"),
            0..1_000 => (0, "ns"),
            1_000..1_000_000 => (3, "µs"),
            1_000_000..1_000_000_000 => (6, "ms"),
            _ => (9, "s"),
        };
        let text = format!("{nanos:0width$}", width = digits.saturating_add(1));
        let (whole, fraction) = text.split_at(text.len().saturating_sub(digits));
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{whole}{point}{fraction}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svc_12_durations_are_written_as_logs_have_them() {
        for (nanos, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (106_109, "106.109µs"),
            (564_476, "564.476µs"),
            (1_000_000, "1ms"),
            (1_500_000_000, "1.5s"),
            (123_500_000_000, "2m3.5s"),
            (120_000_000_000, "2m0s"),
        ] {
            assert_eq!(Took(Duration::from_nanos(nanos)).to_string(), text);
        }
    }

    #[test]
    fn a_moment_before_the_epoch_is_the_epoch() {
        let now = resource::Now {
            monotonic: Duration::from_secs(100),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(10),
        };

        assert_eq!(wall_at(now, Duration::ZERO), SystemTime::UNIX_EPOCH);
        assert_eq!(wall_at(now, Duration::from_secs(200)), now.wall);
    }
}
