// SPDX-License-Identifier: MPL-2.0
//! What is promised, seen from outside: the real kernel, the real image, the real client.
//!
//! Every test that boots a machine exists once for each architecture. Images are built by `./x test`
//! before the tests run; a test that finds none fails and says so.
//!
//! Owns: how a test boots a node, talks to it, and looks inside it.
//! Never: waits for a fixed time; every wait is for an event and has a deadline.

pub mod administrator;
pub mod caller;
pub mod cluster;
pub mod crowd;
pub mod ctl;
pub mod debian;
pub mod disk;
pub mod forge;
pub mod layers;
pub mod node;
pub mod probe;
pub mod requests;
pub mod screen;
pub mod services;

pub use administrator::Administrator;
pub use caller::{Answer, Caller, To};
pub use cluster::Cluster;
pub use crowd::Crowd;
pub use ctl::Output;
pub use node::{Node, Setup};
pub use probe::Probe;
pub use xtask::arch::Arch;
pub use xtask::wait;

/// Makes one test for each architecture out of a function that takes one.
#[macro_export]
macro_rules! on_each_architecture {
    ($($(#[$meta:meta])* $name:ident)+) => {
        mod amd64 {
            $(#[test] $(#[$meta])* fn $name() -> anyhow::Result<()> { super::$name($crate::Arch::Amd64) })+
        }
        mod arm64 {
            $(#[test] $(#[$meta])* fn $name() -> anyhow::Result<()> { super::$name($crate::Arch::Arm64) })+
        }
    };
}
