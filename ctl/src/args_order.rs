// SPDX-License-Identifier: MPL-2.0
//! Flags of the orders that change what is installed on a node.
//!
//! Owns: flags of `bootstrap`, `reset` and `upgrade`, and their defaults.
//! Never: does anything.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::args::{RebootMode, Wait};

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
