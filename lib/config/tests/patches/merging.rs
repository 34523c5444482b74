// SPDX-License-Identifier: MPL-2.0
//! Strategic merge: what takes over, what is appended, what is matched.
//!
//! Owns: the rules of merging within a document.
//! Never: tests the text that comes out beyond its values.

use crate::{expect, main_of, patched};

#[test]
fn patch_03_values_take_over_and_what_is_not_named_stays() {
    expect(
        "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        dhcp: false\n        addresses:\n          - 192.168.10.3/24\n",
        "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        vip:\n          ip: 192.168.10.50\n      - interface: eth1\n        dhcp: true\n",
        "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        dhcp: false\n        addresses:\n          - 192.168.10.3/24\n        vip:\n          ip: 192.168.10.50\n      - interface: eth1\n        dhcp: true\n",
    );
}

#[test]
fn patch_03_a_flag_always_wins_and_empty_text_and_zero_never_do() {
    let base = "machine:\n  network:\n    hostname: a\n    disableSearchDomain: true\n    interfaces:\n      - interface: e\n        mtu: 9000\n        dhcp: yes\n";
    let patch = "machine:\n  network:\n    hostname: ''\n    disableSearchDomain: false\n    interfaces: [{interface: e, mtu: 0, dhcp: no}]\n";

    expect(
        base,
        patch,
        &base.replace("true", "false").replace("yes", "no"),
    );
}

#[test]
fn patch_03_mappings_are_merged_deeply_and_nothing_deletes() {
    let base = "machine:\n  sysctls:\n    a: \"1\"\n    b: \"2\"\n  kubelet:\n    extraConfig:\n      featureGates:\n        A: true\n";
    let patch = "machine:\n  sysctls: {b: 3, c: ''}\n  kubelet: {extraConfig: {featureGates: {A: null, B: false}}, extraArgs: null}\n";

    expect(
        base,
        patch,
        "machine:\n  sysctls:\n    a: \"1\"\n    b: \"3\"\n    c: \"\"\n  kubelet:\n    extraConfig:\n      featureGates:\n        A: true\n        B: false\n",
    );
}

#[test]
fn patch_03_presence_alone_is_merged_too() {
    expect(
        "machine:\n  install:\n    disk: /dev/sda\n",
        "machine: {systemDiskEncryption: {state: {keys: [{nodeID: {}, slot: 0}]}}, kubelet: {}}",
        "machine:\n  install:\n    disk: /dev/sda\n  kubelet: {}\n  systemDiskEncryption:\n    state:\n      keys:\n        - nodeID: {}\n          slot: 0\n",
    );
}

#[test]
fn patch_04_lists_are_appended_duplicates_included() {
    expect(
        "machine:\n  certSANs:\n    - a\n  network:\n    nameservers: [1.1.1.1]\n",
        "machine: {certSANs: [a, b], network: {nameservers: [9.9.9.9]}}",
        "machine:\n  certSANs:\n    - a\n    - a\n    - b\n  network:\n    nameservers:\n      - 1.1.1.1\n      - 9.9.9.9\n",
    );
}

#[test]
fn patch_04_subnets_are_replaced_unless_the_patch_has_none() {
    let base = "cluster:\n  network:\n    dnsDomain: cluster.local\n    podSubnets:\n      - 10.244.0.0/16\n    serviceSubnets:\n      - 10.96.0.0/12\n";
    expect(
        base,
        "cluster:\n  network:\n    podSubnets: [192.168.0.0/16]\n    serviceSubnets: [192.0.0.0/12]\n    cni: {name: none}\n",
        "cluster:\n  network:\n    dnsDomain: cluster.local\n    podSubnets:\n      - 192.168.0.0/16\n    serviceSubnets:\n      - 192.0.0.0/12\n    cni:\n      name: none\n",
    );
    expect(base, "cluster: {network: {podSubnets: []}}", base);
}

#[test]
fn patch_04_the_audit_policy_is_replaced_whole() {
    expect(
        "cluster:\n  apiServer:\n    auditPolicy:\n      apiVersion: audit.k8s.io/v1\n      kind: Policy\n      rules:\n        - level: Metadata\n",
        "cluster: {apiServer: {auditPolicy: {kind: Policy, rules: [{level: None}]}}}",
        "cluster:\n  apiServer:\n    auditPolicy:\n      kind: Policy\n      rules:\n        - level: None\n",
    );
}

#[test]
fn patch_05_links_are_merged_by_name_or_by_selector_and_appended_otherwise() {
    let base = "machine:\n  network:\n    interfaces:\n      - deviceSelector: {busPath: \"0*\", driver: e1000}\n        mtu: 1400\n      - interface: eth1\n        addresses: [10.0.0.1/8]\n";
    let text = patched(
        &main_of(base),
        &[
            "machine:\n  network:\n    interfaces:\n      - deviceSelector: {driver: e1000, busPath: '0*'}\n        dhcp: true\n      - deviceSelector: {driver: e1000}\n        dhcp: false\n      - interface: eth1\n        addresses: [10.0.0.2/8]\n      - interface: eth1\n        mtu: 9000\n",
        ],
    );

    assert_eq!(
        text,
        main_of(
            "machine:\n  network:\n    interfaces:\n      - deviceSelector: {busPath: \"0*\", driver: e1000}\n        mtu: 1400\n        dhcp: true\n      - interface: eth1\n        addresses:\n          - 10.0.0.1/8\n          - 10.0.0.2/8\n        mtu: 9000\n      - deviceSelector:\n          driver: e1000\n        dhcp: false\n"
        )
    );
}

