// SPDX-License-Identifier: MPL-2.0
//! The command line against a node that is a double, over real TLS on loopback.
//!
//! Owns: what operators see: tables, errors, exit codes, files.
//! Never: needs a node, a network or a home folder of the machine it runs on.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(
    clippy::needless_update,
    reason = "one macro fills messages of every shape"
)]

mod answers;
mod cabinet;
mod changing;
mod completing;
mod dashboard;
mod desk;
mod double;
mod extensions;
mod files;
mod generating;
mod going;
mod interactive;
mod keys;
mod kubeconfigs;
mod lives;
mod looking;
mod machine;
mod machineconfig;
mod modules;
mod orders;
mod process;
mod pulling;
mod pulse;
mod quorum;
mod resources;
mod shelf;
mod stock;
mod support;
mod tables;
mod terminal;
mod troubles;
