// SPDX-License-Identifier: MPL-2.0
//! Characters that JSON writes as two escapes, which YAML does not know.
//!
//! Owns: putting each such character in the place of its pair (RFC 8259 §7).
//! Never: touches a text that is not JSON: there the same letters may stand for themselves.

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
    use super::joined;

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
