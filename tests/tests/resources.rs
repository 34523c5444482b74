// SPDX-License-Identifier: MPL-2.0
//! Every type of resource of a node, read from outside.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use ichor_tests::{Arch, Node, Setup, on_each_architecture};

on_each_architecture! {
    every_type_of_resource_is_read_and_the_graph_is_drawn
}

/// Types that every running node has resources of, and what one of them says.
const FILLED: &[(&str, &str)] = &[
    ("osrootsecrets", "crt: "),
    ("apicertificates", "server:"),
    ("networkstatuses", "connectivityReady: true"),
    ("hardwareaddresses", "hardwareAddr: "),
    ("timeserverstatuses", "timeServers:"),
    ("timestatuses", "syncDisabled: "),
    ("etcfilestatuses", "specVersion: "),
    ("kernelparamdefaultspecs", "ignoreErrors: true"),
    ("cpustats", "contextSwitches: "),
    ("memorystats", "total: "),
    ("devicesstatuses", "ready: true"),
    ("securitystates", "secureBoot: false"),
    ("platformmetadatas", "platform: metal"),
    ("apiserverconfigs", "etcdServers:"),
    ("nodenames", "nodename: "),
    ("identities", "nodeId: "),
    ("adjtimestatuses", "state: TIME_"),
    ("acquireconfigstatuses", "id: machine-config"),
    ("kubeletconfigs", "clusterDomain: cluster.local"),
    ("linkspecs", "up: true"),
    ("addressspecs", "layer: operator"),
    ("routespecs", "protocol: dhcp"),
    ("operatorspecs", "requireUp: true"),
    ("resolverspecs", "dnsServers:"),
    ("nodeips", "addresses:"),
];

fn every_type_of_resource_is_read_and_the_graph_is_drawn(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch))?;

    let definitions = node.ctl(&["get", "rd", "-o", "yaml"])?.ok()?;
    let types: BTreeSet<&str> = definitions
        .lines()
        .filter_map(|line| line.trim().strip_prefix("type: "))
        .collect();
    ensure!(types.len() >= 113, "{} types:\n{definitions}", types.len());
    for kind in types {
        let listed = node.ctl(&["get", kind, "-o", "yaml"])?.ok()?;
        ensure!(!listed.contains("spec: null"), "{kind}:\n{listed}");
    }
    // The one has SMBIOS, the other a device tree.
    let machine = match arch {
        Arch::Amd64 => "manufacturer: QEMU",
        Arch::Arm64 => "productName: linux,dummy-virt",
    };
    for (kind, says) in FILLED.iter().chain(&[("systeminformations", machine)]) {
        let listed = node.ctl(&["get", kind, "-o", "yaml"])?.ok()?;
        ensure!(listed.contains(says), "no {says:?} in {kind}:\n{listed}");
    }

    let graph = node.ctl(&["inspect", "dependencies"])?.ok()?;
    for label in [
        "label=\"config.MachineTypeController\",shape=\"box\"",
        "label=\"config:MachineConfigs.config.talos.dev\",shape=\"note\"",
    ] {
        ensure!(graph.contains(label), "no {label} in:\n{graph}");
    }
    let instances = node
        .ctl(&["inspect", "dependencies", "--with-resources"])?
        .ok()?;
    ensure!(
        instances.contains("MachineTypes.config.talos.dev/machine-type"),
        "{instances}"
    );
    Ok(())
}
