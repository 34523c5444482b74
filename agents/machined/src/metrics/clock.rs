// SPDX-License-Identifier: MPL-2.0
//! How the kernel keeps its clock.
//!
//! Owns: adjtimex(2) as metrics.
//! Never: moves the clock.

use sys::adjtime::{Discipline, Pulse};

use super::Failure;
use super::exposition::{Kind, Signed, Text};
use super::source::Source;

/// Parts per million, times 65536 (adjtimex(2), "Notes").
const SCALE: f64 = 65_536.0 * 1_000_000.0;
/// What adjtimex(2) returns for a clock that is not kept by anything reliable.
const TIME_ERROR: usize = 5;

pub(super) fn timex(_source: &Source, text: &mut Text) -> Result<(), Failure> {
    tell(&sys::adjtime::read().map_err(|_errno| Failure::Read)?, text);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a frequency has 32 bits")]
fn scaled(frequency: i64) -> f64 {
    frequency as f64 / SCALE
}

const fn nanoseconds(parts: i64) -> Signed {
    let per_one = 1_000_000_000;
    Signed { parts, per_one }
}

fn tell(discipline: &Discipline, text: &mut Text) {
    states(discipline, text);
    times(discipline, text);
    frequencies(discipline, text);
    counts(&discipline.pulse, text);
}

/// Whether it is kept, and how.
fn states(discipline: &Discipline, text: &mut Text) {
    let pulse = &discipline.pulse;
    let is_synced = discipline.state != TIME_ERROR;
    for (name, help, value) in [
        (
            "node_timex_sync_status",
            "1 while something reliable keeps the clock, else 0.",
            i64::from(is_synced),
        ),
        (
            "node_timex_status",
            "The STA bits of adjtimex(2), as a number.",
            i64::from(discipline.flags),
        ),
        (
            "node_timex_loop_time_constant",
            "How eagerly the loop follows (constant of adjtimex(2)).",
            discipline.constant,
        ),
        (
            "node_timex_tai_offset_seconds",
            "By how much atomic time is ahead, in seconds.",
            i64::from(discipline.tai_s),
        ),
        (
            "node_timex_pps_shift_seconds",
            "Length of an interval between pulses, as a power of two of seconds.",
            i64::from(pulse.shift),
        ),
    ] {
        text.one(name, Kind::Gauge, help, value);
    }
}

/// Times, which the kernel counts in other units.
fn times(discipline: &Discipline, text: &mut Text) {
    let pulse = &discipline.pulse;
    for (name, help, value) in [
        (
            "node_timex_offset_seconds",
            "How far the clock is from its reference.",
            discipline.offset_ns,
        ),
        (
            "node_timex_maxerror_seconds",
            "How wrong the clock may be at most.",
            discipline.max_error_ns,
        ),
        (
            "node_timex_estimated_error_seconds",
            "How wrong the clock is thought to be.",
            discipline.estimated_error_ns,
        ),
        (
            "node_timex_tick_seconds",
            "Time from one tick of the clock to the next.",
            discipline.tick_us.saturating_mul(1000),
        ),
        (
            "node_timex_pps_jitter_seconds",
            "How much the pulse trembles.",
            pulse.jitter_ns,
        ),
    ] {
        text.one(name, Kind::Gauge, help, nanoseconds(value));
    }
}

/// Frequencies.
fn frequencies(discipline: &Discipline, text: &mut Text) {
    let pulse = &discipline.pulse;
    for (name, help, value) in [
        (
            "node_timex_frequency_adjustment_ratio",
            "How fast the clock is made to run; 1 is as it would by itself.",
            1.0 + scaled(discipline.frequency),
        ),
        (
            "node_timex_pps_frequency_hertz",
            "How far the pulse's frequency is off.",
            scaled(pulse.frequency),
        ),
        (
            "node_timex_pps_stability_hertz",
            "How much the pulse's frequency wandered of late.",
            scaled(pulse.stability),
        ),
    ] {
        text.one(name, Kind::Gauge, help, value);
    }
}

/// What went wrong with a pulse.
fn counts(pulse: &Pulse, text: &mut Text) {
    for (name, help, value) in [
        (
            "node_timex_pps_jitter_total",
            "Pulses that trembled too much.",
            pulse.jitters,
        ),
        (
            "node_timex_pps_calibration_total",
            "Intervals in which the clock was compared with the pulse.",
            pulse.calibrations,
        ),
        (
            "node_timex_pps_error_total",
            "Intervals of which nothing could be learned.",
            pulse.errors,
        ),
        (
            "node_timex_pps_stability_exceeded_total",
            "Times that the pulse's frequency wandered too far.",
            pulse.wanders,
        ),
    ] {
        text.one(name, Kind::Counter, help, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_told_in_seconds_and_ratios() {
        let discipline = Discipline {
            offset_ns: -37_060_203,
            frequency: -1_302_069,
            max_error_ns: 16_000_000_000,
            estimated_error_ns: 500_000,
            constant: 7,
            flags: 0x2001,
            tick_us: 10_000,
            tai_s: 37,
            state: 0,
            ..Discipline::default()
        };
        let told = |discipline: &Discipline| {
            let mut text = Text::default();
            tell(discipline, &mut text);
            text.finish()
        };

        let text = told(&discipline);

        for line in [
            "# TYPE node_timex_pps_error_total counter",
            "node_timex_offset_seconds -0.037060203",
            "node_timex_frequency_adjustment_ratio 0.9999801320037842",
            "node_timex_maxerror_seconds 16",
            "node_timex_estimated_error_seconds 0.0005",
            "node_timex_loop_time_constant 7",
            "node_timex_status 8193",
            "node_timex_sync_status 1",
            "node_timex_tai_offset_seconds 37",
            "node_timex_tick_seconds 0.01",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
        let unkept = Discipline {
            state: TIME_ERROR,
            ..discipline
        };
        assert!(told(&unkept).contains("node_timex_sync_status 0\n"));
    }
}
