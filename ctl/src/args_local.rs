// SPDX-License-Identifier: MPL-2.0
//! Commands that need no node.
//!
//! Owns: their flags, defaults and help texts.
//! Never: does anything.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::args_extension::Extension;
use crate::args_gen::Gen;
use crate::args_machine::{Inject, MachineConfig, Validate};

/// What is done here.
#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Write shell completion
    #[command(after_help = "Example: source <(ichorctl completion bash)")]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Make and check system extensions
    #[command(
        subcommand,
        visible_alias = "extensions",
        after_help = "Example: ichorctl extension validate ./hello"
    )]
    Extension(Extension),
    /// Generate configurations and secrets
    #[command(after_help = "Example: ichorctl gen config home https://10.0.0.2:6443")]
    Gen {
        /// Overwrite files
        #[arg(short, long, global = true)]
        force: bool,
        #[command(subcommand)]
        what: Gen,
    },
    /// Change Kubernetes manifests so that their pods can use the machine API
    #[command(
        subcommand,
        after_help = "Example: ichorctl inject serviceaccount -f deployment.yaml"
    )]
    Inject(Inject),
    /// Generate and patch configurations
    #[command(
        subcommand,
        visible_alias = "mc",
        after_help = "Example: ichorctl machineconfig patch worker.yaml --patch @mtu.yaml"
    )]
    Machineconfig(MachineConfig),
    /// Write manual pages, one for each command
    #[command(after_help = "Example: ichorctl man ~/.local/share/man/man1")]
    Man {
        /// The folder for them; it is made
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Check a configuration without a node
    #[command(after_help = "Example: ichorctl validate -c controlplane.yaml -m metal --strict")]
    Validate(Validate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}
