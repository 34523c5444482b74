// SPDX-License-Identifier: MPL-2.0
//! How things are made and run: kernel, programs, image, virtual machines, and the checks.
//!
//! Owns: everything behind `./x`. A library too, so that `tests/` boots machines the same way.
//! Never: ships on a node.

pub mod arch;
pub mod boot_image;
pub mod budgets;
pub mod checks;
pub mod client;
pub mod command;
pub mod idle;
pub mod kernel;
mod kernel_config;
pub mod kernel_modules;
pub mod lan;
pub mod places;
pub mod programs;
pub mod qemu;
pub mod reproduce;
mod room;
pub mod rootfs;
pub mod say;
pub mod switch;
pub mod test_run;
pub mod tidy;
pub mod up;
pub mod wait;
