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
    const KIND: &'static Kind = &Kind::Word;

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

/// Reads a whole number in the ways YAML writes it: decimal, `0x`, `0o`, `0b`, octal with a leading zero
/// as in YAML 1.1, and with a point or an exponent.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    if text.starts_with('_') {
        return None;
    }
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
    if digits.starts_with(|c: char| c.is_ascii_hexdigit())
        && let Ok(number) = i64::from_str_radix(&format!("{sign}{digits}"), base)
    {
        return Some(number);
    }
    let unsigned = packed.trim_start_matches(['+', '-']);
    if packed.len().saturating_sub(unsigned.len()) > 1 {
        return None;
    }
    format!("{sign}{}", whole_decimal(unsigned)?).parse().ok()
}

/// The digits of `1400.0` or `1.4e3` without point and exponent, if nothing is left behind the point.
fn whole_decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_end_matches('0');
    let dropped = digits.len().saturating_sub(significant.len());
    let significant = significant.trim_start_matches('0');
    let shift = i64::from(exponent.parse::<i32>().ok()?)
        .checked_sub(i64::try_from(part.len()).ok()?)?
        .checked_add(i64::try_from(dropped).ok()?)?;
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    // No more zeros than any number of this kind has.
    let zeros = usize::try_from(shift).ok().filter(|zeros| *zeros < 19)?;
    Some(format!("{significant}{}", "0".repeat(zeros)))
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
            const KIND: &'static Kind = &Kind::Word;

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

/// The permission bits of a file, written `0o644`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl Field for FileMode {
    const KIND: &'static Kind = &Kind::Word;

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

/// A port, or several in a row: `80`, `8000-8080`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Field for PortRange {
    const KIND: &'static Kind = &Kind::Word;

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

#[cfg(test)]
mod tests {
    use super::whole_number;

    /// What yaml.v3 makes of these for a number of 64 bits.
    #[test]
    fn whole_numbers_are_read_as_go_reads_them() {
        for (text, number) in [
            ("1400", 1400),
            ("1400.0", 1400),
            ("1400.", 1400),
            ("1.4e3", 1400),
            ("1.4E+3", 1400),
            ("1_400.0", 1400),
            ("14000e-1", 1400),
            ("+5.0", 5),
            ("-3.0", -3),
            ("-0.0", 0),
            (".0", 0),
            ("0e99", 0),
            ("1e18", 1_000_000_000_000_000_000),
            ("0x10", 16),
            ("-0x10", -16),
            ("0b11", 3),
            ("0O17", 15),
            ("017", 15),
            ("-017", -15),
            ("08", 8),
            ("09.0", 9),
            ("1__0", 10),
            ("1_", 1),
        ] {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        for text in [
            "",
            "_1",
            "+-5",
            "--5",
            "-",
            ".",
            "e3",
            "1e",
            "1e19",
            "1e400",
            "1e999999999999",
            "0x1.8p1",
            "0o8",
            ".inf",
            ".nan",
            "inf",
            "1:30",
            "true",
            "5 ",
            "9223372036854775808.0",
            // Here Go forgets what is behind the point, which nobody can have meant.
            "1400.5",
            "1e-1",
        ] {
            assert_eq!(whole_number(text), None, "{text:?}");
        }
    }
}
