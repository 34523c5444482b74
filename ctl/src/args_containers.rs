// SPDX-License-Identifier: MPL-2.0
//! The command lines of `containers`, `restart` and `stats`.
//!
//! Owns: their flags and help texts.
//! Never: does anything.

use api::common::ContainerDriver;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Containers {
    /// Those of Kubernetes instead of the node's own
    #[arg(short, long)]
    pub(crate) kubernetes: bool,
}

impl Containers {
    /// The namespace and the driver of requests.
    pub(crate) fn whose(&self) -> (String, i32) {
        let (namespace, driver) = if self.kubernetes {
            ("k8s.io", ContainerDriver::Cri)
        } else {
            ("system", ContainerDriver::Containerd)
        };
        (namespace.to_owned(), driver.into())
    }
}

#[derive(Debug, Args)]
pub(crate) struct RestartContainer {
    /// The container, as `containers` lists it
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) whose: Containers,
}
