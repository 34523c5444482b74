// SPDX-License-Identifier: MPL-2.0
//! The machine that an image is for.
//!
//! Owns: which of several images runs best on a machine (OCI image specification, image-index.md).
//! Never: takes one for another operating system, or for a newer processor than was asked for.

use std::fmt;

use serde::Deserialize;

/// A processor, with Linux on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    architecture: String,
    /// The generation: 1 to 4 of amd64, 8 or 9 of arm64.
    generation: u8,
}

impl Platform {
    /// Any x86-64.
    #[must_use]
    pub fn amd64() -> Self {
        Self::of("amd64", 1)
    }

    /// Any 64-bit Arm.
    #[must_use]
    pub fn arm64() -> Self {
        Self::of("arm64", 8)
    }

    fn of(architecture: &str, generation: u8) -> Self {
        Self {
            architecture: architecture.to_owned(),
            generation,
        }
    }

    /// Reads `amd64`, `arm64`, or one with a variant: `amd64/v3`, `arm64/v8`; `linux/` may stand before.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("linux/").unwrap_or(text);
        let (architecture, variant) = text.split_once('/').unwrap_or((text, ""));
        let generation = generation(architecture, variant)?;
        Some(Self::of(architecture, generation))
    }

    /// The architecture, without variant.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// How well an image fits; more is better. `None`: it does not run here.
    pub(crate) fn fit(&self, other: &Described) -> Option<u8> {
        if !matches!(other.os.as_str(), "" | "linux") || other.architecture != self.architecture {
            return None;
        }
        generation(&other.architecture, &other.variant)
            .filter(|generation| *generation <= self.generation)
    }
}

/// The number of a variant; the oldest when nothing is said.
fn generation(architecture: &str, variant: &str) -> Option<u8> {
    match (architecture, variant) {
        ("amd64", "" | "v1") => Some(1),
        ("amd64", "v2") => Some(2),
        ("amd64", "v3") => Some(3),
        ("amd64", "v4") => Some(4),
        ("arm64", "" | "v8" | "8") => Some(8),
        ("arm64", "v9") => Some(9),
        _ => None,
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.architecture.as_str(), self.generation) {
            (architecture, 1 | 8) => f.write_str(architecture),
            (architecture, generation) => write!(f, "{architecture}/v{generation}"),
        }
    }
}

/// The platform of an image as indexes and configurations have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Described {
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) variant: String,
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(os: &str, architecture: &str, variant: &str) -> Described {
        Described {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            variant: variant.to_owned(),
        }
    }

    #[test]
    fn a_machine_runs_its_own_generation_and_older_ones() {
        let fit = |wanted: &str, variant: &str| {
            let wanted = Platform::parse(wanted).unwrap();
            wanted.fit(&described("linux", wanted.architecture(), variant))
        };
        assert_eq!(fit("amd64", ""), Some(1));
        assert_eq!(fit("amd64", "v1"), Some(1));
        assert_eq!(fit("amd64", "v2"), None);
        assert!(fit("amd64/v3", "v3") > fit("amd64/v3", "v2"));
        assert!(fit("amd64/v3", "v2") > fit("amd64/v3", ""));
        assert_eq!(fit("arm64", "v8"), fit("arm64", ""));
        assert_eq!(fit("arm64", "v9"), None);
        assert_eq!(fit("linux/arm64/v9", "v9"), Some(9));
        assert_eq!(fit("amd64", "unknown"), None);
    }

    #[test]
    fn other_systems_and_processors_never_fit() {
        let wanted = Platform::amd64();
        assert_eq!(wanted.fit(&described("", "amd64", "")), Some(1));
        for other in [
            described("windows", "amd64", ""),
            described("linux", "arm64", ""),
            described("unknown", "unknown", ""),
        ] {
            assert_eq!(wanted.fit(&other), None, "{other}");
        }
        for text in ["", "arm", "arm64/v7", "amd64/v5", "windows/amd64", "linux/"] {
            assert_eq!(Platform::parse(text), None, "{text}");
        }
        assert_eq!(Platform::parse("amd64/v3").unwrap().to_string(), "amd64/v3");
        assert_eq!(Platform::arm64().to_string(), "arm64");
    }
}
