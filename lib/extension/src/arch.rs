// SPDX-License-Identifier: MPL-2.0
//! The processors that nodes have.
//!
//! Owns: their names as container images write them.
//! Never: more than those that there are images of ours for.

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// ARMv8, 64 bits.
    Arm64,
}

impl Arch {
    /// That of the machine that this runs on; `amd64` where there are no nodes of its kind.
    #[must_use]
    pub fn of_host() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::Amd64
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
