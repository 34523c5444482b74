// SPDX-License-Identifier: MPL-2.0
//! Format and lints, by the tools that come with the compiler.
//!
//! Owns: how rustfmt and clippy are called.
//! Never: lets a warning pass.

use anyhow::Result;

use crate::command;
use crate::places::Places;
use crate::programs::Toolchain;
use crate::say::Step;

/// Whether rustfmt may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Fails when something is not as rustfmt would write it.
    Check,
    /// Writes it as it should be.
    Write,
}

/// Formats all Rust code, or checks that it is formatted.
///
/// # Errors
/// When a file cannot be parsed, or is not formatted.
pub fn format(places: &Places, format: Format) -> Result<()> {
    let step = Step::start("format");
    let mut cargo = Toolchain::find(places)?.subcommand(places, "fmt");
    cargo.arg("--all");
    if format == Format::Check {
        cargo.args(["--", "--check"]);
    }
    command::run(&mut cargo)?;
    step.done();
    Ok(())
}

/// Runs clippy over all targets of all crates.
///
/// # Errors
/// When it finds anything.
pub fn lint(places: &Places) -> Result<()> {
    let step = Step::start("lints");
    let mut cargo = Toolchain::find(places)?.subcommand(places, "clippy");
    cargo.args([
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    command::run(&mut cargo)?;
    step.done();
    Ok(())
}
