// SPDX-License-Identifier: MPL-2.0
//! Constraints of versions, as extensions have them: `>= v1.0.0`, `>=v1.6.0 <v1.8.0 || >v2`.
//!
//! The grammar is that of blang/semver, which the manifests out there are written for: spaces mean
//! "and", `||` means "or", `x` stands for any number, and a `v` before a number says nothing.
//!
//! Owns: reading a constraint, and whether a version is inside.
//! Never: guesses; what it does not know is an error.

use std::cmp::Ordering;
use std::fmt;

use semver::{BuildMetadata, Prerelease, Version};

/// The longest constraint: some ranges, with room.
pub const CONSTRAINT_MAX: usize = 256;

/// A set of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    text: String,
    /// Any of these holds; each is a list of conditions that hold together.
    ranges: Vec<Vec<Condition>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    compare: Compare,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Each sign and its meaning; longer ones first.
const SIGNS: &[(&str, Compare)] = &[
    (">=", Compare::GreaterOrEqual),
    ("<=", Compare::LessOrEqual),
    ("!=", Compare::NotEqual),
    ("==", Compare::Equal),
    (">", Compare::Greater),
    ("<", Compare::Less),
    ("=", Compare::Equal),
    ("!", Compare::NotEqual),
];

impl Compare {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
        }
    }
}

impl Constraint {
    /// Reads a constraint. The error says what is wrong with it.
    ///
    /// # Errors
    /// When it is not of the grammar above.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > CONSTRAINT_MAX {
            return Err(format!("longer than {CONSTRAINT_MAX} bytes"));
        }
        // It is shown to people as it is written.
        if text.contains(char::is_control) {
            return Err("it has a control character".to_owned());
        }
        let mut ranges = Vec::new();
        for part in text.split("||") {
            let mut conditions = Vec::new();
            let mut rest = part.trim_start();
            while !rest.is_empty() {
                let (sign, compare) = SIGNS
                    .iter()
                    .find(|(sign, _)| rest.starts_with(sign))
                    .copied()
                    .unwrap_or(("", Compare::Equal));
                rest = rest.get(sign.len()..).unwrap_or_default().trim_start();
                let end = rest
                    .find(|letter: char| letter.is_whitespace() || "<>=!|".contains(letter))
                    .unwrap_or(rest.len());
                let (version, later) = rest.split_at(end);
                if version.is_empty() {
                    return Err(format!("there is no version after {:?}", sign));
                }
                add(&mut conditions, compare, version)?;
                rest = later.trim_start();
            }
            if conditions.is_empty() {
                return Err("a side of it is empty".to_owned());
            }
            ranges.push(conditions);
        }
        Ok(Self {
            text: text.to_owned(),
            ranges,
        })
    }

    /// Whether a version is inside. What comes after the third number does not count: a node of
    /// `v1.6.0-beta.1` takes what wants `>= v1.6.0`.
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        let core = Version::new(version.major, version.minor, version.patch);
        self.ranges.iter().any(|range| {
            range.iter().all(|condition| {
                let order = core.cmp_precedence(&condition.version);
                condition.compare.holds(order)
            })
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a version of a node or a kernel: `v1.6.7`, `1.6`, `6.1.58-talos`.
#[must_use]
pub fn version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    match Wild::parse(text)? {
        Wild {
            major: Some(major),
            minor,
            patch,
            pre,
        } if text.len() <= CONSTRAINT_MAX && !text.contains(['x', 'X', '*']) => Some(Version {
            pre,
            ..Version::new(major, minor.unwrap_or(0), patch.unwrap_or(0))
        }),
        Wild { .. } => None,
    }
}

/// A version in which the last numbers may be anything.
struct Wild {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: Prerelease,
}

impl Wild {
    fn parse(text: &str) -> Option<Self> {
        let (text, _build) = match text.split_once('+') {
            Some((text, build)) => (text, BuildMetadata::new(build).ok()?),
            None => (text, BuildMetadata::EMPTY),
        };
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) if !pre.is_empty() => (numbers, Prerelease::new(pre).ok()?),
            Some(_) => return None,
            None => (text, Prerelease::EMPTY),
        };
        let mut parts = Vec::new();
        for part in numbers.split('.') {
            parts.push(match part {
                "x" | "X" | "*" => None,
                _ if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) => {
                    return None;
                }
                _ => Some(part.parse().ok()?),
            });
        }
        if parts.len() > 3 || (parts.len() < 3 && !pre.is_empty()) {
            return None;
        }
        let mut parts = parts.into_iter();
        let major = parts.next()?;
        let minor = parts.next().flatten();
        let patch = parts.next().flatten();
        // After an `x` there is nothing but an `x`.
        let is_ordered =
            (major.is_some() || minor.is_none()) && (minor.is_some() || patch.is_none());
        is_ordered.then_some(Self {
            major,
            minor,
            patch,
            pre,
        })
    }
}

