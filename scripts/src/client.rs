// SPDX-License-Identifier: MPL-2.0
//! The client as its users run it, against one node.
//!
//! Owns: which flags lead to the node behind a forwarded port.
//! Never: speaks the API itself; what the user's client cannot do, this cannot.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::command;

/// The address by which a node behind QEMU's user network knows itself.
pub const NODE: &str = "127.0.0.1";
/// Where the cluster's API would be; it is written into the configuration, nobody connects to it.
const CLUSTER: &str = "https://10.0.2.15:6443";

/// A client program, the folder of its files, and the node that it talks to.
#[derive(Clone, Debug)]
pub struct Client {
    /// The program.
    pub program: PathBuf,
    /// Where `gen config` writes and the other commands read.
    pub folder: PathBuf,
    /// Address and port that lead to the node.
    pub endpoint: String,
}

impl Client {
    /// Returns the client configuration that `gen config` writes.
    #[must_use]
    pub fn talosconfig(&self) -> PathBuf {
        self.folder.join("talosconfig")
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        command::output(
            Command::new(&self.program)
                .current_dir(&self.folder)
                .args(arguments),
        )
    }

    /// Makes secrets, machine configurations and the client configuration.
    ///
    /// # Errors
    /// What the client says.
    pub fn generate(&self) -> Result<()> {
        // The node is reached through a local port, so its certificate must name 127.0.0.1.
        let sans = ["--additional-sans", NODE, "--output", ".", "--force"];
        self.run(&[&["gen", "config", "demo", CLUSTER], &sans[..]].concat())?;
        let talosconfig = ["--talosconfig", "talosconfig", "config"];
        self.run(&[&talosconfig[..], &["endpoint", &self.endpoint]].concat())?;
        self.run(&[&talosconfig[..], &["node", NODE]].concat())
            .map(drop)
    }

    /// Gives the node its configuration, over the API that answers without a certificate.
    ///
    /// # Errors
    /// What the client says.
    pub fn apply(&self) -> Result<()> {
        let arguments = ["--nodes", &self.endpoint, "--file", "controlplane.yaml"];
        self.run(&[&["apply-config", "--insecure"], &arguments[..]].concat())
            .map(drop)
    }

    /// Runs a command as the cluster's administrator and returns what it prints.
    ///
    /// # Errors
    /// What the client says.
    pub fn ask(&self, arguments: &[&str]) -> Result<String> {
        self.run(&[&["--talosconfig", "talosconfig"], arguments].concat())
    }
}
