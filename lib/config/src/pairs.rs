// SPDX-License-Identifier: MPL-2.0
//! Characters that JSON writes as two escapes, which YAML does not know.
//!
//! Owns: putting each such character in the place of its pair (RFC 8259 §7).
//! Never: touches a text that is not JSON: there the same letters may stand for themselves.

use crate::error::Position;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// The length of `\uXXXX`.
const ESCAPE: usize = 6;

/// Returns the text as YAML has it: JSON with characters instead of pairs, anything else as it is. Lines
/// stay where they are.
pub(crate) fn joined(text: &str) -> Cow<'_, str> {
    let has_pair = text.contains("\\ud") || text.contains("\\uD");
    if !has_pair || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        // In JSON a backslash and a character of one byte always come together.
        let width = if let Some(c) = character(escaped) {
            out.push(c);
            ESCAPE.saturating_mul(2)
        } else {
            out.push_str(escaped.get(..2).unwrap_or(escaped));
            2
        };
        rest = escaped.get(width..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Moves positions in what [`joined`] makes of a text to where the same stands in the text itself.
pub(crate) fn restore<'p>(text: &str, positions: impl IntoIterator<Item = &'p mut Position>) {
    let mut positions = positions.into_iter().peekable();
    if positions.peek().is_none() || matches!(joined(text), Cow::Borrowed(_)) {
        return;
    }
    for position in positions {
        let line = text.split('\n').nth(position.line.saturating_sub(1));
        if let Some(line) = line {
            position.column = column(line, position.column);
        }
    }
}

/// The column in a line, counted in characters, of what has column `wanted` once pairs are joined.
fn column(line: &str, wanted: usize) -> usize {
    let (mut rest, mut column, mut joined) = (line, 1_usize, 1_usize);
    while let (true, Some(c)) = (joined < wanted, rest.chars().next()) {
        let (width, shown) = match c {
            '\\' if character(rest).is_some() => (ESCAPE.saturating_mul(2), 1),
            // What is escaped is no beginning of an escape.
            '\\' => (2, 2),
            other => (other.len_utf8(), 1),
        };
        column = column.saturating_add(if c == '\\' { width } else { 1 });
        joined = joined.saturating_add(shown);
        rest = rest.get(width..).unwrap_or_default();
    }
    // Inside of an escape of two characters, it may have gone one too far.
    column.saturating_sub(joined.saturating_sub(wanted))
}

/// The character that a text begins with as a pair of escapes.
fn character(text: &str) -> Option<char> {
    let unit = |from: usize| {
        let escape = text.get(from..from.checked_add(ESCAPE)?)?;
        u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()
    };
    let pair = [unit(0)?, unit(ESCAPE)?];
    let is_pair = (0xd800..0xdc00).contains(&pair[0]);
    let decoded = is_pair.then(|| char::decode_utf16(pair).next())?;
    decoded?.ok()
}

#[cfg(test)]
mod tests {
    use super::{Position, joined, restore};

    #[test]
    fn every_character_of_a_joined_text_is_found_in_the_text_itself() {
        for text in [
            r#"["\ud83d\ude00", "x"]"#,
            "[\n  \"é\\n\\ud83d\\ude00\\\\ud83d\\ud83d\\ude00\", {\"x\": \"\\ud83d\\ude00\"},\n1]",
            r#"["no pair \u0041", 1]"#,
        ] {
            let short = joined(text);
            let lines = short.split('\n').zip(text.split('\n')).zip(1..);
            for ((short, long), line) in lines {
                let mut last = 0;
                for (c, column) in short.chars().zip(1..) {
                    let mut at = Position { line, column };
                    restore(text, [&mut at]);
                    let found = long.chars().nth(at.column - 1);

                    let is_pair = c == '😀' && found == Some('\\');
                    assert!(is_pair || found == Some(c), "{text}: {c} {column}");
                    assert!(at.column > last && at.line == line);
                    last = at.column;
                }
            }
        }
    }

    #[test]
    fn only_whole_pairs_of_json_are_joined() {
        for (text, expected) in [
            (r#"["\ud83d\ude00"]"#, r#"["😀"]"#),
            (
                r#"{"a\uD83D\uDE00b": "\\\ud83d\ude00\n"}"#,
                r#"{"a😀b": "\\😀\n"}"#,
            ),
            // A backslash that is escaped begins no escape.
            (r#"["\\ud83d\ude00"]"#, r#"["\\ud83d\ude00"]"#),
            (r#"["\ud83d\u0041"]"#, r#"["\ud83d\u0041"]"#),
            (r#"["\ude00\ud83d"]"#, r#"["\ude00\ud83d"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ud83d😀"]"#),
            (r#"["\u0041\ud7ff"]"#, r#"["\u0041\ud7ff"]"#),
            // YAML, where plain text has no escapes.
            (r"- \ud83d\ude00", r"- \ud83d\ude00"),
        ] {
            assert_eq!(joined(text), expected, "{text}");
        }
    }
}