/// Adds the conditions that one sign and version stand for.
fn add(conditions: &mut Vec<Condition>, compare: Compare, text: &str) -> Result<(), String> {
    let bad = || format!("{:?} is not a version", crate::problem::shown(text));
    let bare = text.strip_prefix('v').unwrap_or(text);
    let wild = Wild::parse(bare).ok_or_else(bad)?;
    let Some(major) = wild.major else {
        return match compare {
            // Any version at all.
            Compare::Equal | Compare::GreaterOrEqual | Compare::LessOrEqual => {
                push(conditions, Compare::GreaterOrEqual, Version::new(0, 0, 0));
                Ok(())
            }
            Compare::NotEqual | Compare::Greater | Compare::Less => {
                Err(format!("{text:?} after that sign leaves nothing"))
            }
        };
    };
    let first = Version {
        pre: wild.pre,
        ..Version::new(major, wild.minor.unwrap_or(0), wild.patch.unwrap_or(0))
    };
    let next = match (wild.minor, wild.patch) {
        (Some(_), Some(_)) => None,
        (Some(minor), None) => Some(Version::new(
            major,
            minor.checked_add(1).ok_or_else(bad)?,
            0,
        )),
        (None, _) => Some(Version::new(major.checked_add(1).ok_or_else(bad)?, 0, 0)),
    };
    match (compare, next) {
        (_, None) | (Compare::GreaterOrEqual | Compare::Less, Some(_)) => {
            push(conditions, compare, first);
        }
        (Compare::Equal, Some(next)) => {
            push(conditions, Compare::GreaterOrEqual, first);
            push(conditions, Compare::Less, next);
        }
        (Compare::Greater, Some(next)) => push(conditions, Compare::GreaterOrEqual, next),
        (Compare::LessOrEqual, Some(next)) => push(conditions, Compare::Less, next),
        (Compare::NotEqual, Some(_)) => {
            return Err(format!("{text:?} after != needs all three numbers"));
        }
    }
    Ok(())
}

fn push(conditions: &mut Vec<Condition>, compare: Compare, version: Version) {
    conditions.push(Condition { compare, version });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(constraint: &str, node: &str) -> bool {
        let constraint = Constraint::parse(constraint).unwrap();
        constraint.allows(&version(node).unwrap())
    }

    #[test]
    fn xtn_05_constraints_hold_as_their_authors_meant() {
        for (constraint, inside, outside) in [
            (
                ">= v1.0.0",
                &["v1.0.0", "1.6.7", "v2.0.0"][..],
                &["v0.15.0"][..],
            ),
            (">= v0.15.0", &["v0.15.0", "v1.6.7"], &["v0.14.3"]),
            (
                ">=v1.6.0 <v1.8.0",
                &["v1.6.0", "v1.7.9"],
                &["v1.5.9", "v1.8.0"],
            ),
            (
                "<1.0.0 || >=1.6.5",
                &["0.9.0", "1.6.7"],
                &["1.0.0", "1.6.4"],
            ),
            ("v1.6.7", &["1.6.7"], &["1.6.6", "1.6.8"]),
            ("5.15.6", &["5.15.6"], &["5.15.7"]),
            ("!1.6.1 >=1.6.0", &["1.6.0", "1.6.2"], &["1.6.1"]),
            ("1.6.x", &["1.6.0", "1.6.99"], &["1.5.9", "1.7.0"]),
            ("1.x", &["1.0.0", "1.6.7"], &["2.0.0", "0.9.9"]),
            (">1.5.x", &["1.6.0"], &["1.5.9"]),
            ("<=1.6", &["1.6.7", "1.0.0"], &["1.7.0"]),
            ("x", &["0.0.1", "9.9.9"], &[]),
            ("  >=  v1.6.0   <  v1.7.0 ", &["1.6.7"], &["1.7.0"]),
            (">=1.6.0<1.7.0", &["1.6.7"], &["1.7.0"]),
        ] {
            for node in inside {
                assert!(allows(constraint, node), "{constraint} {node}");
            }
            for node in outside {
                assert!(!allows(constraint, node), "{constraint} {node}");
            }
        }
    }

    #[test]
    fn what_follows_the_numbers_of_a_node_does_not_count() {
        assert!(allows(">= v1.6.0", "v1.6.0-alpha.2-dirty"));
        assert!(allows("< v1.6.1", "v1.6.0+build"));
    }

    #[test]
    fn what_is_no_constraint_is_refused() {
        let long = "1".repeat(CONSTRAINT_MAX + 1);
        for text in [
            "",
            " ",
            "||",
            "1.0.0 ||",
            ">=",
            ">= >= 1.0.0",
            "latest",
            "1.2.3.4",
            "1..2",
            "vv1.0.0",
            "~1.0.0",
            "^1.0.0",
            "x.1",
            "1.x.3",
            "!x",
            ">x",
            "!=1.6",
            "1.0.0-",
            "-1.0.0",
            "1.0.0 and 2",
            "99999999999999999999.0.0",
            "18446744073709551615",
            "1.0.0|2.0.0",
            ">= 1.0.0\n",
            "1.0.0-\u{1b}[2J",
            "\u{85}1.0.0",
            &long,
        ] {
            assert!(Constraint::parse(text).is_err(), "{text}");
        }
        for text in ["", "v", "1.x", "a", "1.2.3.4", "1.2.3-"] {
            assert_eq!(version(text), None, "{text}");
        }
    }
}
