// SPDX-License-Identifier: MPL-2.0
//! Sizes, ages and dates as people read them.
//!
//! Owns: the rounding.
//! Never: reads a clock.

use std::time::Duration;

use pki::UnixTime;

/// Writes a size in powers of 1000, with one decimal below ten: `74 MB`, `1.2 GB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit < 6 {
        value /= 1000.0;
        unit = usize::saturating_add(unit, 1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit > 0 && value < 9.95 {
        format!("{value:.1} {name}")
    } else {
        format!("{value:.0} {name}")
    }
}

/// Writes a number of 10⁹ bytes with two decimals, as the table of mounts has it.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(crate) fn gigabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e9)
}

/// Writes which part of `size` is not `available`.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(crate) fn percent_used(size: u64, available: u64) -> String {
    if size == 0 {
        return "-".to_owned();
    }
    format!(
        "{:.2}%",
        100.0 * size.saturating_sub(available) as f64 / size as f64
    )
}

/// Writes a span of time in whole seconds: `19m27s`, `2h0m5s`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}h{minutes}m{rest}s")
    } else if minutes > 0 {
        format!("{minutes}m{rest}s")
    } else {
        format!("{rest}s")
    }
}

/// Writes the time since `then`: `19m27s ago`. A clock that is behind makes it `0s ago`.
pub(crate) fn age(then: Option<&prost_types::Timestamp>, now: UnixTime) -> String {
    match then {
        None => String::new(),
        Some(then) => {
            let seconds = u64::try_from(now.0.saturating_sub(then.seconds)).unwrap_or_default();
            format!("{} ago", span(Duration::from_secs(seconds)))
        }
    }
}

/// Writes the date of an instant: `2036-11-18` (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the days of 64-bit seconds are far from full"
)]
pub(crate) fn date(at: UnixTime) -> String {
    let days = at.0.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Writes an instant in UTC: `2036-11-18T07:05:09Z` (RFC 3339).
pub(crate) fn instant(at: UnixTime) -> String {
    let seconds = at.0.rem_euclid(86_400);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{}T{hours:02}:{minutes:02}:{:02}Z", date(at), seconds % 60)
}

/// Writes an instant to the microsecond, in UTC: `2036-11-18T07:05:09.000250Z`.
pub(crate) fn fine_instant(at: &prost_types::Timestamp) -> String {
    let whole = instant(UnixTime(at.seconds));
    let micros = u32::try_from(at.nanos).unwrap_or(0).wrapping_div(1000);
    format!("{}.{micros:06}Z", whole.trim_end_matches('Z'))
}

/// Writes an instant to the second, in UTC: `Nov 14 2023 22:13:20`.
pub(crate) fn date_and_time(at: UnixTime) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = date(at);
    let mut parts = date.rsplitn(3, '-');
    let (day, month, year) = (parts.next(), parts.next(), parts.next());
    let month = month
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|month| MONTHS.get(month.checked_sub(1)?))
        .unwrap_or(&"");
    let day = day.unwrap_or_default().trim_start_matches('0');
    let second = at.0.rem_euclid(86_400);
    let (hours, minutes, rest) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{month} {day:>2} {} {hours:02}:{minutes:02}:{rest:02}",
        year.unwrap_or_default()
    )
}

/// Writes how far `at` is from `now` in the largest unit that fits.
pub(crate) fn distance(at: UnixTime, now: UnixTime) -> String {
    let seconds = at.0.abs_diff(now.0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..31_536_000 => (seconds / 86_400, "day"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if at.0 >= now.0 {
        format!("{count} {unit}{plural} from now")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9949, "9.9 kB"),
            (9951, "10 kB"),
            (74_200_000, "74 MB"),
            (1_249_000_000, "1.2 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn a_file_system_without_a_size_has_no_percentage() {
        assert_eq!(percent_used(0, 0), "-");
        assert_eq!(percent_used(200, 50), "75.00%");
        assert_eq!(percent_used(50, 200), "0.00%");
    }

    #[test]
    fn spans_and_ages_are_whole_seconds() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (1167, "19m27s"),
            (7205, "2h0m5s"),
            (360_000, "100h0m0s"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        let then = prost_types::Timestamp {
            seconds: 100,
            nanos: 0,
        };
        assert_eq!(age(Some(&then), UnixTime(160)), "1m0s ago");
        assert_eq!(age(Some(&then), UnixTime(40)), "0s ago");
        assert_eq!(age(None, UnixTime(40)), "");
    }

    #[test]
    fn instants_are_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_790_007_205, "2026-09-21T16:13:25Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(instant(UnixTime(seconds)), text);
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (1_700_000_000, "2023-11-14"),
            (4_102_444_799, "2099-12-31"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(date(UnixTime(seconds)), text);
        }
    }

    #[test]
    fn instants_are_in_utc_and_their_days_below_each_other() {
        for (seconds, text) in [
            (0, "Jan  1 1970 00:00:00"),
            (-1, "Dec 31 1969 23:59:59"),
            (1_700_000_000, "Nov 14 2023 22:13:20"),
        ] {
            assert_eq!(date_and_time(UnixTime(seconds)), text);
        }
    }

    #[test]
    fn distances_name_their_direction() {
        let now = UnixTime(1_000_000_000);
        assert_eq!(
            distance(UnixTime(now.0 + 10 * 31_536_000), now),
            "10 years from now"
        );
        assert_eq!(distance(UnixTime(now.0 - 86_400), now), "1 day ago");
    }
}
