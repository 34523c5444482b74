// SPDX-License-Identifier: MPL-2.0
//! Flags of `etcd`.
//!
//! Owns: its commands, flags and help.
//! Never: does anything.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with etcd.
#[derive(Debug, Subcommand)]
pub(crate) enum Etcd {
    /// Show or clear alarms
    #[command(
        subcommand,
        after_help = "Example: ichorctl -n 10.0.0.2 etcd alarm list"
    )]
    Alarm(Alarm),
    /// Give space that was freed in the database back; heavy, for one node at a time
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd defrag")]
    Defrag,
    /// Have nodes give up leadership
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd forfeit-leadership")]
    ForfeitLeadership,
    /// Have nodes leave etcd
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd leave")]
    Leave,
    /// List members
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd members")]
    Members,
    /// Remove a member that is broken; one that works should leave
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd remove-member a49c021e76e707db")]
    RemoveMember {
        /// Its id as `members` shows it, or its host name
        member: String,
    },
    /// Write a snapshot of the database of a node to a file
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd snapshot db.snapshot")]
    Snapshot {
        /// The file
        path: PathBuf,
    },
    /// Show how the members on nodes are
    #[command(after_help = "Example: ichorctl -n 10.0.0.2,10.0.0.3 etcd status")]
    Status,
}

/// What to do with alarms.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Alarm {
    /// Clear them
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd alarm disarm")]
    Disarm,
    /// List them
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 etcd alarm list")]
    List,
}
