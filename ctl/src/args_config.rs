// SPDX-License-Identifier: MPL-2.0
//! The command line of `config`.
//!
//! Owns: its flags, defaults and help texts.
//! Never: does anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use crate::args::duration;

// Arguments have ids of their own where a flag of every command has their name: it would be hidden.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Add a context; it becomes the current one when there is none
    #[command(
        after_help = "Example: ichorctl config add home --ca ca.crt --crt me.crt --key me.key"
    )]
    Add {
        /// Its name
        #[arg(id = "the_name", value_name = "CONTEXT")]
        context: String,
        /// CA certificate file
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// Client certificate file
        #[arg(long, value_name = "FILE", requires = "key")]
        crt: Option<PathBuf>,
        /// Client key file
        #[arg(long, value_name = "FILE", requires = "crt")]
        key: Option<PathBuf>,
    },
    /// Select the current context
    #[command(
        visible_alias = "use-context",
        after_help = "Example: ichorctl config context home"
    )]
    Context {
        /// Its name
        #[arg(id = "the_context", value_name = "CONTEXT")]
        name: String,
    },
    /// List contexts
    #[command(
        visible_alias = "get-contexts",
        after_help = "Example: ichorctl config contexts"
    )]
    Contexts,
    /// Set the endpoints of the current context
    #[command(
        visible_alias = "endpoints",
        after_help = "Example: ichorctl config endpoint 10.0.0.2 10.0.0.3"
    )]
    Endpoint {
        /// The endpoints
        #[arg(id = "the_endpoints", value_name = "ENDPOINTS", required = true)]
        endpoints: Vec<String>,
    },
    /// Show the current context
    #[command(after_help = "Example: ichorctl config info -o yaml")]
    Info {
        /// Form
        #[arg(short, long, default_value = "text")]
        output: Output,
    },
    /// Take over the contexts of another file; names that are taken get a number
    #[command(after_help = "Example: ichorctl config merge ./talosconfig")]
    Merge {
        /// The other file
        from: PathBuf,
    },
    /// Ask a node for a new client configuration
    #[command(
        after_help = "Example: ichorctl -n 10.0.0.2 config new reader.yaml --roles os:reader"
    )]
    New {
        /// Where to write it
        #[arg(default_value = "talosconfig")]
        path: PathBuf,
        /// What it may do
        #[arg(long, value_delimiter = ',', default_value = "os:admin")]
        roles: Vec<String>,
        /// How long it is valid
        #[arg(long, default_value = "87600h0m0s", value_parser = duration)]
        crt_ttl: Duration,
    },
    /// Set the nodes of the current context
    #[command(
        visible_alias = "nodes",
        after_help = "Example: ichorctl config node 10.0.0.2 10.0.0.3"
    )]
    Node {
        /// The nodes; none clears them
        #[arg(id = "the_nodes", value_name = "NODES")]
        nodes: Vec<String>,
    },
    /// Remove a context
    #[command(after_help = "Example: ichorctl config remove home --noconfirm")]
    Remove {
        /// Its name; * stands for any letters
        #[arg(id = "the_context", value_name = "CONTEXT")]
        context: String,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(short = 'y', long)]
        noconfirm: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Json,
    Text,
    Yaml,
}
