// SPDX-License-Identifier: MPL-2.0
//! The two architectures and what each tool calls them.
//!
//! Owns: the names. Adding an architecture starts here.
//! Never: runs anything.

use clap::ValueEnum;

/// A machine architecture that Ichor is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arch {
    /// 64-bit PCs.
    Amd64,
    /// 64-bit Arm machines.
    Arm64,
}

impl Arch {
    /// Every architecture, in the order in which they are built and tested.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Returns the name that the user types, also the folder under `out/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the name in Rust's target triples and GNU tool prefixes.
    #[must_use]
    pub fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Returns the value of `ARCH=` in a kernel build.
    #[must_use]
    pub fn kernel(self) -> &'static str {
        match self {
            Self::Amd64 => "x86",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the prefix of the compiler and binary tools for this architecture.
    ///
    /// Also on a machine of the same architecture: Debian installs both names.
    #[must_use]
    pub fn tool_prefix(self) -> String {
        format!("{}-linux-gnu-", self.machine())
    }

    /// Returns the kernel's make target, and where under the build folder its result lies.
    #[must_use]
    pub fn kernel_image(self) -> (&'static str, &'static str) {
        match self {
            Self::Amd64 => ("bzImage", "arch/x86/boot/bzImage"),
            // QEMU unpacks gzip on the host; it cannot unpack the EFI zboot format before 8.0.
            Self::Arm64 => ("Image.gz", "arch/arm64/boot/Image.gz"),
        }
    }

    /// Returns the target of the programs without libc.
    #[must_use]
    pub fn bare_target(self) -> String {
        format!("{}-unknown-linux-gnu", self.machine())
    }

    /// Returns the target of the static programs with std.
    #[must_use]
    pub fn musl_target(self) -> String {
        format!("{}-unknown-linux-musl", self.machine())
    }
}

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