#[test]
fn patch_05_two_patches_for_one_new_link_meet() {
    expect(
        "machine:\n  type: worker\n",
        "machine: {network: {interfaces: [{interface: a, dhcp: true}, {interface: a, mtu: 9000}]}}",
        "machine:\n  type: worker\n  network:\n    interfaces:\n      - interface: a\n        mtu: 9000\n        dhcp: true\n",
    );
}

#[test]
fn patch_05_vlans_are_merged_by_their_number() {
    expect(
        "machine:\n  network:\n    interfaces:\n      - interface: a\n        vlans:\n          - vlanId: 100\n            dhcp: true\n          - vlanId: 200\n            mtu: 1400\n",
        "machine: {network: {interfaces: [{interface: a, vlans: [{vlanId: 0xC8, dhcp: false}, {vlanId: 300}]}]}}",
        "machine:\n  network:\n    interfaces:\n      - interface: a\n        vlans:\n          - vlanId: 100\n            dhcp: true\n          - vlanId: 0xC8\n            mtu: 1400\n            dhcp: false\n          - vlanId: 300\n",
    );
}

#[test]
fn patch_06_admission_plugins_are_merged_by_name_with_the_lists_in_them() {
    let base = "cluster:\n  apiServer:\n    admissionControl:\n      - name: PodSecurity\n        configuration:\n          apiVersion: pod-security.admission.config.k8s.io/v1alpha1\n          defaults:\n            audit: restricted\n            enforce: baseline\n          exemptions:\n            namespaces:\n              - kube-system\n            runtimeClasses: []\n            usernames: []\n          kind: PodSecurityConfiguration\n";
    expect(
        base,
        "cluster: {apiServer: {admissionControl: [{name: PodSecurity, configuration: {exemptions: {namespaces: [rook-ceph]}}}]}}",
        &base.replace(
            "- kube-system\n",
            "- kube-system\n              - rook-ceph\n",
        ),
    );
    let other = "cluster: {apiServer: {admissionControl: [{name: Other, configuration: {a: 1}}]}}";
    let text = patched(&main_of(base), &[other]);
    assert!(
        text.ends_with("      - name: Other\n        configuration:\n          a: 1\n"),
        "{text}"
    );
}

#[test]
fn cfg_09_every_exception_of_the_merge_rules_holds_and_nothing_else_is_one() {
    for (list, one, two, result) in [
        (
            "machine.network.interfaces",
            "{interface: a, mtu: 1}",
            "{interface: a, mtu: 2}",
            1,
        ),
        (
            "machine.network.interfaces",
            "{interface: a}",
            "{interface: b}",
            2,
        ),
        (
            "machine.network.interfaces",
            "{deviceSelector: {driver: a}}",
            "{deviceSelector: {driver: a}, dhcp: true}",
            1,
        ),
        (
            "machine.network.interfaces",
            "{deviceSelector: {driver: a}}",
            "{interface: b, deviceSelector: {driver: a}}",
            2,
        ),
        (
            "cluster.apiServer.admissionControl",
            "{name: a}",
            "{name: a}",
            1,
        ),
        (
            "cluster.apiServer.admissionControl",
            "{name: a}",
            "{name: b}",
            2,
        ),
        ("cluster.network.podSubnets", "10.0.0.0/8", "11.0.0.0/8", 1),
        (
            "cluster.network.serviceSubnets",
            "10.0.0.0/8",
            "11.0.0.0/8",
            1,
        ),
        ("cluster.inlineManifests", "{name: a}", "{name: a}", 2),
        (
            "cluster.etcd.advertisedSubnets",
            "10.0.0.0/8",
            "10.0.0.0/8",
            2,
        ),
        ("machine.disks", "{device: a}", "{device: a}", 2),
        ("machine.files", "{path: a}", "{path: a}", 2),
        ("machine.kernel.modules", "{name: a}", "{name: a}", 2),
        (
            "machine.kubelet.nodeIP.validSubnets",
            "10.0.0.0/8",
            "10.0.0.0/8",
            2,
        ),
        ("machine.seccompProfiles", "{name: a}", "{name: a}", 2),
        ("machine.acceptedCAs", "{crt: YQ==}", "{crt: YQ==}", 2),
    ] {
        let keys: Vec<&str> = list.split('.').collect();
        let nested = |item: &str| {
            let open: String = keys.iter().map(|key| format!("{{{key}: ")).collect();
            format!("{open}[{item}]{}\n", "}".repeat(keys.len()))
        };
        let base = patched("version: v1alpha1\n", &[&nested(one)]);
        let text = patched(&base, &[&nested(two)]);
        let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        for key in &keys {
            value = value.get(*key).unwrap().clone();
        }
        assert_eq!(value.as_sequence().unwrap().len(), result, "{list}: {text}");
    }
}
