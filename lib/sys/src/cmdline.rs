// SPDX-License-Identifier: MPL-2.0
//! The kernel's command line.
//!
//! Owns: splitting it into parameters (Documentation/admin-guide/kernel-parameters.rst): blanks
//! separate, double quotes hold a value with blanks together, the last one of a name counts.
//! Never: knows a parameter.

use crate::fs::{Mode, OFlags};
use crate::io;

/// The longest command line that is read; x86 and arm64 have `COMMAND_LINE_SIZE` 2048.
pub const MAX_LEN: usize = 4096;

/// Reads the command line into `buffer`; what is not UTF-8, and all after it, is left out.
///
/// # Errors
/// The kernel's, when `/proc` is not there.
pub fn read(buffer: &mut [u8; MAX_LEN]) -> io::Result<&str> {
    let file = crate::fs::open(
        c"/proc/cmdline",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let len = io::read(&file, &mut buffer[..])?;
    let bytes = buffer.get(..len).unwrap_or_default();
    Ok(match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| core::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    })
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// What stands before the first `=`.
    pub name: &'a str,
    /// What stands after it, without quotes; `None` without `=`.
    pub value: Option<&'a str>,
}

/// The parameters of `line`, in order.
pub fn parameters(line: &str) -> impl Iterator<Item = Parameter<'_>> {
    let mut rest = line;
    core::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let end = rest
            .find(|c: char| {
                quoted ^= c == '"';
                c.is_ascii_whitespace() && !quoted
            })
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        Some(parameter(word))
    })
}

/// The last parameter called `name`.
#[must_use]
pub fn find<'a>(line: &'a str, name: &str) -> Option<Parameter<'a>> {
    parameters(line)
        .filter(|parameter| parameter.name == name)
        .last()
}

/// Splits one word. Quotes may be around the whole word or around the value.
fn parameter(word: &str) -> Parameter<'_> {
    let word = word
        .strip_prefix('"')
        .map_or(word, |inner| inner.strip_suffix('"').unwrap_or(inner));
    match word.split_once('=') {
        None => Parameter {
            name: word,
            value: None,
        },
        Some((name, value)) => {
            let value = value
                .strip_prefix('"')
                .map_or(value, |inner| inner.strip_suffix('"').unwrap_or(inner));
            Parameter {
                name,
                value: Some(value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::{Parameter, find, parameters};

    fn named<'a>(name: &'a str, value: Option<&'a str>) -> Parameter<'a> {
        Parameter { name, value }
    }

    #[test]
    fn a_line_is_split_at_blanks() {
        let all: Vec<_> = parameters("quiet  console=ttyS0\tpanic=-1\n").collect();

        let expected = [
            named("quiet", None),
            named("console", Some("ttyS0")),
            named("panic", Some("-1")),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn quotes_hold_a_value_together() {
        let all: Vec<_> = parameters(r#"a="b c" "d=e f" g"#).collect();

        assert_eq!(
            all,
            [
                named("a", Some("b c")),
                named("d", Some("e f")),
                named("g", None)
            ]
        );
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let line = "panic=1 panic=10 panicky=3";

        assert_eq!(find(line, "panic"), Some(named("panic", Some("10"))));
    }

    #[test]
    fn strange_lines_give_something_and_never_fail() {
        for line in ["", " ", "\"", "=", "a=\"", "\"\"\"", "a==b", "€=€ \"€"] {
            for parameter in parameters(line) {
                assert!(parameter.name.len() <= line.len());
            }
        }
        assert_eq!(find("a=\"b c", "a"), Some(named("a", Some("b c"))));
        assert_eq!(find("a==b", "a"), Some(named("a", Some("=b"))));
    }
}
