// SPDX-License-Identifier: MPL-2.0
//! A network where nobody answers holds nothing up.

use anyhow::{Result, ensure};
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Node, Setup, on_each_architecture};
use xtask::qemu::Network;

on_each_architecture! {
    without_a_dhcp_server_the_node_reaches_maintenance_mode_and_says_so
}

fn without_a_dhcp_server_the_node_reaches_maintenance_mode_and_says_so(arch: Arch) -> Result<()> {
    let mut setup = Setup::new(arch);
    setup.network = Network::Silent;
    let mut node = Node::boot(&setup)?;

    node.machine.wait_for(xtask::up::MAINTENANCE, LIMIT)?;
    node.machine.wait_for("DHCP", LIMIT)?;

    ensure!(node.machine.is_running()?, "the machine ended");
    Ok(())
}
