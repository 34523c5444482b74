// SPDX-License-Identifier: MPL-2.0
//! The command line behind `./x`.
//!
//! Owns: names and help of the subcommands.
//! Never: does the work itself; each subcommand is one call into the library.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use xtask::arch::Arch;
use xtask::places::Places;
use xtask::{kernel, say};

#[derive(Parser)]
#[command(name = "x", about = "Builds, boots and tests Ichor", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Args)]
struct OneArch {
    /// The architecture of the node
    #[arg(long, value_enum, default_value = "amd64")]
    arch: Arch,
}

#[derive(Subcommand)]
enum Task {
    /// Build the kernel, or take it from the cache
    #[command(after_help = "Example: ./x kernel --arch arm64")]
    Kernel(OneArch),
}

fn perform(task: Task) -> Result<()> {
    let places = Places::find()?;
    match task {
        Task::Kernel(of) => kernel::build(&places, of.arch),
    }
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::note(format!("x: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
