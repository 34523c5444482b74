// SPDX-License-Identifier: MPL-2.0
//! PID 1, as one page: what happens between the kernel's start and the node's end.
//!
//! Owns: the order of the boot.
//! Never: returns, allocates, or parses anything from outside the node but the kernel's command
//! line.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use init::fatal::{self, Fatal};
use init::say::Phase;
use init::{cgroup, console, down, errands, folders, layers, limits, mounts, root, supervisor};

sys::entry!(main, panic = fatal::panicked);

/// The kernel starts `/init` in the initramfs; that one becomes `/sbin/init` of the root.
fn main(arguments: sys::start::Arguments) -> u8 {
    let ended = if arguments.get(0) == Some(c"/init") {
        first_stage()
    } else {
        second_stage(arguments)
    };
    match ended {
        Ok(never) => match never {},
        Err(fatal) => fatal::end(&fatal),
    }
}

/// In the initramfs: finds the root and moves into it.
fn first_stage() -> Result<Infallible, Fatal> {
    let phase = Phase::begin("earlyMounts");
    mounts::make(mounts::EARLY)?;
    console::open()?;
    phase.done();

    let phase = Phase::begin("root");
    root::mount()?;
    errands::read_programs_ahead(root::ROOT);
    phase.done();

    let phase = Phase::begin("layers");
    let told = layers::mount();
    layers::show_extensions();
    phase.done();

    root::free_initramfs();
    root::enter()?;
    root::become_second_stage(&told)
}

/// In the root: prepares what every service stands on, and supervises them until the end.
fn second_stage(arguments: sys::start::Arguments) -> Result<Infallible, Fatal> {
    let phase = Phase::begin("mounts");
    mounts::make(mounts::LATE)?;
    mounts::share()?;
    folders::make()?;
    layers::write_down(arguments);
    limits::raise();
    phase.done();

    let phase = Phase::begin("cgroups");
    let place = cgroup::make_tree()?;
    phase.done();

    let action = supervisor::run(|| {
        if place == cgroup::Init::OnTop {
            errands::join_group();
        }
    })?;
    down::end(action)
}
