// SPDX-License-Identifier: MPL-2.0
//! logd: what services and the kernel say, one ring each.
//!
//! init keeps both ends of every service's output pipe and gives logd the read ends; the rings
//! are files in memory. So a logd that is killed loses only what it had read and not written.
//!
//! Owns: the logs of the node.
//! Never: blocks a writer for a reader, or keeps more than the table in [`capacity`] says.
#![no_std]
#![forbid(unsafe_code)]

pub mod capacity;
pub mod clock;
pub mod header;
pub mod lines;
pub mod ring;
pub mod run;
pub mod serve;
pub mod share;
pub mod shelf;
pub mod stamp;
pub mod supervisor;
pub mod syslog;

pub use run::main;
