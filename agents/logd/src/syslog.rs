// SPDX-License-Identifier: MPL-2.0
//! What programs say with syslog(3), as lines.
//!
//! libc sends `<priority>Mmm dd hh:mm:ss tag[pid]: text` (RFC 3164 §4.1, without the host name);
//! newer programs `<priority>1 time host tag pid id data text` (RFC 5424 §6). Whatever does not have
//! one of these forms is text. Times of senders are left out: they may lack the year and the zone,
//! and the sender's clock is this node's.
//!
//! Owns: the shape of a line of that log: `time facility.level tag[pid]: text`.
//! Never: refuses a message, or lets one end its line or move a terminal's cursor.

use core::fmt::Write as _;

use heapless::Vec;
use proto::log::LINE_MAX;
use wire::kmsg;

use crate::stamp;

/// The longest message that is kept whole: a line, less its head.
pub const MESSAGE_MAX: usize = LINE_MAX - 128;

/// What a message without a priority is said to have: user, notice (RFC 3164 §4.3.3).
const PRIORITY_DEFAULT: u8 = 13;
/// The length of `Mmm dd hh:mm:ss `.
const TIME_LEN: usize = 16;

/// A line of the log.
pub type Line = Vec<u8, LINE_MAX>;

/// A message in parts, all of them as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message<'a> {
    priority: u8,
    /// Who speaks; empty when the text says so itself.
    tag: &'a [u8],
    process: &'a [u8],
    text: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        let (priority, rest) = priority(bytes).unwrap_or((PRIORITY_DEFAULT, bytes));
        if let Some(message) = Self::structured(priority, rest) {
            return message;
        }
        let text = match rest.split_at_checked(TIME_LEN) {
            Some((head, text)) if is_time(head) => text,
            _ => rest,
        };
        Self {
            priority,
            tag: b"",
            process: b"",
            text,
        }
    }

    /// The form of RFC 5424.
    fn structured(priority: u8, rest: &'a [u8]) -> Option<Self> {
        let rest = rest.strip_prefix(b"1 ")?;
        let mut fields = rest.splitn(6, |byte| *byte == b' ');
        let (_time, _host) = (fields.next()?, fields.next()?);
        let (tag, process, _id) = (fields.next()?, fields.next()?, fields.next()?);
        let rest = fields.next()?;
        let text = match rest.strip_prefix(b"-") {
            Some(text) => text.strip_prefix(b" ").unwrap_or(text),
            // Structured data says more than a tag could: it stays before the text.
            None if rest.starts_with(b"[") => rest,
            None => return None,
        };
        Some(Self {
            priority,
            tag: named(tag),
            process: named(process),
            text: text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text),
        })
    }
}

/// A field that may be left out.
fn named(field: &[u8]) -> &[u8] {
    if field == b"-" { b"" } else { field }
}

/// Reads `<number>`.
fn priority(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let rest = bytes.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = core::str::from_utf8(digits).ok().filter(|_| is_number)?;
    // There are 24 facilities of 8 levels.
    let number = number.parse().ok().filter(|number| *number < 192)?;
    Some((number, rest.get(1..)?))
}

/// Whether these are `Mmm dd hh:mm:ss `.
fn is_time(head: &[u8]) -> bool {
    let form = b"Aaa 00 00:00:00 ";
    let fits = |(form, byte): (&u8, &u8)| match form {
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        // The day's first digit may be a space.
        b'0' => byte.is_ascii_digit() || *byte == b' ',
        _ => form == byte,
    };
    head.len() == form.len() && form.iter().zip(head).all(fits)
}

/// The line of one message that came at a time, in nanoseconds after the epoch.
#[must_use]
pub fn line(bytes: &[u8], unix_ns: u64) -> Line {
    let message = Message::parse(bytes);
    let time = stamp::time_of_day(unix_ns);
    let (facility, level) = kmsg::names(message.priority);
    let mut line = Line::new();
    let time = core::str::from_utf8(&time).unwrap_or_default();
    let _ = write!(line, "{time} {facility}.{level} ");
    put(&mut line, message.tag);
    if !message.process.is_empty() {
        put(&mut line, b"[");
        put(&mut line, message.process);
        put(&mut line, b"]");
    }
    if !message.tag.is_empty() || !message.process.is_empty() {
        put(&mut line, b": ");
    }
    put(&mut line, without_end(message.text));
    let _ = line.push(b'\n');
    line
}

/// Adds text to a line, with room left for its end.
fn put(line: &mut Line, text: &[u8]) {
    for byte in text {
        if line.len() >= LINE_MAX - 1 {
            return;
        }
        let _ = line.push(match byte {
            b'\n' => b' ',
            0..b' ' | 0x7f if *byte != b'\t' => b'?',
            byte => *byte,
        });
    }
}

/// The text without the end of the sender's string and line.
fn without_end(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\0").unwrap_or(text).trim_ascii_end()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::{LINE_MAX, MESSAGE_MAX, line};

    fn shown(message: &[u8]) -> String {
        let line = line(message, 1_767_323_045_123_456_789);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let text = String::from_utf8_lossy(&line).into_owned();
        let text = text.strip_prefix("2026-01-02T03:04:05.123456789Z ");
        String::from(text.unwrap().strip_suffix('\n').unwrap())
    }

    #[test]
    fn log_08_messages_of_libc_and_of_newer_programs_are_read() {
        for (message, expected) in [
            (
                "<28>Jan  2 03:04:05 iscsid[77]: cannot login\n",
                "daemon.warning iscsid[77]: cannot login",
            ),
            (
                "<165>1 2026-01-02T03:04:05Z host app 99 ID47 - \u{feff}text here",
                "local4.notice app[99]: text here",
            ),
            (
                "<13>1 - - app - - [a@1 b=\"c\"] text",
                "user.notice app: [a@1 b=\"c\"] text",
            ),
            ("<34>1 - - - - - -", "auth.crit "),
            ("<0>su: failed\0", "kern.emerg su: failed"),
        ] {
            assert_eq!(shown(message.as_bytes()), expected, "{message}");
        }
    }

    #[test]
    fn log_08_what_has_no_such_form_is_text() {
        for message in [
            "",
            "just words",
            "<",
            "<>x",
            "<192>x",
            "<+1>x",
            "<1234>x",
            "<13",
        ] {
            let expected = std::format!("user.notice {message}");
            assert_eq!(shown(message.as_bytes()), expected);
        }
        assert_eq!(shown(b"<13>1 - - app"), "user.notice 1 - - app");
        assert_eq!(
            shown(b"<13>Jan 99x03:04:05 a"),
            "user.notice Jan 99x03:04:05 a"
        );
    }

    #[test]
    fn log_08_no_message_ends_its_line_or_moves_a_cursor() {
        assert_eq!(
            shown(b"<13>a: b\n<0>kern: forged\x1b[2J\tc\x7f\0d"),
            "user.notice a: b <0>kern: forged?[2J\tc??d"
        );
        let long = std::vec![b'x'; 100_000];
        assert_eq!(line(&long, 0).len(), LINE_MAX);
        let longest = std::vec![b'x'; MESSAGE_MAX];
        assert!(line(&longest, u64::MAX).len() < LINE_MAX);
    }
}
