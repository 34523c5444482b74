// SPDX-License-Identifier: MPL-2.0
//! The configuration exactly as written.
//!
//! Owns: every key of every document, and nothing that is not in the text.
//! Never: fills in defaults, or decides what a value means.

mod cluster;
mod container;
mod extra;
mod machine;
mod network;

use crate::schema::document;

pub use cluster::*;
pub use container::*;
pub use extra::*;
pub use machine::*;
pub use network::*;

document! {
    /// The main document: `version: v1alpha1`.
    pub struct Document {
        "version" version: String, keep, "`v1alpha1`.";
        "debug" debug: Option<bool>, omit, "Say more on the console.";
        "persist" persist: Option<bool>, omit, "Keep the configuration; nothing else is possible.";
        "machine" machine: Option<MachineConfig>, keep, "What is about this node.";
        "cluster" cluster: Option<ClusterConfig>, keep, "What all nodes share.";
    }
}

impl Document {
    /// Writes the document, keys in Talos's order.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        crate::configuration::print(self)
    }
}
