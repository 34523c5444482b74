// SPDX-License-Identifier: MPL-2.0
//! Rules for Rust files: who they belong to, how long they may be, how things are called.
//!
//! Owns: licence line, header, lengths, names, and what tests must not do.
//! Never: parses Rust; rustfmt's layout is enough to see where a function ends.

use std::path::Path;

use super::{Finding, shown};

/// The first line of every file.
const LICENCE: &str = "// SPDX-License-Identifier: MPL-2.0";
/// Longer files hold more than one idea. Tests at the end do not count.
const FILE_LINES_MAX: usize = 500;
/// Shorter files, such as the start of a program whose code is its library, need no header.
const SHORT_LINES: usize = 15;
/// Longer functions cannot be seen at once.
const FUNCTION_LINES_MAX: usize = 70;
/// Words that say nothing about what is in a file or type.
const EMPTY_NAMES: &[&str] = &[
    "utils", "util", "common", "helper", "helpers", "manager", "handler", "data", "info", "misc",
    "impl",
];
/// What may not be written, and what to do instead. In two parts, so that this file passes.
const BANNED: &[(&str, &str)] = &[
    (
        concat!("thread::", "sleep("),
        "wait on an event with a deadline",
    ),
    (
        concat!("#[", "ignore"),
        "assert today's result and say that it is wrong",
    ),
    (concat!("todo", "!("), "answer Unimplemented and say so"),
    (
        concat!("unimplemented", "!("),
        "answer Unimplemented and say so",
    ),
    (concat!("#[", "allow("), "use #[expect(lint, reason = …)]"),
];

/// Checks one file.
pub(super) fn check(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |line, text: String| {
        findings.push(Finding {
            path: shown(path),
            line,
            text,
        })
    };
    if text.lines().next() != Some(LICENCE) {
        found(1, format!("the first line must be: {LICENCE}"));
    }
    check_names(path, &mut found);
    let lines: Vec<&str> = text.lines().collect();
    let code = code_lines(&lines);
    for (number, line) in (1_usize..).zip(&lines) {
        for (banned, instead) in BANNED {
            if line.contains(banned) {
                found(number, format!("{banned}… is banned: {instead}"));
            }
        }
    }
    // What a program wrote is as long as it is.
    if lines.iter().take(5).any(|line| line.contains("generated")) {
        return findings;
    }
    // Outside src/ are tests: their names are their header, and tables of cases may be long.
    if !path.components().any(|part| part.as_os_str() == "src") {
        return findings;
    }
    if lines.len() > SHORT_LINES {
        check_header(&lines, &mut found);
    }
    if code.len() > FILE_LINES_MAX {
        let count = code.len();
        found(
            0,
            format!("{count} lines without tests; more than {FILE_LINES_MAX} is two ideas"),
        );
    }
    for (number, length) in functions(code) {
        if length > FUNCTION_LINES_MAX {
            found(
                number,
                format!("the function has {length} lines; at most {FUNCTION_LINES_MAX}"),
            );
        }
    }
    findings
}

/// Returns the lines before the tests at the end.
fn code_lines<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    let tests = lines.windows(2).position(|pair| match pair {
        [first, second] => *first == "#[cfg(test)]" && second.starts_with("mod "),
        _ => false,
    });
    lines
        .get(..tests.unwrap_or(lines.len()))
        .unwrap_or_default()
}

fn check_header(lines: &[&str], found: &mut impl FnMut(usize, String)) {
    let header: Vec<&str> = lines
        .iter()
        .copied()
        .skip(1)
        .take_while(|line| line.starts_with("//!"))
        .collect();
    if header.is_empty() {
        found(2, "a //! header must follow the licence line".to_owned());
        return;
    }
    for word in ["Owns:", "Never:"] {
        let prefix = format!("//! {word}");
        if !header.iter().any(|line| line.starts_with(&prefix)) {
            found(2, format!("the header must say {word}"));
        }
    }
}

fn check_names(path: &Path, found: &mut impl FnMut(usize, String)) {
    for part in path.with_extension("").components() {
        let part = part.as_os_str().to_string_lossy();
        if part
            .split(['_', '-'])
            .any(|word| EMPTY_NAMES.contains(&word))
        {
            found(
                0,
                format!("the name {part:?} says nothing about what is in it"),
            );
        }
    }
}

/// Finds functions: the line where each starts, and how many lines it has.
fn functions(code: &[&str]) -> Vec<(usize, usize)> {
    let mut functions = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let inner = line.trim_start();
        let words = inner
            .split_whitespace()
            .take_while(|word| !word.contains('('));
        let starts = inner.starts_with("fn ") || words.clone().any(|word| word == "fn");
        if !starts || inner.starts_with("//") || inner.starts_with("type ") {
            continue;
        }
        let indent = line.len().saturating_sub(inner.len());
        let rest = code.get(index..).unwrap_or_default();
        // A declaration without a body ends with a semicolon.
        let end = rest.iter().position(|line| {
            let start = line.trim_start();
            line.len().saturating_sub(start.len()) == indent
                && (start == "}" || start.ends_with(';') || start.ends_with(" }"))
        });
        let length = end.unwrap_or(0).saturating_add(1);
        functions.push((index.saturating_add(1), length));
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "// SPDX-License-Identifier: MPL-2.0\n//! A thing.\n//!\n//! Owns: it.\n//! Never: others.\n";

    /// What is found in a file with this text, made long enough to need a header.
    fn texts(path: &str, text: &str) -> Vec<String> {
        let text = format!("{text}{}", "//\n".repeat(SHORT_LINES));
        check(Path::new(path), &text)
            .into_iter()
            .map(|finding| finding.text)
            .collect()
    }

    fn body(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines))
    }

    #[test]
    fn a_good_file_passes() {
        assert_eq!(
            texts("init/src/boot.rs", &format!("{HEADER}\n{}", body(3))),
            [""; 0]
        );
    }

    #[test]
    fn a_missing_licence_line_is_found() {
        let found = texts(
            "src/a.rs",
            "//! A thing.\n//! Owns: it.\n//! Never: others.\n",
        );

        assert!(
            found.iter().any(|text| text.contains("first line")),
            "{found:?}"
        );
    }

    #[test]
    fn a_header_without_owns_or_never_is_found() {
        let found = texts("src/a.rs", &HEADER.replace("Never: others", "Nothing"));

        assert_eq!(found, ["the header must say Never:"]);
    }

    #[test]
    fn a_long_function_is_found_and_tests_do_not_count() {
        assert_eq!(
            texts("src/a.rs", &format!("{HEADER}{}", body(FUNCTION_LINES_MAX))).len(),
            1
        );
        let in_tests = format!("{HEADER}#[cfg(test)]\nmod tests {{\n{}}}\n", body(700));
        assert_eq!(texts("src/a.rs", &in_tests), [""; 0]);
    }

    #[test]
    fn a_long_file_is_found() {
        let found = texts("src/a.rs", &format!("{HEADER}{}", body(5).repeat(80)));

        assert_eq!(found.len(), 1);
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        for path in [
            "lib/utils.rs",
            "init/src/common/x.rs",
            "a/event_handler.rs",
            "agents/data/x.rs",
        ] {
            assert_eq!(texts(path, HEADER).len(), 1, "{path}");
        }
        assert_eq!(texts("lib/database.rs", HEADER), [""; 0]);
    }

    #[test]
    fn banned_calls_are_found() {
        for (banned, _) in BANNED {
            assert_eq!(
                texts("src/a.rs", &format!("{HEADER}{banned}\n")).len(),
                1,
                "{banned}"
            );
        }
    }
}
