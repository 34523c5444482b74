// SPDX-License-Identifier: MPL-2.0
//! The forms that single values have.
//!
//! Owns: how each is read from text and written back.
//! Never: prints a secret in `Debug`.

use crate::emit::Emitter;
use crate::error::Fault;
use crate::schema::{Cursor, Field, Kind};
use crate::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use core::time::Duration;
use pki::Secret;
use zeroize::Zeroizing;

/// What stands in place of a secret that was taken out.
pub const REDACTED: &str = "******";

impl Field for String {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        at.text(value, "text")
    }

    fn emit(&self, out: &mut Emitter) {
        out.text(self);
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Field for bool {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        // YAML 1.1 knows more words for it, and people write them.
        match at
            .text(value, "true or false")
            .to_ascii_lowercase()
            .as_str()
        {
            "true" | "yes" | "y" | "on" => true,
            "false" | "no" | "n" | "off" | "" => false,
            _ => {
                at.wrong_type("true or false");
                false
            }
        }
    }

    fn emit(&self, out: &mut Emitter) {
        out.plain(if *self { "true" } else { "false" });
    }

    fn is_absent(&self) -> bool {
        !*self
    }
}

/// Reads a whole number in the ways YAML writes it: decimal, `0x`, `0o`, `0b`, and octal with a
/// leading zero as in YAML 1.1.
fn whole_number(text: &str) -> Option<i64> {
    let packed = text.replace('_', "");
    let (sign, digits) = match packed.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", packed.strip_prefix('+').unwrap_or(&packed)),
    };
    let (base, digits) = match digits.get(..2).unwrap_or_default() {
        "0x" | "0X" => (16, digits.get(2..)?),
        "0o" | "0O" => (8, digits.get(2..)?),
        "0b" | "0B" => (2, digits.get(2..)?),
        prefix if prefix.starts_with('0') && prefix.len() == 2 => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // Another sign in here would be read too.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok()
}

fn take_number(value: Value, at: &mut Cursor) -> i64 {
    let text = at.text(value, "a whole number");
    if text.is_empty() {
        return 0;
    }
    whole_number(&text).unwrap_or_else(|| {
        at.wrong_type("a whole number");
        0
    })
}

macro_rules! number_field {
    ($($type:ty, $range:literal;)*) => { $(
        impl Field for $type {
            const KIND: &'static Kind = &Kind::Text;

            fn take(value: Value, at: &mut Cursor) -> Self {
                Self::try_from(take_number(value, at)).unwrap_or_else(|_| {
                    at.report(Fault::BadValue($range));
                    0
                })
            }

            fn emit(&self, out: &mut Emitter) {
                out.plain(&self.to_string());
            }

            fn is_absent(&self) -> bool {
                *self == 0
            }
        }
    )* };
}

number_field! {
    i64, "a whole number";
    u32, "a number from 0 to 4294967295";
    u16, "a number from 0 to 65535";
    u8, "a number from 0 to 255";
}

/// Secret text: wiped on drop, not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of the text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "(none)" } else { REDACTED })
    }
}

impl Field for SecretText {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        Self::new(at.text(value, "text"))
    }

    fn emit(&self, out: &mut Emitter) {
        out.text(self.expose());
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// Bytes that are written in base64.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Base64Bytes(pub Vec<u8>);

/// How many they are: nobody reads certificates as numbers.
impl fmt::Debug for Base64Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl Field for Base64Bytes {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        let text = at.text(value, "text");
        Self(STANDARD.decode(text.trim()).unwrap_or_else(|_| {
            at.report(Fault::NotBase64);
            Vec::new()
        }))
    }

    fn emit(&self, out: &mut Emitter) {
        out.text(&STANDARD.encode(&self.0));
    }

    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }
}

/// Secret bytes that are written in base64; [`REDACTED`] stays what it is.
impl Field for Secret {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        let text = Zeroizing::new(at.text(value, "text"));
        if *text == REDACTED {
            return Self::new(text.as_bytes().to_vec());
        }
        Self::new(STANDARD.decode(text.trim()).unwrap_or_else(|_| {
            at.report(Fault::NotBase64);
            Vec::new()
        }))
    }

    fn emit(&self, out: &mut Emitter) {
        if self.expose() == REDACTED.as_bytes() {
            out.text(REDACTED);
        } else {
            out.text(&Zeroizing::new(STANDARD.encode(self.expose())));
        }
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

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
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        let text = at.text(value, "text");
        if text.is_empty() {
            return Self::default();
        }
        // A bare number counts nanoseconds, as in Go.
        let bare = whole_number(&text).map(|nanoseconds| Self { nanoseconds });
        bare.or_else(|| Self::parse(&text)).unwrap_or_else(|| {
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

/// The permission bits of a file, written `0o644`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl Field for FileMode {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        Self(u32::take(value, at))
    }

    fn emit(&self, out: &mut Emitter) {
        out.plain(&format!("0o{:o}", self.0));
    }

    fn is_absent(&self) -> bool {
        self.0 == 0
    }
}

/// A number of bytes, `10 GB`, `512MiB` or a plain number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskSize(pub u64);

const SIZE_UNITS: [(&str, u64); 11] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("PB", 1_000_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl DiskSize {
    /// Reads a size; units may lack their `B`, and case does not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
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
        let fits =
            |scale: u64| self.0 != 0 && self.0.is_multiple_of(scale) && self.0 / scale < 1000;
        match SIZE_UNITS
            .iter()
            .filter(|(n, _)| !n.contains('i'))
            .find(|(_, s)| fits(*s))
        {
            Some((unit, scale)) => write!(f, "{} {unit}", self.0 / scale),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Field for DiskSize {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        let text = at.text(value, "text");
        if text.is_empty() {
            return Self::default();
        }
        Self::parse(&text).unwrap_or_else(|| {
            at.report(Fault::BadValue("a size such as 10GB"));
            Self::default()
        })
    }

    fn emit(&self, out: &mut Emitter) {
        out.text(&self.to_string());
    }

    fn is_absent(&self) -> bool {
        self.0 == 0
    }
}

/// A port, or several in a row: `80`, `8000-8080`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Field for PortRange {
    const KIND: &'static Kind = &Kind::Text;

    fn take(value: Value, at: &mut Cursor) -> Self {
        let text = at.text(value, "text");
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Self { first, last },
            _ => {
                at.report(Fault::BadValue("a port or a range such as 8000-8080"));
                Self::default()
            }
        }
    }

    fn emit(&self, out: &mut Emitter) {
        if self.first == self.last {
            out.plain(&self.first.to_string());
        } else {
            out.plain(&format!("{}-{}", self.first, self.last));
        }
    }

    fn is_absent(&self) -> bool {
        false
    }
}
