// SPDX-License-Identifier: MPL-2.0
//! Kernel records as lines, and their time of day.
//!
//! A record knows only how long the machine has run. The ring keeps that and the record's number,
//! in as many characters as the time of day takes, and every reader gets it converted with the clock as it is then:
//! once the clock is set right, all lines are right, those from before included, and no cursor
//! moves. (docs/decisions/0060)
//!
//! Owns: the shape of a line of the kernel's log: `facility:   level: [time]: text`.
//! Never: reads a clock.

use core::fmt::Write as _;

use heapless::Vec;
use wire::kmsg::Record;

use crate::capacity::TURN_MAX;

/// The length of a time of day: `2021-11-10T10:09:37.662764956Z`.
const STAMP_LEN: usize = 30;
/// What marks the time as one since the start: no year begins with it.
const SINCE_START: u8 = b'@';

/// A line of the kernel's log.
pub type Line = Vec<u8, TURN_MAX>;

/// How many digits the time has; it is the last of the number in the brackets.
const TIME_DIGITS: usize = 16;
/// The first number that takes more: a machine that has run for three hundred years.
const TIME_LIMIT: u64 = 10_000_000_000_000_000;
/// The same for the record's number, which has 13 digits.
const SEQUENCE_LIMIT: u64 = 10_000_000_000_000;

/// Writes the part before the text. `level` is padded to the longest one, as the documents show.
fn head(line: &mut Line, facility: &str, level: &str, sequence: u64, time_us: u64) {
    let sequence = sequence.min(SEQUENCE_LIMIT.saturating_sub(1));
    let time_us = time_us.min(TIME_LIMIT.saturating_sub(1));
    let _ = write!(
        line,
        "{facility}: {level:>7}: [@{sequence:013}{time_us:0TIME_DIGITS$}]: "
    );
}

/// The line of one record.
#[must_use]
pub fn line(record: &Record<'_>) -> Line {
    let mut line = Line::new();
    head(
        &mut line,
        record.facility_name(),
        record.level_name(),
        record.sequence,
        record.time_us,
    );
    for byte in record.text_bytes() {
        // The longest record is 2048 bytes, the head less than 64: it always fits.
        let _ = line.push(byte);
    }
    let _ = line.push(b'\n');
    line
}

/// The line that says that the kernel threw records away before they were read; it stands for the
/// last of them.
#[must_use]
pub fn lost(count: u64, next_sequence: u64, time_us: u64) -> Line {
    let mut line = Line::new();
    let sequence = next_sequence.saturating_sub(1);
    head(&mut line, "syslog", "warning", sequence, time_us);
    let _ = writeln!(line, "logd: {count} messages of the kernel were lost");
    line
}

/// Converts the times in `lines`, whole lines of the kernel's log, for a machine that started
/// `started_at_ns` nanoseconds after the epoch by its present clock.
pub fn convert(lines: &mut [u8], started_at_ns: u64) {
    for line in lines.split_mut(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b'[') else {
            continue;
        };
        let Some(stamp) = line
            .get_mut(at.saturating_add(1)..)
            .and_then(<[u8]>::first_chunk_mut)
        else {
            continue;
        };
        if let Some(time_us) = since_start(stamp) {
            let since_ns = time_us.saturating_mul(1000);
            *stamp = time_of_day(started_at_ns.saturating_add(since_ns));
        }
    }
}

/// Reads a time since the start.
fn since_start(stamp: &[u8; STAMP_LEN]) -> Option<u64> {
    let (mark, digits) = stamp.split_first()?;
    if *mark != SINCE_START {
        return None;
    }
    let digits = core::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let begin = digits.len().checked_sub(TIME_DIGITS)?;
    digits.get(begin..)?.parse().ok()
}

