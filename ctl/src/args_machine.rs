// SPDX-License-Identifier: MPL-2.0
//! The command line of `machineconfig`, `validate` and `inject`.
//!
//! Owns: their flags, defaults and help texts.
//! Never: does anything.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::args_gen::GenConfig;

#[derive(Debug, Subcommand)]
pub(crate) enum MachineConfig {
    /// Generate the configurations of a cluster, as `gen config` does
    #[command(after_help = "Example: ichorctl machineconfig gen home https://10.0.0.2:6443")]
    Gen {
        /// Overwrite files
        #[arg(short, long)]
        force: bool,
        #[command(flatten)]
        asked: Box<GenConfig>,
    },
    /// Patch a file
    #[command(
        after_help = "Example: ichorctl machineconfig patch worker.yaml --patch @mtu.yaml -o new.yaml"
    )]
    Patch {
        /// The configuration; - reads standard input
        file: PathBuf,
        /// Patch: text, or @FILE, or @- for standard input
        #[arg(short, long, required = true)]
        patch: Vec<String>,
        /// Where to write the result; else, and with -, to standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The configuration; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Where it is to be used
    #[arg(short, long)]
    pub(crate) mode: Place,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    Metal,
    Cloud,
    Container,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Inject {
    /// Give pods a service account of the machine API; the result is on standard output
    #[command(
        visible_alias = "sa",
        after_help = "Example: ichorctl inject serviceaccount --roles os:reader -f deployment.yaml"
    )]
    Serviceaccount {
        /// The manifests; - reads standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// What the pods may do
        #[arg(short, long, value_delimiter = ',', default_value = "os:reader")]
        roles: Vec<String>,
    },
}
