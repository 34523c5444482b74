// SPDX-License-Identifier: MPL-2.0
//! Spans of time and numbers of bytes, the way people write them.
//!
//! Owns: their units.
//! Never: rounds on the way to text.

use crate::emit::Emitter;
use crate::error::Fault;
use crate::schema::{Cursor, Field, Kind};
use crate::value::Value;
use core::fmt;
use core::time::Duration;

/// A span of time as Go writes it: `1m30s`. May be negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration {
    /// Nanoseconds.
    pub nanoseconds: i64,
}

impl GoDuration {
    const UNITS: [(&'static str, i64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];

    /// Reads `1h30m`, `1.5s`, `-2ms`, `0`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self::default());
        }
        if rest.is_empty() {
            return None;
        }
        let mut sum: i128 = 0;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, after) = rest.split_at_checked(end)?;
            let unit_end = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at_checked(unit_end)?;
            let (_, scale) = Self::UNITS.iter().find(|(name, _)| *name == unit)?;
            let (whole, part) = number.split_once('.').unwrap_or((number, ""));
            if whole.is_empty() && part.is_empty() {
                return None;
            }
            sum = sum.checked_add(Self::scaled(whole, part, i128::from(*scale))?)?;
            rest = after;
        }
        let nanoseconds = i64::try_from(sum.checked_mul(sign)?).ok()?;
        Some(Self { nanoseconds })
    }

    fn scaled(whole: &str, part: &str, scale: i128) -> Option<i128> {
        let number = |digits: &str| {
            if digits.is_empty() {
                Some(0)
            } else {
                digits.parse::<i128>().ok()
            }
        };
        // More digits than this are below a nanosecond for every unit.
        let part = part.get(..part.len().min(15))?;
        let divisor = 10i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let fraction = number(part)?.checked_mul(scale)?.checked_div(divisor)?;
        number(whole)?.checked_mul(scale)?.checked_add(fraction)
    }

    /// As a length of time; none if it is negative.
    #[must_use]
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.nanoseconds)
            .ok()
            .map(Duration::from_nanos)
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanoseconds == 0 {
            return f.write_str("0s");
        }
        if self.nanoseconds < 0 {
            f.write_str("-")?;
        }
        let all = self.nanoseconds.unsigned_abs();
        let fraction = |value: u64, digits: usize| {
            let text = format!("{value:0digits$}");
            let text = text.trim_end_matches('0');
            if text.is_empty() {
                String::new()
            } else {
                format!(".{text}")
            }
        };
        if all < 1_000 {
            write!(f, "{all}ns")
        } else if all < 1_000_000 {
            write!(f, "{}{}µs", all / 1_000, fraction(all % 1_000, 3))
        } else if all < 1_000_000_000 {
            write!(f, "{}{}ms", all / 1_000_000, fraction(all % 1_000_000, 6))
        } else {
            let seconds = all / 1_000_000_000;
            if seconds >= 3600 {
                write!(f, "{}h", seconds / 3600)?;
            }
            if seconds >= 60 {
                write!(f, "{}m", seconds / 60 % 60)?;
            }
            write!(f, "{}{}s", seconds % 60, fraction(all % 1_000_000_000, 9))
        }
    }
}

impl Field for GoDuration {
    const KIND: &'static Kind = &Kind::Word;

    fn take(value: Value, at: &mut Cursor) -> Self {
        if value == Value::Null {
            return Self::default();
        }
        let text = at.text(value, "text");
        Self::parse(&text).unwrap_or_else(|| {
            at.report(Fault::BadValue("a duration such as 1m30s"));
            Self::default()
        })
    }

    fn emit(&self, out: &mut Emitter) {
        out.text(&self.to_string());
    }

    fn is_absent(&self) -> bool {
        self.nanoseconds == 0
    }
}

/// A number of bytes, `10 GB`, `512MiB` or a plain number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskSize(pub u64);

