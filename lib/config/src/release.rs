// SPDX-License-Identifier: MPL-2.0
//! The release that a generated configuration is for.
//!
//! Owns: which releases are known.
//! Never: says what a release wants; the generators do.

use core::fmt;

/// A minor release, such as 1.6. What is generated for it, its nodes understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(u32, u32);

impl Release {
    /// The oldest that we know.
    pub const OLDEST: Self = Self(0, 8);
    /// The newest that we know.
    pub const CURRENT: Self = Self(1, 6);

    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self(major, minor)
    }

    /// Reads `v1.5`, `1.5` or `v1.5.3`; nothing is the newest. `None` for others than those we know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::CURRENT);
        }
        let (major, minor) = minor_version(text)?;
        let release = Self(major, minor);
        (Self::OLDEST..=Self::CURRENT)
            .contains(&release)
            .then_some(release)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.0, self.1)
    }
}

/// Major and minor number of a version.
pub(crate) fn minor_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn releases_are_read_with_and_without_patch_number_and_v() {
        for text in ["v1.5", "1.5", "v1.5.9", "1.5.0-alpha.1"] {
            assert_eq!(Release::parse(text), Some(Release::new(1, 5)), "{text}");
        }
        assert_eq!(Release::parse(""), Some(Release::CURRENT));
        assert_eq!(Release::CURRENT.to_string(), "v1.6");
    }

    #[test]
    fn what_is_no_release_we_know_is_refused() {
        for text in [
            "1", "v", "v1", "latest", "v1.7", "v2.0", "v0.7", "vv1.5", "1.-5", "1.x",
        ] {
            assert_eq!(Release::parse(text), None, "{text}");
        }
    }
}
