// SPDX-License-Identifier: MPL-2.0
//! What is wrong with an extension, and where.
//!
//! Owns: the form of every refusal.
//! Never: decides whether something is wrong.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: a file of the extension, with the line if it is text; empty for the whole.
    pub place: String,
    /// What.
    pub what: String,
}

impl Problem {
    /// Says what is wrong with something.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: shown(&place.into()),
            what: plain(&what.into(), WHAT_MAX),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.what)
        } else {
            write!(f, "{}: {}", self.place, self.what)
        }
    }
}

impl std::error::Error for Problem {}

/// The longest place that is shown whole.
const SHOWN_MAX: usize = 200;
/// The longest description of a problem: it may quote what somebody else wrote.
const WHAT_MAX: usize = 1000;

/// A name as it can stand in one line: the names of a hostile archive must not move the cursor.
pub(crate) fn shown(name: &str) -> String {
    plain(name, SHOWN_MAX)
}

/// A text in one line, of `max` letters and a sign that there were more.
fn plain(text: &str, max: usize) -> String {
    let mut plain: String = text
        .chars()
        .flat_map(|letter| {
            let is_plain = !letter.is_control();
            let escaped = (!is_plain).then(|| letter.escape_default());
            let same = is_plain.then_some(letter);
            same.into_iter().chain(escaped.into_iter().flatten())
        })
        .take(max.saturating_add(1))
        .collect();
    if plain.chars().count() > max {
        plain.pop();
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::Problem;

    #[test]
    fn names_cannot_write_on_the_terminal() {
        let problem = Problem::new("a\u{1b}[2Jb\nc", "bad");
        assert_eq!(problem.to_string(), "a\\u{1b}[2Jb\\nc: bad");

        let long = Problem::new("x".repeat(5000), "bad").to_string();
        assert!(long.chars().count() < 220 && long.contains('…'));
    }

    #[test]
    fn what_is_quoted_in_a_problem_cannot_write_on_the_terminal_either() {
        let problem = Problem::new("a", "no \u{1b}]0;b\u{7} and \u{9b}2J");
        assert_eq!(problem.to_string(), "a: no \\u{1b}]0;b\\u{7} and \\u{9b}2J");

        let what = Problem::new("a", "\u{1b}".repeat(5000)).what;
        assert!(what.chars().count() == 1001 && what.ends_with('…'));
    }
}
