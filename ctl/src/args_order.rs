// SPDX-License-Identifier: MPL-2.0
//! Orders that change what runs or is installed on a node.
//!
//! Owns: their commands, flags and defaults.
//! Never: does anything.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use crate::args::{RebootMode, Wait};
use crate::args_etcd::Etcd;

/// What a node is told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Order {
    /// Begin a cluster on one node of its control plane
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 bootstrap")]
    Bootstrap(Bootstrap),
    /// Look after etcd
    #[command(subcommand, after_help = "Example: ichorctl -n 10.0.0.2 etcd status")]
    Etcd(Etcd),
    /// Reboot a node
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 reboot --timeout 5m")]
    Reboot {
        /// How: powercycle goes through the firmware
        #[arg(short, long, default_value = "default")]
        mode: RebootMode,
        #[command(flatten)]
        wait: Wait,
    },
    /// Wipe nodes
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 reset --reboot")]
    Reset(Box<Reset>),
    /// Go back to the system that was installed before
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 rollback")]
    Rollback,
    /// Power a node off
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 shutdown")]
    Shutdown {
        /// Without leaving the cluster in order
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Install another version of the system
    #[command(
        after_help = "Example: ichorctl -n 10.0.0.2 upgrade --image registry.example/installer:v1"
    )]
    Upgrade(Box<Upgrade>),
}

#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// Begin with this snapshot of etcd
    #[arg(long, value_name = "FILE")]
    pub(crate) recover_from: Option<PathBuf>,
    /// The snapshot is a copy of the folder of the database and has no digest
    #[arg(long, requires = "recover_from")]
    pub(crate) recover_skip_hash_check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WipeMode {
    All,
    SystemDisk,
    UserDisks,
}

#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Leave Kubernetes and etcd first
    #[arg(
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set
    )]
    pub(crate) graceful: bool,
    /// A node in maintenance mode
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Reboot afterwards instead of powering off
    #[arg(long)]
    pub(crate) reboot: bool,
    /// Wipe only these partitions of the system disk
    #[arg(long, value_delimiter = ',', value_name = "LABEL")]
    pub(crate) system_labels_to_wipe: Vec<String>,
    /// Wipe these disks, too
    #[arg(long, value_delimiter = ',', value_name = "DEVICE")]
    pub(crate) user_disks_to_wipe: Vec<String>,
    /// Which disks
    #[arg(long, default_value = "all")]
    pub(crate) wipe_mode: WipeMode,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The image of the installer; without it that of the release of this client
    #[arg(short, long, value_name = "REFERENCE")]
    pub(crate) image: Option<String>,
    /// Without looking at the health of etcd; may lose data
    #[arg(short, long)]
    pub(crate) force: bool,
    /// A node in maintenance mode
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Keep the data of the node
    #[arg(short, long)]
    pub(crate) preserve: bool,
    /// How to reboot: powercycle goes through the firmware
    #[arg(short = 'm', long, default_value = "default")]
    pub(crate) reboot_mode: RebootMode,
    /// Do it at the next start
    #[arg(short, long)]
    pub(crate) stage: bool,
    #[command(flatten)]
    pub(crate) wait: Wait,
}
