// SPDX-License-Identifier: MPL-2.0
//! The command line of `netstat`.
//!
//! Owns: its flags and help texts.
//! Never: does anything.

use clap::Args;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the line")]
pub(crate) struct Netstat {
    /// Sockets of this pod, NAMESPACE/POD, instead of the node's
    pub(crate) pod: Option<String>,
    /// In every state, not only connected
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Owner and inode too
    #[arg(short = 'x', long)]
    pub(crate) extend: bool,
    /// Only IPv4
    #[arg(short = '4', long)]
    pub(crate) ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Only those that listen
    #[arg(short, long)]
    pub(crate) listening: bool,
    /// Sockets of Kubernetes pods too
    #[arg(short = 'k', long)]
    pub(crate) pods: bool,
    /// Whose they are
    #[arg(short, long)]
    pub(crate) programs: bool,
    /// Raw sockets
    #[arg(short = 'w', long)]
    pub(crate) raw: bool,
    /// TCP; without a protocol TCP and UDP
    #[arg(short, long)]
    pub(crate) tcp: bool,
    /// Timers
    #[arg(short = 'o', long)]
    pub(crate) timers: bool,
    /// UDP
    #[arg(short, long)]
    pub(crate) udp: bool,
    /// UDP-Lite
    #[arg(short = 'U', long)]
    pub(crate) udplite: bool,
    /// Every protocol
    #[arg(short, long)]
    pub(crate) verbose: bool,
}
