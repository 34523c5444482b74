// SPDX-License-Identifier: MPL-2.0
//! The release that a generated configuration is for.
//!
//! Owns: which releases are known.
//! Never: says what a release wants; the generators do.

use core::fmt;

/// A minor release, such as 1.6. What is generated for it, its nodes understand: a newer one than we
/// know reads the old keys, so it gets what the newest known one gets.
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

    /// Reads `v1.5`, `1.5` or `v1.5.3`; nothing is the newest we know. `None` for those before the oldest.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::CURRENT);
        }
        let (major, minor) = minor_version(text)?;
        let release = Self(major, minor);
        (release >= Self::OLDEST).then_some(release)
    }

    /// Whether it has keys that we do not know, which therefore are not written for it.
    #[must_use]
    pub fn is_newer(self) -> bool {
        self > Self::CURRENT
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
        assert!(!Release::CURRENT.is_newer());
    }

    #[test]
    fn releases_after_the_newest_we_know_are_told_apart() {
        for (text, shown) in [
            ("v1.7", "v1.7"),
            ("v1.10.2", "v1.10"),
            ("2.0.0-alpha.1", "v2.0"),
        ] {
            let release = Release::parse(text).unwrap();
            assert!(release.is_newer(), "{text}");
            assert_eq!(release.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_release_or_too_old_is_refused() {
        for text in ["1", "v", "v1", "latest", "v0.7", "vv1.5", "1.-5", "1.x"] {
            assert_eq!(Release::parse(text), None, "{text}");
        }
    }
}
