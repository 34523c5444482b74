// SPDX-License-Identifier: MPL-2.0
//! The command line of `inspect`.
//!
//! Owns: its flags and help texts.
//! Never: does anything.

use clap::Subcommand;

/// What is looked at.
#[derive(Debug, Subcommand)]
pub(crate) enum Inspect {
    /// Show which controller reads and writes which resources, as a graph for graphviz
    #[command(
        after_help = "Example: ichorctl -n 10.0.0.2 inspect dependencies | dot -Tpng > graph.png"
    )]
    Dependencies {
        /// Show the resources that there are instead of their types
        #[arg(long)]
        with_resources: bool,
    },
}
