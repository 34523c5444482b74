// SPDX-License-Identifier: MPL-2.0
//! Rules about the machine.
//!
//! Owns: one row per rule, in the order of the tables.
//! Never: tests what the loader refuses.

use crate::{errors, report, text};

const SUBNETS: &str = "bad value, expected networks, with ! before those to leave out";
const ADDRESS: &str = "bad value, expected an address, with or without prefix length";
const ROUTE: &str = "needs a network or a gateway, each well written";
const TAINT: &str = "bad value, expected a taint, value:Effect";
const LABEL: &str = "bad value, expected a Kubernetes label";
const RECEIVER: &str = "bad value, expected a tcp:// or udp:// URL with a port";
const WIREGUARD: &str = "bad value, expected a WireGuard key, 32 bytes in base64";

#[test]
fn each_rule_about_the_machine_is_enforced() {
    for (kind, machine, path, message) in [
        (
            "router",
            "",
            "machine.type",
            "bad value, expected controlplane, worker or init",
        ),
        (
            "worker",
            "certSANs: [a, 'b c']",
            "machine.certSANs[1]",
            "bad value, expected addresses and DNS names",
        ),
        (
            "worker",
            "install: {}",
            "machine.install",
            "either disk or diskSelector is needed",
        ),
        (
            "worker",
            "install: {diskSelector: {size: '>= large'}}",
            "machine.install.diskSelector.size",
            "bad value, expected a size, with >=, <=, >, < or == before it or not",
        ),
        (
            "worker",
            "install: {diskSelector: {size: '=> 1GB'}}",
            "machine.install.diskSelector.size",
            "bad value, expected a size, with >=, <=, >, < or == before it or not",
        ),
        (
            "worker",
            "install: {diskSelector: {type: tape}}",
            "machine.install.diskSelector.type",
            "bad value, expected ssd, hdd, nvme or sd",
        ),
        (
            "worker",
            "install: {disk: a, extensions: [{image: a}, {image: a}]}",
            "machine.install.extensions[1]",
            "the extension is there twice",
        ),
        (
            "worker",
            "disks: [{partitions: [{mountpoint: /a}, {size: 1GB}]}]",
            "machine.disks[0].partitions[0]",
            "only the last partition may be without size",
        ),
        (
            "worker",
            "systemDiskEncryption: {state: {provider: luks2}}",
            "machine.systemDiskEncryption.state.keys",
            "needs at least one key",
        ),
        (
            "worker",
            "systemDiskEncryption: {ephemeral: {keys: [{nodeID: {}, slot: 1}, {tpm: {}, slot: 1}]}}",
            "machine.systemDiskEncryption.ephemeral.keys[1]",
            "the slot is there twice",
        ),
        (
            "worker",
            "systemDiskEncryption: {state: {keys: [{slot: 0}]}}",
            "machine.systemDiskEncryption.state.keys[0]",
            "must have one of static, nodeID, kms, tpm",
        ),
        (
            "worker",
            "kubelet: {nodeIP: {validSubnets: [10.0.0.0/8, '!10.1.0.0/16', '!x']}}",
            "machine.kubelet.nodeIP.validSubnets[2]",
            SUBNETS,
        ),
        (
            "worker",
            "kubelet: {extraConfig: {serverTLSBootstrap: true, port: 1}}",
            "machine.kubelet.extraConfig.port",
            "the system sets this itself",
        ),
        (
            "worker",
            "nodeLabels: {'-a': b}",
            "machine.nodeLabels.-a",
            LABEL,
        ),
        (
            "worker",
            "nodeLabels: {'Upper.example/a': b}",
            "machine.nodeLabels.Upper.example/a",
            LABEL,
        ),
        (
            "worker",
            "nodeLabels: {a: 'b c'}",
            "machine.nodeLabels.a",
            LABEL,
        ),
        (
            "worker",
            "nodeTaints: {a: 'b:Never'}",
            "machine.nodeTaints.a",
            TAINT,
        ),
        (
            "worker",
            "logging: {destinations: [{endpoint: 'http://a:1', format: json_lines}]}",
            "machine.logging.destinations[0]",
            RECEIVER,
        ),
        (
            "worker",
            "logging: {destinations: [{format: json_lines}]}",
            "machine.logging.destinations[0]",
            RECEIVER,
        ),
        (
            "worker",
            "logging: {destinations: [{endpoint: 'udp://a:1', format: text}]}",
            "machine.logging.destinations[0]",
            "the format must be json_lines",
        ),
        (
            "worker",
            "features: {rbac: true, kubernetesTalosAPIAccess: {enabled: true}}",
            "machine.features.kubernetesTalosAPIAccess.enabled",
            "needs features.rbac and a control plane node",
        ),
        (
            "controlplane",
            "features: {kubernetesTalosAPIAccess: {enabled: true}}",
            "machine.features.kubernetesTalosAPIAccess.enabled",
            "needs features.rbac and a control plane node",
        ),
        (
            "controlplane",
            "features: {rbac: true, kubernetesTalosAPIAccess: {enabled: true, allowedRoles: [os:king]}}",
            "machine.features.kubernetesTalosAPIAccess.allowedRoles[0]",
            "bad value, expected a role of the machine API",
        ),
        (
            "worker",
            "network: {hostname: a b}",
            "machine.network.hostname",
            "bad value, expected a host name",
        ),
        (
            "worker",
            "network: {nameservers: [1.1.1.1, dns.example]}",
            "machine.network.nameservers[1]",
            "bad value, expected an address",
        ),
        (
            "worker",
            "network: {extraHostEntries: [{ip: a, aliases: [b]}]}",
            "machine.network.extraHostEntries[0]",
            "bad value, expected an address and its names",
        ),
        (
            "worker",
            "network: {kubespan: {enabled: true}}",
            "machine.network.kubespan.enabled",
            "needs cluster.discovery, cluster.id and cluster.secret",
        ),
        (
            "worker",
            "network: {interfaces: [{}]}",
            "machine.network.interfaces[0]",
            "needs either interface or deviceSelector",
        ),
        (
            "worker",
            "network: {interfaces: [{deviceSelector: {}}]}",
            "machine.network.interfaces[0].deviceSelector",
            "the selector matches everything",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, bond: {interfaces: [b]}, bridge: {}}]}",
            "machine.network.interfaces[0]",
            "cannot be a bond and a bridge",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, bond: {interfaces: [c]}}, {interface: b, bridge: {interfaces: [c]}}]}",
            "machine.network.interfaces[1].bridge.interfaces[0]",
            "the member belongs to another bond or bridge too",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, bond: {}}]}",
            "machine.network.interfaces[0]",
            "needs either interfaces or deviceSelectors",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, cidr: 10.0.0.1/8, addresses: [10.0.0.2/8]}]}",
            "machine.network.interfaces[0]",
            "addresses and cidr exclude each other",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, addresses: [10.0.0.2/33]}]}",
            "machine.network.interfaces[0].addresses[0]",
            ADDRESS,
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, vlans: [{vlanId: 1, cidr: x}]}]}",
            "machine.network.interfaces[0].vlans[0].cidr",
            ADDRESS,
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, bond: {interfaces: [b]}}, {interface: b, dhcp: true}]}",
            "machine.network.interfaces[1]",
            "a member of a bond has no addresses of its own",
        ),
        (
            "controlplane",
            "network: {interfaces: [{interface: a, vip: {ip: x}}]}",
            "machine.network.interfaces[0].vip",
            "bad value, expected an address",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, vlans: [{vlanId: 1, vip: {ip: 10.0.0.1}}]}]}",
            "machine.network.interfaces[0].vlans[0].vip",
            "workers have no shared address",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, routes: [{}]}]}",
            "machine.network.interfaces[0].routes[0]",
            ROUTE,
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, routes: [{network: 10.0.0.0, gateway: 10.0.0.1}]}]}",
            "machine.network.interfaces[0].routes[0]",
            ROUTE,
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, vlans: [{vlanId: 1, routes: [{gateway: x}]}]}]}",
            "machine.network.interfaces[0].vlans[0].routes[0]",
            ROUTE,
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, vlans: [{vlanId: 4095}]}]}",
            "machine.network.interfaces[0].vlans[0]",
            "bad value, expected a VLAN number from 1 to 4094",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, wireguard: {privateKey: YQ==}}]}",
            "machine.network.interfaces[0].wireguard.privateKey",
            WIREGUARD,
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, mtu: 70000}]}",
            "machine.network.interfaces[0].mtu",
            "bad value, expected a packet size from 68 to 65535",
        ),
    ] {
        let found = errors(&report(&text(kind, machine, "")));
        assert_eq!(found, [format!("{path}: {message}")], "{machine}");
    }
}

#[test]
fn every_way_to_choose_a_disk_is_accepted() {
    for selector in [
        "size: 1TB",
        "size: '>= 1 TiB'",
        "size: <=500GB",
        "size: '> 10'",
        "type: NVMe",
        "type: ssd, model: WDC*, busPath: /pci*",
    ] {
        let text = text(
            "worker",
            &format!("install: {{diskSelector: {{{selector}}}}}"),
            "",
        );
        assert_eq!(errors(&report(&text)), [""; 0], "{selector}");
    }
}
