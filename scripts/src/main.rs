// SPDX-License-Identifier: MPL-2.0
//! The command line behind `./x`.
//!
//! Owns: names and help of the subcommands.
//! Never: does the work itself; each subcommand is one call into the library.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use xtask::arch::Arch;
use xtask::places::Places;
use xtask::qemu::{MEMORY_MIB, Machine};
use xtask::{boot_image, budgets, checks, kernel, programs, reproduce, say, test_run, tidy, up};

#[derive(Parser)]
#[command(
    name = "x",
    about = "Builds, boots and tests Ichor",
    max_term_width = 100
)]
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
    /// Build everything, boot a node, configure it over its API, and show it
    #[command(after_help = "Example: ./x up --arch arm64 --check")]
    Up {
        #[command(flatten)]
        of: OneArch,
        /// End by itself: 0 when the node ran and answered, else 1 with the console's text
        #[arg(long)]
        check: bool,
        /// Memory in MiB
        #[arg(long, default_value_t = MEMORY_MIB)]
        memory: u32,
    },
    /// Run all tests: beside the code, in namespaces, in virtual machines; and keep the budgets
    #[command(after_help = "Example: ./x test restart --quick")]
    Test {
        /// Only tests whose name contains this
        filter: Option<String>,
        /// Leave out those that boot machines
        #[arg(long)]
        quick: bool,
    },
    /// Build the kernel, or take it from the cache
    #[command(after_help = "Example: ./x kernel --arch arm64")]
    Kernel(OneArch),
    /// Build the programs of the node, the client, and the guest of test images
    #[command(after_help = "Example: ./x build --arch arm64")]
    Build(OneArch),
    /// Build kernel, programs, root and initramfs into out/<arch>/
    #[command(after_help = "Example: ./x image --arch amd64 --layer target/extra.sqsh")]
    Image {
        #[command(flatten)]
        of: OneArch,
        /// A squashfs to lay over the root, the lowest first; makes initramfs.layers
        #[arg(long = "layer", value_name = "FILE.sqsh")]
        layers: Vec<PathBuf>,
    },
    /// Boot the built image in QEMU, with its console on this terminal
    #[command(after_help = "Example: ./x run --arch arm64 --memory 64")]
    Run {
        #[command(flatten)]
        of: OneArch,
        /// Memory in MiB
        #[arg(long, default_value_t = MEMORY_MIB)]
        memory: u32,
        /// Kernel arguments
        #[arg(long, default_value = "")]
        cmdline: String,
        /// Boot the yardstick of the boot time budget instead of the node
        #[arg(long)]
        yardstick: bool,
    },
    /// Measure what tests/budgets.toml promises, and fail on a breach
    #[command(after_help = "Example: ./x size --arch amd64")]
    Size {
        /// Only this architecture
        #[arg(long, value_enum)]
        arch: Option<Arch>,
        /// Only compile what measures this machine
        #[arg(long, conflicts_with = "arch")]
        no_run: bool,
    },
    /// Build the image again in another folder, and compare every byte
    #[command(after_help = "Example: ./x reproduce --arch arm64")]
    Reproduce(OneArch),
    /// Format, lints, the rules of the tree, and all tests, the promised numbers among them
    #[command(after_help = "Example: ./x ci")]
    Ci,
    /// Format all Rust code
    #[command(after_help = "Example: ./x fmt --check")]
    Fmt {
        /// Change nothing; fail when something would be changed
        #[arg(long)]
        check: bool,
    },
    /// Run clippy over all code, warnings being errors
    #[command(after_help = "Example: ./x lint")]
    Lint,
    /// Check the rules of the tree that no compiler checks
    #[command(after_help = "Example: ./x tidy")]
    Tidy,
    /// Delete what was built; kernels and toolchain stay in the cache
    #[command(after_help = "Example: ./x clean --cache")]
    Clean {
        /// Delete the cache too: kernels, toolchain, compiler cache
        #[arg(long)]
        cache: bool,
    },
}

fn build_image(places: &Places, arch: Arch, layers: &[PathBuf]) -> Result<()> {
    kernel::build(places, arch)?;
    programs::build(places, arch)?;
    let initramfs = boot_image::build(places, arch)?;
    if !layers.is_empty() {
        boot_image::with_layers(&initramfs, layers, &initramfs.with_extension("layers"))?;
    }
    Ok(())
}

fn run(places: &Places, mut machine: Machine, yardstick: bool) -> Result<()> {
    if yardstick {
        programs::build_yardstick(places, machine.arch)?;
        machine.initramfs = boot_image::build_yardstick(places, machine.arch)?;
    }
    machine.interactive = true;
    let mut running = machine.boot()?;
    say::note(format!(
        "API: 127.0.0.1:{}; Ctrl-C ends the machine",
        running.api_port()
    ));
    running.wait_exit(Duration::MAX.min(Duration::from_secs(u64::from(u32::MAX))))?;
    Ok(())
}

fn perform(task: Task) -> Result<()> {
    let places = Places::find()?;
    match task {
        Task::Up { of, check, memory } => up::up(&places, of.arch, memory, check),
        Task::Test { filter, quick } => test_run::run(&places, filter.as_deref(), quick),
        Task::Kernel(of) => kernel::build(&places, of.arch),
        Task::Build(of) => {
            programs::build(&places, of.arch)?;
            programs::build_guests(&places, of.arch)?;
            programs::build_client(&places).map(drop)
        }
        Task::Image { of, layers } => build_image(&places, of.arch, &layers),
        Task::Run {
            of,
            memory,
            cmdline,
            yardstick,
        } => {
            let machine = Machine {
                memory_mib: memory,
                cmdline,
                ..Machine::new(&places, of.arch)
            };
            run(&places, machine, yardstick)
        }
        Task::Size { no_run: true, .. } => budgets::compile(&places),
        Task::Size {
            arch: Some(arch), ..
        } => budgets::run(&places, &[arch]),
        Task::Size { arch: None, .. } => budgets::run(&places, &Arch::ALL),
        Task::Reproduce(of) => {
            kernel::build(&places, of.arch)?;
            reproduce::run(&places, of.arch)
        }
        Task::Ci => {
            checks::format(&places, checks::Format::Check)?;
            checks::lint(&places)?;
            tidy::run(&places)?;
            test_run::run(&places, None, false)
        }
        Task::Fmt { check: true } => checks::format(&places, checks::Format::Check),
        Task::Fmt { check: false } => checks::format(&places, checks::Format::Write),
        Task::Lint => checks::lint(&places),
        Task::Tidy => tidy::run(&places),
        Task::Clean { cache } => places.clean(cache),
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
