// SPDX-License-Identifier: MPL-2.0
//! Rules about links that look at more than one value.
//!
//! Owns: bonds, links with several causes, links that are left alone.
//! Never: repeats a rule of one value.

use crate::{authority, errors, report, text};
use config::Report;

#[test]
fn rules_with_several_causes_name_each() {
    let discovery = "discovery: {enabled: true, registries: {service: {endpoint: 'https://a/b'}}}";
    assert_eq!(
        errors(&report(&text("worker", "", discovery))),
        [
            "cluster.id: the discovery service needs it",
            "cluster.secret: the discovery service needs it",
            "cluster.discovery.registries.service.endpoint: bad value, expected a URL without path",
        ]
    );
    let peer = "network: {interfaces: [{interface: a, wireguard: {privateKey: x, peers: [{publicKey: y, endpoint: a, allowedIPs: [b]}]}}]}";
    assert_eq!(errors(&report(&text("worker", peer, ""))).len(), 4);
    let etcd = format!(
        "etcd: {{ca: {}, subnet: 10.0.0.0/8, advertisedSubnets: [x], listenSubnets: [y]}}",
        authority()
    );
    assert_eq!(errors(&report(&text("controlplane", "", &etcd))).len(), 3);
    let mtu = "network: {kubespan: {enabled: true, mtu: 1000, filters: {endpoints: [x]}}}";
    assert_eq!(
        errors(&report(&text(
            "worker",
            mtu,
            "id: a\n  secret: b\n  discovery: {enabled: true}"
        )))
        .len(),
        2
    );
}

#[test]
fn each_option_of_a_bond_is_checked_against_its_mode() {
    for (options, key) in [
        ("mode: fast", "mode"),
        ("mode: balance-rr, xmitHashPolicy: layer9", "xmitHashPolicy"),
        ("mode: 802.3ad, lacpRate: often", "lacpRate"),
        ("mode: active-backup, arpValidate: some", "arpValidate"),
        ("mode: active-backup, arpAllTargets: some", "arpAllTargets"),
        (
            "mode: active-backup, primaryReselect: never",
            "primaryReselect",
        ),
        ("mode: active-backup, failOverMac: some", "failOverMac"),
        ("mode: 802.3ad, adSelect: some", "adSelect"),
        ("mode: balance-rr, updelay: 100", "updelay"),
        ("mode: balance-rr, miimon: 100, downdelay: 150", "downdelay"),
        ("mode: balance-rr, arpIPTarget: [10.0.0.1]", "arpIPTarget"),
        ("mode: balance-rr, adActorSystem: a", "adActorSystem"),
        ("mode: balance-rr, lacpRate: fast", "lacpRate"),
        ("mode: balance-rr, adActorSysPrio: 1", "adActorSysPrio"),
        ("mode: balance-rr, adUserPortKey: 1", "adUserPortKey"),
        ("mode: 802.3ad, arpValidate: all", "arpValidate"),
        ("mode: balance-alb, arpInterval: 1", "arpInterval"),
        ("mode: balance-rr, primary: a", "primary"),
        ("mode: active-backup, packetsPerSlave: 2", "packetsPerSlave"),
        ("mode: active-backup, tlbDynamicLb: 1", "tlbDynamicLb"),
    ] {
        let machine = format!(
            "network: {{interfaces: [{{interface: bond0, bond: {{interfaces: [a], {options}}}}}]}}"
        );
        let report = report(&text("worker", &machine, ""));
        let paths: Vec<String> = report.errors.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(
            paths,
            [format!("machine.network.interfaces[0].bond.{key}")],
            "{options}"
        );
    }
}

#[test]
fn links_that_are_left_alone_are_not_checked() {
    let ignored = "network: {interfaces: [{interface: a, ignore: true, addresses: [x], mtu: 1, bond: {mode: x}}]}";

    assert_eq!(report(&text("worker", ignored, "")), Report::default());
}
