// SPDX-License-Identifier: MPL-2.0
//! Records of the kernel's log.
//!
//! One read of `/dev/kmsg` gives one record (Documentation/ABI/testing/dev-kmsg):
//! `priority,sequence,microseconds,flags[,more];text`, a newline, then lines that begin with a
//! blank and describe the device. Bytes that are not printable stand as `\xNN`.
//!
//! Owns: that shape, and the names of facilities and levels (syslog(3)).
//! Never: knows what time it is.

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// No semicolon ends the head.
    Truncated,
    /// One of the three numbers is not there or no number.
    BadNumber,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Who spoke: `priority / 8`.
    pub facility: u32,
    /// How urgent it is: 0 (emergency) to 7 (debugging).
    pub level: u8,
    /// Its place in the log; each record has one more than the one before.
    pub sequence: u64,
    /// When it was written, since the kernel started, in microseconds.
    pub time_us: u64,
    /// The text as it stands, with its escapes.
    pub text: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record in `bytes`.
    ///
    /// # Errors
    /// The bytes are no record.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let end = bytes
            .iter()
            .position(|byte| *byte == b';')
            .ok_or(Error::Truncated)?;
        let (head, text) = bytes.split_at_checked(end).ok_or(Error::Truncated)?;
        let mut fields = head.split(|byte| *byte == b',');
        let mut number = || -> Result<u64, Error> {
            let field = fields.next().ok_or(Error::BadNumber)?;
            let text = core::str::from_utf8(field).map_err(|_| Error::BadNumber)?;
            text.parse().map_err(|_| Error::BadNumber)
        };
        let priority = u32::try_from(number()?).map_err(|_| Error::BadNumber)?;
        let sequence = number()?;
        let time_us = number()?;
        let text = text.get(1..).unwrap_or_default();
        let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(Self {
            facility: priority.wrapping_shr(3),
            level: u8::try_from(priority & 7).unwrap_or(7),
            sequence,
            time_us,
            text,
        })
    }

    /// What the facility is called.
    #[must_use]
    pub fn facility_name(&self) -> &'static str {
        usize::try_from(self.facility)
            .ok()
            .and_then(|index| FACILITIES.get(index))
            .copied()
            .unwrap_or("unknown")
    }

    /// What the level is called.
    #[must_use]
    pub fn level_name(&self) -> &'static str {
        LEVELS
            .get(usize::from(self.level))
            .copied()
            .unwrap_or("debug")
    }

    /// The text as it was meant, for a log of lines: escapes of bytes from 0x80 on (UTF-8), of
    /// the tab and of the backslash are undone. All other escapes stay, so that no text can end
    /// its line or move a terminal's cursor.
    pub fn text_bytes(&self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.text;
        core::iter::from_fn(move || {
            let (byte, after) = rest.split_first()?;
            if let Some((meant, after)) = escape(rest) {
                rest = after;
                return Some(meant);
            }
            rest = after;
            // The kernel escapes these; who else wrote the bytes shall not pass either.
            let harmless = *byte >= b' ' && *byte != 0x7f || *byte == b'\t';
            Some(if harmless { *byte } else { b'?' })
        })
    }
}

/// What facility and level are called whose priority this is: `facility * 8 + level`.
#[must_use]
pub fn names(priority: u8) -> (&'static str, &'static str) {
    let record = Record {
        facility: u32::from(priority >> 3),
        level: priority & 7,
        sequence: 0,
        time_us: 0,
        text: &[],
    };
    (record.facility_name(), record.level_name())
}

/// The byte meant by the escape at the front of `text`, when it may be undone, and what follows.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (head, after) = text.split_first_chunk::<4>()?;
    let [b'\\', b'x', high, low] = *head else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = u8::try_from(digit(high)?.wrapping_mul(16).wrapping_add(digit(low)?)).ok()?;
    matches!(value, 0x80..|b'\t'| b'\\').then_some((value, after))
}

/// Facilities by number. 12 to 15 are named as syslog(3)'s readers name them.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// Levels by number.
const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{Error, Record};

    fn text(record: &[u8]) -> Vec<u8> {
        Record::parse(record).unwrap().text_bytes().collect()
    }

    #[test]
    fn a_record_is_read() {
        let record = Record::parse(
            b"30,911,5140900,-,caller=T1;init: netd runs\n SUBSYSTEM=net\n DEVICE=n2\n",
        )
        .unwrap();

        assert_eq!(record.facility_name(), "daemon");
        assert_eq!(record.level_name(), "info");
        assert_eq!(record.sequence, 911);
        assert_eq!(record.time_us, 5_140_900);
        assert_eq!(record.text, b"init: netd runs");
    }

    #[test]
    fn utf8_tabs_and_backslashes_are_as_they_were_written() {
        assert_eq!(
            text(b"6,1,2,-;106\\xc2\\xb5s\\x09a\\x5cb\n"),
            "106µs\ta\\b".as_bytes()
        );
    }

    #[test]
    fn no_text_ends_its_line_or_moves_a_cursor() {
        assert_eq!(text(b"6,1,2,-;a\\x0ab\\x1b[2J\n"), b"a\\x0ab\\x1b[2J");
        assert_eq!(text(b"6,1,2,-;a\x1b\x00\x7fb"), b"a???b");
    }

    #[test]
    fn broken_escapes_stay() {
        assert_eq!(text(b"6,1,2,-;\\x"), b"\\x");
        assert_eq!(text(b"6,1,2,-;\\xc"), b"\\xc");
        assert_eq!(text(b"6,1,2,-;\\xzz\\"), b"\\xzz\\");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let bad: &[(&[u8], Error)] = &[
            (b"", Error::Truncated),
            (b"6,1,2,-", Error::Truncated),
            (b";", Error::BadNumber),
            (b"6;x", Error::BadNumber),
            (b"6,1;x", Error::BadNumber),
            (b"-1,1,2,-;x", Error::BadNumber),
            (b"4294967296,1,2,-;x", Error::BadNumber),
            (b"6,99999999999999999999,2,-;x", Error::BadNumber),
            (b"6,1,\xff,-;x", Error::BadNumber),
            (b"a,b,c,d;x", Error::BadNumber),
        ];
        for (bytes, error) in bad {
            assert_eq!(Record::parse(bytes), Err(*error), "{bytes:?}");
        }
    }

    #[test]
    fn every_priority_has_names() {
        for priority in [0, 7, 8, 191, 192, 65_535, u32::MAX] {
            let bytes = std::format!("{priority},0,0,-;");
            let record = Record::parse(bytes.as_bytes()).unwrap();

            assert!(!record.facility_name().is_empty());
            assert!(!record.level_name().is_empty());
        }
    }
}
