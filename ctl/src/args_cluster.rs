// SPDX-License-Identifier: MPL-2.0
//! The command lines of `kubeconfig` and `health`.
//!
//! Owns: their flags, defaults and help texts.
//! Never: does anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::duration;

#[derive(Debug, Args)]
pub(crate) struct Kubeconfig {
    /// The file to merge it into [default: ~/.kube/config]; with --merge=false the file or folder to
    /// write it to [default: ./kubeconfig]
    pub(crate) path: Option<PathBuf>,
    /// Take the place of what has the same name, or of the file
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Call the context this in the file that it is merged into
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) force_context_name: Option<String>,
    /// Merge it into a file that is there
    #[arg(
        short,
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) merge: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Control plane nodes of the cluster
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) control_plane_nodes: Vec<String>,
    /// The node that started the cluster: one more control plane node
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) init_node: Option<String>,
    /// Where Kubernetes is, instead of where the kubeconfig says
    #[arg(long, value_name = "URL")]
    pub(crate) k8s_endpoint: Option<String>,
    /// Run the end-to-end tests of Kubernetes
    #[arg(long)]
    pub(crate) run_e2e: bool,
    /// Let a node check, instead of checking from here
    #[arg(
        long,
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) server: bool,
    /// How long to wait until all is well
    #[arg(long, value_name = "TIME", default_value = "20m0s", value_parser = duration)]
    pub(crate) wait_timeout: Duration,
    /// Workers of the cluster
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) worker_nodes: Vec<String>,
}
