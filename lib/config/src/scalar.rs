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

/// Reads a whole number in the ways YAML writes it: decimal, `0x`, `0o`, `0b`, and octal with a
/// leading zero as in YAML 1.1.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
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
