// SPDX-License-Identifier: MPL-2.0
//! The command line of `meta`.
//!
//! Owns: its commands, flags and help texts, and how keys are written.
//! Never: does anything.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Meta {
    /// At a node in maintenance mode
    #[arg(short, long, global = true)]
    pub(crate) insecure: bool,
    #[command(subcommand)]
    pub(crate) what: OfMeta,
}

/// What to do with META.
#[derive(Debug, Subcommand)]
pub(crate) enum OfMeta {
    /// Take the value of a key away
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 meta delete 0x0c")]
    Delete {
        /// The key: 12 or 0x0c
        #[arg(value_parser = key)]
        key: u8,
    },
    /// Give a key a value
    #[command(after_help = "Example: ichorctl -n 10.0.0.2 meta write 0xa \"$(cat network.yaml)\"")]
    Write {
        /// The key: 12 or 0x0c
        #[arg(value_parser = key)]
        key: u8,
        /// The value
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
}

fn key(text: &str) -> Result<u8, String> {
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number
        .filter(|number| *number != 0)
        .ok_or_else(|| "a number from 1 to 255 is wanted, such as 12 or 0x0c".to_owned())
}