/// The time of day in UTC, RFC 3339 with nanoseconds.
#[must_use]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the largest u64 is the year 2554; all terms are below 2^63"
)]
pub fn time_of_day(unix_ns: u64) -> [u8; STAMP_LEN] {
    let (seconds, ns) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since the epoch to a date; years begin in March, so that leap days come last
    // (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);

    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = Vec::<u8, STAMP_LEN>::new();
    let _ = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z"
    );
    text.into_array().unwrap_or([b'?'; STAMP_LEN])
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::{convert, line, lost, time_of_day};
    use wire::kmsg::Record;

    fn day(unix_ns: u64) -> String {
        String::from_utf8(time_of_day(unix_ns).to_vec()).unwrap()
    }

    fn shown(record: &[u8], started_at_ns: u64) -> String {
        let mut line = line(&Record::parse(record).unwrap());
        convert(&mut line, started_at_ns);
        String::from_utf8(line.to_vec()).unwrap()
    }

    #[test]
    fn a_record_is_shown_as_the_documents_show_it() {
        let started_at_ns = 1_636_538_970_000_000_956;

        assert_eq!(
            shown(b"6,339,7662764,-;Command line: quiet\n", started_at_ns),
            "kern:    info: [2021-11-10T10:09:37.662764956Z]: Command line: quiet\n"
        );
        assert_eq!(
            shown(
                b"12,340,7662765,-;[talos] task a (1/1): done, 106\\xc2\\xb5s\n",
                started_at_ns
            ),
            "user: warning: [2021-11-10T10:09:37.662765956Z]: [talos] task a (1/1): done, 106µs\n"
        );
    }

    #[test]
    fn days_are_right_at_the_edges_of_months_and_years() {
        assert_eq!(day(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            day(951_782_399_999_999_999),
            "2000-02-28T23:59:59.999999999Z"
        );
        assert_eq!(
            day(951_782_400_000_000_000),
            "2000-02-29T00:00:00.000000000Z"
        );
        assert_eq!(
            day(951_868_800_000_000_000),
            "2000-03-01T00:00:00.000000000Z"
        );
        assert_eq!(
            day(1_735_689_599_000_000_000),
            "2024-12-31T23:59:59.000000000Z"
        );
        assert_eq!(
            day(4_107_542_400_000_000_000),
            "2100-03-01T00:00:00.000000000Z"
        );
        assert_eq!(day(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn a_clock_set_right_later_makes_earlier_lines_right() {
        let record = b"6,1,1000000,-;eth0: link up\n";

        assert!(shown(record, 0).contains("[1970-01-01T00:00:01.0"));
        assert!(shown(record, 1_636_538_970_000_000_000).contains("[2021-11-10T10:09:31.0"));
    }

    #[test]
    fn converting_moves_no_byte() {
        let mut lines = std::vec::Vec::new();
        for text in ["a", "b [@00000000000000000000000000009]: c", ""] {
            let record = std::format!("6,1,{},-;{text}\n", u64::MAX);
            lines.extend_from_slice(&line(&Record::parse(record.as_bytes()).unwrap()));
        }
        let before = lines.clone();

        convert(&mut lines, u64::MAX);

        assert_eq!(lines.len(), before.len());
        let ends = |bytes: &[u8]| -> std::vec::Vec<usize> {
            (0..bytes.len())
                .filter(|index| bytes[*index] == b'\n')
                .collect()
        };
        assert_eq!(ends(&lines), ends(&before));
        let second = lines.split(|byte| *byte == b'\n').nth(1).unwrap();
        assert!(second.ends_with(b"b [@00000000000000000000000000009]: c"));
    }

    #[test]
    fn lines_of_any_other_shape_stay_as_they_are() {
        for text in [
            "",
            "\n",
            "[",
            "[@12]",
            "no time",
            "[2021-11-10T10:09:37.662764956Z]: x\n",
        ] {
            let mut bytes = text.as_bytes().to_vec();

            convert(&mut bytes, 5);

            assert_eq!(bytes, text.as_bytes());
        }
    }

    #[test]
    fn a_kept_line_has_the_number_of_its_record() {
        let kept = line(&Record::parse(b"6,339,7662764,-;quiet\n").unwrap());

        assert_eq!(
            std::str::from_utf8(&kept).unwrap(),
            "kern:    info: [@00000000003390000000007662764]: quiet\n"
        );
    }

    #[test]
    fn lost_records_are_counted_in_a_line() {
        let mut line = lost(12, 40, 1_000_000);
        convert(&mut line, 0);

        assert_eq!(
            std::str::from_utf8(&line).unwrap(),
            "syslog: warning: [1970-01-01T00:00:01.000000000Z]: logd: 12 messages of the kernel \
             were lost\n"
        );
    }

    #[test]
    fn the_longest_record_fits_a_line() {
        let record = std::format!("191,{0},{0},-;{1}\n", u64::MAX, "x".repeat(2000));
        let line = line(&Record::parse(record.as_bytes()).unwrap());

        assert_eq!(line.last(), Some(&b'\n'));
        assert!(line.len() > 2000);
    }
}
