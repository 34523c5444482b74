// SPDX-License-Identifier: MPL-2.0
//! Several nodes of one cluster on one network.
//!
//! Owns: their machines, in the order of their addresses, and the configuration of all.
//! Never: starts two machines at once: who asks first for an address gets the first one.

use anyhow::{Context, Result};
use tempfile::TempDir;
use xtask::arch::Arch;
use xtask::lan::Lan;
use xtask::qemu::{API_PORT, Network};

use crate::ctl::Output;
use crate::node::{self, Node, Setup};

/// Nodes of one cluster; the first is a control plane and the one that clients connect to.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    addresses: Vec<String>,
    /// What joins them, as long as it is there.
    _lan: Lan,
    /// Where the sockets of the network are.
    _network: TempDir,
}

impl Cluster {
    /// Boots a node for each of `files` (`controlplane.yaml`, `worker.yaml`) and configures it with
    /// that; they need not have come further.
    ///
    /// # Errors
    /// One of them does not reach maintenance mode, or refuses its configuration.
    pub fn configured(arch: Arch, files: &[&str]) -> Result<Self> {
        let network = tempfile::tempdir().context("cannot make a folder")?;
        let lan = Lan::new(network.path(), files.len(), &[API_PORT])?;
        let mut nodes: Vec<Node> = Vec::new();
        let mut addresses = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let seat = lan.seat(number)?;
            addresses.push(seat.address().to_string());
            let mut setup = Setup::new(arch);
            setup.network = Network::Shared(seat);
            let mut node = Node::boot(&setup)?;
            node.maintenance()
                .with_context(|| format!("node {number}"))?;
            let folder = nodes.first().unwrap_or(&node);
            if number == 0 {
                folder.generate()?;
            }
            let file = folder.file(file);
            let file = file.to_str().context("a path that is no text")?;
            node.apply(file)?
                .ok()
                .with_context(|| format!("node {number}"))?;
            nodes.push(node);
        }
        Ok(Self {
            nodes,
            addresses,
            _lan: lan,
            _network: network,
        })
    }

    /// Node `number`, counted from 0.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&mut self, number: usize) -> Result<&mut Node> {
        self.nodes.get_mut(number).context("no such node")
    }

    /// The address of node `number` in the network of the nodes.
    ///
    /// # Errors
    /// There is none.
    pub fn address(&self, number: usize) -> Result<&str> {
        self.addresses
            .get(number)
            .map(String::as_str)
            .context("no such node")
    }

    /// Runs the client as the administrator through the first node, for `nodes`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn ctl(&self, nodes: &[&str], arguments: &[&str]) -> Result<Output> {
        self.call("talosconfig", 0, nodes, arguments)
    }

    /// As [`Self::ctl`], with the client configuration `file` of the first node's folder.
    ///
    /// # Errors
    /// As [`Self::ctl`].
    pub fn ctl_as(&self, file: &str, nodes: &[&str], arguments: &[&str]) -> Result<Output> {
        self.call(file, 0, nodes, arguments)
    }

    /// As [`Self::ctl`], through node `number`.
    ///
    /// # Errors
    /// It cannot be started, or there is no such node.
    pub fn through(&self, number: usize, nodes: &[&str], arguments: &[&str]) -> Result<Output> {
        self.call("talosconfig", number, nodes, arguments)
    }

    fn call(&self, file: &str, number: usize, nodes: &[&str], line: &[&str]) -> Result<Output> {
        let first = self.nodes.first().context("no nodes")?;
        let endpoint = self.nodes.get(number).context("no such node")?.address();
        let nodes = nodes.join(",");
        let mut all = vec!["--talosconfig", file, "--endpoints", &endpoint];
        all.extend(["--nodes", &nodes]);
        all.extend_from_slice(line);
        first.client(&all)
    }

    /// Waits until each node answers through the first.
    ///
    /// # Errors
    /// One does not within [`node::LIMIT`]; with its console.
    pub fn wait_until_running(&mut self) -> Result<()> {
        for (number, address) in self.addresses.clone().into_iter().enumerate() {
            let answered = xtask::wait::until(node::LIMIT, || {
                self.ctl(&[&address], &["version"])?.ok().map(|_| ())
            });
            if let Err(error) = answered {
                let console = self.node(number)?.machine.console_text();
                return Err(error.context(format!("no answer of {address}\n{console}")));
            }
        }
        Ok(())
    }
}
