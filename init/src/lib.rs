// SPDX-License-Identifier: MPL-2.0
//! PID 1: mounts the root, supervises, reaps, reboots.
//!
//! Owns: everything that must go on when every other program has failed.
//! Never: allocates, panics, blocks on an agent, or trusts what a peer says.
#![no_std]
#![forbid(unsafe_code)]

pub mod cgroup;
pub mod clock;
pub mod console;
pub mod down;
pub mod errands;
pub mod fatal;
pub mod folders;
pub mod layers;
pub mod limits;
pub mod mounts;
pub mod root;
pub mod say;
pub mod services;
pub mod supervisor;
pub mod volumes;