const SIZE_UNITS: [(&str, u64); 13] = [
    ("EiB", 1 << 60),
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("EB", 1_000_000_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl DiskSize {
    /// Reads a size; units may lack their `B`, case does not matter, and commas may group digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
        let number = number.replace(',', "");
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let unit = unit.trim();
        let scale = SIZE_UNITS.iter().find(|(name, _)| {
            let short = name.strip_suffix('B').unwrap_or(name);
            unit.eq_ignore_ascii_case(name) || unit.eq_ignore_ascii_case(short)
        })?;
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(scale.1).map(Self);
        }
        let (whole, part) = number.split_once('.')?;
        let size = GoDuration::scaled(whole, part, i128::from(scale.1))?;
        u64::try_from(size).ok().map(Self)
    }
}

impl fmt::Display for DiskSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = SIZE_UNITS.iter().filter(|(unit, _)| !unit.contains('i'));
        let number = |scale: u64| {
            self.0
                .checked_div(scale)
                .filter(|n| *n < 1000 && n.checked_mul(scale) == Some(self.0))
        };
        let mut fits = decimal.filter_map(|(unit, scale)| Some((unit, number(*scale)?)));
        match fits.find(|(_, number)| *number != 0) {
            Some((unit, number)) => write!(f, "{number} {unit}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Field for DiskSize {
    const KIND: &'static Kind = &Kind::Word;

    fn take(value: Value, at: &mut Cursor) -> Self {
        if value == Value::Null {
            return Self::default();
        }
        let text = at.text(value, "text");
        Self::parse(&text).unwrap_or_else(|| {
            at.report(Fault::BadValue("a size such as 10GB"));
            Self::default()
        })
    }

    fn emit(&self, out: &mut Emitter) {
        // A number or a number with its unit: neither needs quotes.
        out.plain(&self.to_string());
    }

    fn is_absent(&self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{DiskSize, GoDuration};
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("0s", 0),
            ("-0", 0),
            ("+0", 0),
            ("2562047h47m16.854775807s", i64::MAX),
            ("-2562047h47m16.854775808s", i64::MIN),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-2ms", -2_000_000),
            ("+3us", 3_000),
            ("3µs", 3_000),
            ("8760h", 31_536_000_000_000_000),
        ] {
            assert_eq!(
                GoDuration::parse(text),
                Some(GoDuration { nanoseconds }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "", "-", "1", "s", "5", "-5", "5.0", ".", "1_0s", " 1s", "5S", "00:01", "1 s", "1d",
            "1m30", ".s", "1..5s", "1h-1m", "9999999h", "1e3s",
        ] {
            assert_eq!(GoDuration::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_as_go_humanize_reads_them() {
        for (text, bytes) in [
            ("5", 5),
            ("1,000 MB", 1_000_000_000),
            ("1,2,3", 123),
            ("1,,000", 1000),
            ("1,0.5kB", 10_500),
            ("0,", 0),
            ("1  GB ", 1_000_000_000),
            ("1.B", 1),
            (".5GB", 500_000_000),
            ("1.9", 1),
            ("00012", 12),
            ("5 ki", 5120),
            ("1EB", 1_000_000_000_000_000_000),
            ("1ei", 1 << 60),
            ("1.0005kB", 1000),
            ("0.0000001TB", 100_000),
            ("0", 0),
            ("1024", 1024),
            ("10GB", 10_000_000_000),
            ("10 gib", 10 << 30),
            ("1.5K", 1_500),
            ("100M", 100_000_000),
            ("512MiB", 512 << 20),
        ] {
            assert_eq!(DiskSize::parse(text), Some(DiskSize(bytes)), "{text}");
        }
        for text in [
            "",
            ",",
            ".",
            "  1 GB",
            "+1",
            "1 G B",
            "1_000",
            "1e3",
            "0x10",
            "16EiB",
            "20EB",
            "1ZB",
            "GB",
            "-1",
            "1 XB",
            "1.2.3",
            "99999999999999999999",
            "99999PB",
        ] {
            assert_eq!(DiskSize::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn durations_round_trip(nanoseconds in any::<i64>()) {
            let duration = GoDuration { nanoseconds };
            prop_assert_eq!(GoDuration::parse(&duration.to_string()), Some(duration));
        }

        #[test]
        fn sizes_round_trip(bytes in prop_oneof![any::<u64>(), (0u64..999).prop_map(|n| n.saturating_mul(1_000_000_000))]) {
            prop_assert_eq!(DiskSize::parse(&DiskSize(bytes).to_string()), Some(DiskSize(bytes)));
        }
    }
}
