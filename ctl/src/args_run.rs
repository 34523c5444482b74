// SPDX-License-Identifier: MPL-2.0
//! The command line of `run`.
//!
//! Owns: its flags, defaults and help texts.
//! Never: does anything.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Its name; else the last part of the image's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The program, in place of the image's
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Environment variable, NAME=value; -e names endpoints
    #[arg(short = 'E', long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// A path of the node that it sees: SOURCE:DESTINATION, and :ro if it only reads there
    #[arg(short, long, value_name = "MOUNT")]
    pub(crate) volume: Vec<String>,
    /// Who it runs as: a name or a number, with :GROUP if need be
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// How much memory it may use, such as 64MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// How many processors it may use, such as 0.5
    #[arg(long, value_name = "NUMBER")]
    pub(crate) cpus: Option<String>,
    /// The node's network, or none
    #[arg(long, default_value = "host")]
    pub(crate) network: RunNetwork,
    /// When the registry is asked for the image
    #[arg(long, default_value = "if-not-present")]
    pub(crate) pull: RunPull,
    /// When it is started again
    #[arg(long, default_value = "never")]
    pub(crate) restart: RunRestart,
    /// Remove it when it has ended
    #[arg(long, conflicts_with = "detach")]
    pub(crate) rm: bool,
    /// Do not wait for it, and do not show what it writes
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// The image
    pub(crate) image: String,
    /// Its arguments, in place of the image's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunNetwork {
    Host,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunPull {
    IfNotPresent,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunRestart {
    Always,
    UntilSuccess,
    Never,
}
