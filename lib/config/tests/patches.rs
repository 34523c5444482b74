// SPDX-License-Identifier: MPL-2.0
//! Patches of both formats: what they do, and what they leave alone.
//!
//! Owns: the promises about merging, operations, and the text that comes out.
//! Never: tests what a patched configuration means.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use config::patch::{Format, Patch, apply};

fn patch(text: &str) -> Patch {
    Patch::parse("p", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Applies patches to a text that must take them.
fn patched(base: &str, patches: &[&str]) -> String {
    let patches: Vec<Patch> = patches.iter().map(|text| patch(text)).collect();
    apply(base, &patches).unwrap_or_else(|error| panic!("{error}\n{base}"))
}

/// What a patch is refused with, when it is read or when it is applied.
fn refused(base: &str, text: &str) -> String {
    match Patch::parse("p.yaml", text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(patch) => apply(base, &[patch]).unwrap_err().to_string(),
    }
}

/// A main document of these sections.
fn main_of(inside: &str) -> String {
    format!("version: v1alpha1\n{inside}")
}

fn expect(base: &str, patch: &str, result: &str) {
    assert_eq!(
        patched(&main_of(base), &[patch]),
        main_of(result),
        "{patch}"
    );
}

#[test]
fn patch_01_the_format_is_found_out_by_the_shape() {
    for (text, format) in [
        ("machine: {network: {hostname: a}}", Format::Strategic),
        (
            "{\"machine\": {\"network\": {\"hostname\": \"a\"}}}",
            Format::Strategic,
        ),
        (
            "kind: EventSinkConfig\napiVersion: v1alpha1\nendpoint: a:1",
            Format::Strategic,
        ),
        ("- op: add\n  path: /debug\n  value: true\n", Format::Json),
        (
            "[{\"op\": \"add\", \"path\": \"/debug\", \"value\": true}]",
            Format::Json,
        ),
        ("# why\n---\n- {op: remove, path: /debug}\n", Format::Json),
    ] {
        assert_eq!(patch(text).format(), format, "{text}");
    }
}

#[test]
fn patch_01_both_formats_are_applied_in_the_order_they_come() {
    let base = main_of("machine:\n  network:\n    hostname: a\n");
    let merge = "machine: {network: {hostname: b}}";
    let json = "[{op: replace, path: /machine/network/hostname, value: c}]";

    assert!(patched(&base, &[merge, json]).ends_with("hostname: c\n"));
    assert!(patched(&base, &[json, merge]).ends_with("hostname: b\n"));
}

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

const RULE: &str = "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh # far\nportSelector:\n  ports:\n    - 22\n    - 2222\n  protocol: tcp\ningress:\n  - subnet: 10.0.0.0/8\n";

#[test]
fn patch_07_documents_are_matched_by_kind_and_name_and_others_appended() {
    let base = format!("{}---\n{RULE}", main_of("machine: {}\n"));
    let text = patched(
        &base,
        &[
            "machine: {type: worker}\n---\napiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: http\nportSelector: {ports: [80, 8000-8080], protocol: tcp}\ningress: []\n---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 10.0.0.1:1\n---\napiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh\nportSelector: {protocol: udp}\n",
        ],
    );

    assert_eq!(
        text,
        format!(
            "version: v1alpha1\nmachine:\n    type: worker\n---\n{}---\napiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: http\nportSelector:\n  ports:\n    - 80\n    - 8000-8080\n  protocol: tcp\n---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 10.0.0.1:1\n",
            RULE.replace("tcp", "udp")
        )
        .replace("    type", "  type")
    );
}

#[test]
fn patch_07_ports_and_sources_of_a_rule_are_replaced() {
    let text = patched(
        RULE,
        &[
            "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh\nportSelector: {ports: [22]}\ningress: [{subnet: 10.1.0.0/16, except: 10.1.1.0/24}]\n",
        ],
    );

    assert_eq!(
        text,
        "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh # far\nportSelector:\n  ports:\n    - 22\n  protocol: tcp\ningress:\n  - subnet: 10.1.0.0/16\n    except: 10.1.1.0/24\n"
    );
}

#[test]
fn patch_07_documents_of_newer_releases_are_merged_as_they_are() {
    let volume = "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning:\n  maxSize: 50GB\n";
    let base = format!("{}---\n{volume}", main_of("machine: {}\n"));
    let text = patched(
        &base,
        &[
            "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {grow: false}\n",
        ],
    );

    assert_eq!(text, format!("{base}  grow: false\n"));
}

#[test]
fn patch_08_every_operation_does_what_the_standard_says() {
    let base =
        "machine:\n  type: worker\n  certSANs:\n    - a\n    - b\n  network:\n    hostname: x\n";
    for (operations, result) in [
        (
            "[{op: add, path: /machine/network/disableSearchDomain, value: true}]",
            format!("{base}    disableSearchDomain: true\n"),
        ),
        (
            "[{op: add, path: /machine/certSANs/-, value: c}]",
            base.replace("- b\n", "- b\n    - c\n"),
        ),
        (
            "[{op: add, path: /machine/certSANs/0, value: c}]",
            base.replace("- a\n", "- c\n    - a\n"),
        ),
        (
            "[{op: remove, path: /machine/certSANs/0}]",
            base.replace("    - a\n", ""),
        ),
        (
            "[{op: remove, path: /machine/network}]",
            base.replace("  network:\n    hostname: x\n", ""),
        ),
        (
            "[{op: replace, path: /machine/network/hostname, value: 'y'}]",
            base.replace("hostname: x", "hostname: \"y\""),
        ),
        (
            "[{op: move, from: /machine/certSANs/1, path: /machine/certSANs/0}]",
            base.replace("- a\n    - b", "- b\n    - a"),
        ),
        (
            "[{op: copy, from: /machine/network/hostname, path: /machine/certSANs/-}]",
            base.replace("- b\n", "- b\n    - x\n"),
        ),
        (
            "[{op: test, path: /machine/type, value: worker}, {op: add, path: /debug, value: false}]",
            format!("{base}debug: false\n"),
        ),
        (
            "[{op: add, path: /machine/sysctls, value: {net.core.somaxconn: 65535}}]",
            format!("{base}  sysctls:\n    net.core.somaxconn: \"65535\"\n"),
        ),
    ] {
        expect(base, operations, &result);
    }
}

#[test]
fn patch_08_escaped_paths_reach_keys_with_slashes() {
    expect(
        "machine:\n  nodeLabels:\n    example.org/a~b: c\n",
        "[{op: replace, path: /machine/nodeLabels/example.org~1a~0b, value: d}]",
        "machine:\n  nodeLabels:\n    example.org/a~b: d\n",
    );
}

#[test]
fn patch_08_flags_and_numbers_are_tested_as_what_they_mean() {
    let base = "machine:\n  features:\n    rbac: yes\n  files:\n    - permissions: 0o644\n      path: /a\n";
    let test = "[{op: test, path: /machine/features/rbac, value: true}, {op: test, path: /machine/files/0/permissions, value: 420}]";

    expect(base, test, base);
}

#[test]
fn json_escapes_of_a_character_in_two_halves_were_refused() {
    let base = main_of("machine:\n  type: worker\n");
    let text = r#"[{"op": "add", "path": "/machine/env", "value": {"A": "\ud83d\ude00", "\uD83D\uDE00": "\\ud83d"}}]"#;
    let merge = r#"{"machine": {"env": {"A": "\ud83d\ude00"}}}"#;

    for (patch, expected) in [
        (text, [("A", "😀"), ("😀", "\\ud83d")].as_slice()),
        (merge, &[("A", "😀")]),
    ] {
        let text = patched(&base, &[patch]);
        let loaded = config::Configuration::load(text.as_bytes()).unwrap();
        let env = &loaded.document().unwrap().machine.as_ref().unwrap().env;
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(env, expected, "{text}");
    }
    let json =
        r#"{"version": "v1alpha1", "machine": {"env": {"A": "\ud83d\ude00"}, "type": "worker"}}"#;
    assert_eq!(patched(json, &["machine: {}"]), json);
    let text = patched(json, &["machine: {type: init}"]);
    assert!(text.ends_with("A: 😀"), "{text}");
    for half in [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83dx\ude00"] {
        let patch = format!(r#"[{{"op": "add", "path": "/machine/token", "value": "{half}"}}]"#);
        assert_eq!(
            refused(&base, &patch),
            "patch p.yaml: an escape stands for no character (\\ud800 to \\udfff are halves, which only JSON puts together in pairs): write the character itself, line 1 column 54"
        );
    }
}

#[test]
fn patch_08_json_patches_are_refused_for_several_documents() {
    let base = format!("{}---\n{RULE}", main_of("machine: {}\n"));

    assert_eq!(
        refused(&base, "[{op: remove, path: /machine}]"),
        "patch p.yaml: JSON patches are not supported for a machine configuration of several documents"
    );
}

#[test]
fn patch_08_operations_that_cannot_be_done_are_refused_with_their_line() {
    let base = main_of("machine:\n  type: worker\n  certSANs: [a]\n");
    for (operation, message) in [
        (
            "op: replace, path: /machine/network/hostname, value: a",
            "cannot replace \"/machine/network/hostname\": there is no such path",
        ),
        (
            "op: add, path: /machine/network/hostname, value: a",
            "cannot add \"/machine/network/hostname\": there is no such path",
        ),
        (
            "op: remove, path: /machine/certSANs/1",
            "cannot remove \"/machine/certSANs/1\": there is no such path",
        ),
        (
            "op: test, path: /machine/type, value: controlplane",
            "cannot test \"/machine/type\": the value is another",
        ),
        (
            "op: copy, from: /a, path: /machine/b",
            "cannot copy \"/machine/b\": there is nothing at from",
        ),
        (
            "op: move, from: /machine, path: /machine/b",
            "cannot move \"/machine/b\": cannot move into itself",
        ),
    ] {
        let text = format!(
            "# one\n- op: test\n  path: /machine/type\n  value: worker\n- {{{operation}}}\n"
        );
        assert_eq!(
            refused(&base, &text),
            format!("patch p.yaml: [1]: {message}, line 5 column 3")
        );
    }
}

#[test]
fn malformed_operations_are_refused_all_at_once_with_their_lines() {
    let text = "- op: append\n  path: /a\n- op: add\n  path: machine\n  value: 1\n- op: add\n  path: /a\n- path: /a\n- op: move\n  path: /a\n- just text\n- op: test\n  path: /a~2\n  value: 1\n";

    assert_eq!(
        refused(&main_of("machine: {}\n"), text)
            .lines()
            .collect::<Vec<_>>(),
        [
            "patch p.yaml: [0].op: bad value, expected add, remove, replace, move, copy or test, line 1 column 3",
            "patch p.yaml: [1].path: bad value, expected a JSON pointer such as /machine/network, line 4 column 3",
            "patch p.yaml: [2].value: missing, line 6 column 3",
            "patch p.yaml: [3].op: missing, line 8 column 3",
            "patch p.yaml: [4].from: missing, line 9 column 3",
            "patch p.yaml: [5]: wrong type, expected an operation, a mapping with op and path, line 11 column 3",
            "patch p.yaml: [6].path: bad value, expected a JSON pointer such as /machine/network, line 13 column 3",
        ]
    );
}

#[test]
fn a_key_an_item_or_a_document_is_deleted_by_order() {
    let base = "machine:\n  network:\n    hostname: a # ours\n    interfaces:\n      - interface: eth0\n        mtu: 1\n        vlans:\n          - vlanId: 100\n          - vlanId: 200\n      # the second\n      - interface: eth1\n        dhcp: true\n  sysctls:\n    a: \"1\"\n    b: \"2\"\n";
    for (patch, result) in [
        (
            "machine:\n  network:\n    hostname:\n      $patch: delete\n",
            base.replace("    hostname: a # ours\n", ""),
        ),
        (
            "machine: {network: {interfaces: [{interface: eth1, $patch: delete}]}}",
            base.replace("      - interface: eth1\n        dhcp: true\n", ""),
        ),
        (
            "machine: {network: {interfaces: [{$patch: delete, mtu: 1}]}}",
            base.replace("      - interface: eth0\n        mtu: 1\n        vlans:\n          - vlanId: 100\n          - vlanId: 200\n", ""),
        ),
        (
            "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        vlans:\n          - vlanId: 100\n            $patch: delete\n          - vlanId: 200\n            dhcp: true\n",
            base.replace("          - vlanId: 100\n          - vlanId: 200\n", "          - vlanId: 200\n            dhcp: true\n"),
        ),
        (
            "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        mtu:\n          $patch: delete\n",
            base.replace("        mtu: 1\n", ""),
        ),
        (
            "machine:\n  network:\n    interfaces:\n      $patch: delete\n    hostname: b\n",
            format!("{}  sysctls:\n    a: \"1\"\n    b: \"2\"\n", base.split("    interfaces").next().unwrap().replace("hostname: a", "hostname: b")),
        ),
        (
            "{\"machine\": {\"sysctls\": {\"a\": {\"$patch\": \"delete\"}, \"c\": \"3\"}}}",
            base.replace("    a: \"1\"\n    b: \"2\"\n", "    b: \"2\"\n    c: \"3\"\n"),
        ),
    ] {
        expect(base, patch, &result);
    }
    let two = format!(
        "{}---\n{RULE}---\n{}",
        main_of("machine: {}\n"),
        RULE.replace("ssh", "http")
    );
    assert_eq!(
        patched(
            &two,
            &["apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh\n$patch: delete\n"]
        ),
        format!(
            "{}---\n{}",
            main_of("machine: {}\n"),
            RULE.replace("ssh", "http")
        )
    );
}

#[test]
fn a_free_list_loses_the_items_that_match() {
    expect(
        "cluster:\n  inlineManifests:\n    - name: a\n      contents: x\n    - name: b\n      contents: y\n",
        "cluster: {inlineManifests: [{name: a, $patch: delete}]}",
        "cluster:\n  inlineManifests:\n    - name: b\n      contents: y\n",
    );
}

#[test]
fn orders_to_delete_that_make_no_sense_are_refused_with_their_line() {
    let base = main_of("machine:\n  network:\n    interfaces: [{interface: a}]\n  certSANs: [a]\n");
    for (patch, message) in [
        (
            "machine:\n  sysctls:\n    $patch: delete\n",
            "machine.sysctls: there is nothing of this to delete, line 2 column 3",
        ),
        (
            "machine:\n  network:\n    interfaces:\n      - interface: b\n        $patch: delete\n",
            "machine.network.interfaces[0]: there is nothing of this to delete, line 4 column 9",
        ),
        (
            "machine:\n  network:\n    $patch: replace\n",
            "machine.network.$patch: bad value, expected delete, line 3 column 5",
        ),
        (
            "machine:\n  network:\n    $patch: delete\n    hostname: a\n",
            "machine.network.$patch: stands alone where it deletes a key, line 3 column 5",
        ),
        (
            "machine:\n  network:\n    interfaces:\n      - $patch: delete\n",
            "machine.network.interfaces[0].$patch: needs a key that says which item, line 4 column 9",
        ),
        (
            "apiVersion: v1alpha1\nkind: EventSinkConfig\n$patch: delete\n",
            "$patch: there is nothing of this to delete, line 3 column 1",
        ),
    ] {
        assert_eq!(refused(&base, patch), format!("patch p.yaml: {message}"));
    }
}

#[test]
fn comments_order_and_spelling_of_the_text_survive() {
    let base = "# Our node.\nmachine: # the machine\n    token: abc # secret\n    type: \"worker\"\n    # Links\n    network:\n        interfaces: # all of them\n            # the first\n            - interface: eth0 # uplink\n              dhcp: yes # really\n\n            # the second\n            -   interface: 'eth1'\n                addresses: [ 10.0.0.1/8 ] # old\n    files:\n        - path: /var/a\n          permissions: 0644\n          content: |\n            # not a comment\n            x: y\n# Everything below is shared.\ncluster: {}  # nothing yet\nversion: v1alpha1\n# the end\n";
    let text = patched(
        base,
        &[
            "machine: {network: {hostname: n, interfaces: [{interface: eth0, dhcp: false, mtu: 9000}, {interface: eth1, addresses: [10.0.0.2/8]}]}}",
            "cluster: {clusterName: c}",
            "[{op: replace, path: /machine/token, value: def}, {op: add, path: /machine/certSANs, value: [a]}]",
        ],
    );

    assert_eq!(
        text,
        "# Our node.\nmachine: # the machine\n    token: def # secret\n    type: \"worker\"\n    # Links\n    network:\n        interfaces: # all of them\n            # the first\n            - interface: eth0 # uplink\n              dhcp: false # really\n              mtu: 9000\n\n            # the second\n            -   interface: 'eth1'\n                addresses: # old\n                    - 10.0.0.1/8\n                    - 10.0.0.2/8\n        hostname: \"n\"\n    files:\n        - path: /var/a\n          permissions: 0644\n          content: |\n            # not a comment\n            x: y\n    certSANs:\n        - a\n# Everything below is shared.\ncluster:  # nothing yet\n    clusterName: c\nversion: v1alpha1\n# the end\n"
    );
}

#[test]
fn odd_texts_are_patched_right_even_where_their_comments_cannot_stay() {
    let patch_text = "machine: {network: {hostname: b}, sysctls: {a: '1'}}";
    for base in [
        "{\"version\": \"v1alpha1\", \"machine\": {\"network\": {\"hostname\": \"a\"}}}",
        "version: v1alpha1\r\nmachine:\r\n  network:\r\n    hostname: a\r\n",
        "version: v1alpha1\nmachine:\n  kubelet: {extraArgs: &x {a: b}}\n  env:\n    <<: *x\n  network: &n\n    hostname: a\n",
        "version: v1alpha1\nmachine:\n  network:\n    hostname: &h a\n  env: {A: *h}\n",
        "---\nversion: v1alpha1\nmachine:\n    network: {hostname: \"a\"}\n...\n",
        "version: v1alpha1\nmachine:\n  ? network\n  : hostname: a\n",
        "version: v1alpha1\nmachine:\n  network:\n    hostname: >-\n      a\n    nameservers:\n    - 1.1.1.1",
        "version: v1alpha1\nmachine:\n  network:\n    hostname:\n      a\n  sysctls:\n",
        "%YAML 1.1\n---\nversion: v1alpha1\nmachine: {network: {hostname: ä}}\n",
        "version: v1alpha1\nmachine: !!map\n  network:\n    hostname: !!str a\n",
    ] {
        let text = patched(base, &[patch_text]);
        let loaded = config::Configuration::load(text.as_bytes()).unwrap();
        let before = config::Configuration::load(base.as_bytes()).unwrap();
        let mut expected = before.document().unwrap().clone();
        let machine = expected.machine.as_mut().unwrap();
        machine.network.as_mut().unwrap().hostname = "b".to_owned();
        machine.sysctls.insert("a".to_owned(), "1".to_owned());

        assert_eq!(loaded.document(), Some(&expected), "{text}");
    }
}

#[test]
fn a_patch_that_changes_nothing_leaves_every_byte() {
    for base in [
        "# a\nversion: v1alpha1\nmachine: {type: worker}",
        "---\nversion: \"v1alpha1\"\nmachine: {}\n---\n---\n# end\n",
    ] {
        assert_eq!(patched(base, &["machine: {}"]), base);
        assert_eq!(apply(base, &[]).unwrap(), base);
    }
}

#[test]
fn a_patch_with_nothing_in_it_changes_nothing() {
    let two = format!(
        "{}---\n{RULE}",
        main_of("machine:\n  type: worker # ours\n")
    );
    for empty in [
        "[]",
        "{}",
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "null",
        "{}\n---\n# no\n---\n{}\n",
    ] {
        assert_eq!(patched(&two, &[empty]), two, "{empty:?}");
        assert_eq!(
            patched(&two, &[empty, "machine: {type: init}", empty]),
            two.replace("worker", "init"),
            "{empty:?}"
        );
    }
    assert_eq!(
        patched(&two, &["{}\n---\nmachine: {type: init}\n---\n# no\n"]),
        two.replace("worker", "init")
    );
}

#[test]
fn patches_with_mistakes_are_refused_with_name_path_and_line() {
    let base = main_of("machine:\n  type: worker\n  kubelet: {extraConfig: {a: [1]}}\n");
    for (patch, message) in [
        (
            "machine:\n  network:\n    hostnam: a\n",
            "machine.network.hostnam: unknown key, line 3 column 5",
        ),
        (
            "machine:\n  certSANs: a\n",
            "machine.certSANs: wrong type, expected a list, line 2 column 3",
        ),
        (
            "machine:\n  ca:\n    crt: '%'\n",
            "machine.ca.crt: not base64, line 3 column 5",
        ),
        (
            "machine:\n  type: a\n  type: b\n",
            "machine.type: the key is there twice, line 3 column 3",
        ),
        (
            "version: v2\nmachine: {}\n",
            "version: unknown version \"v2\", expected v1alpha1, line 1 column 1",
        ),
        (
            "kind: Pod\napiVersion: v1\n",
            "kind: unknown kind of document \"Pod\", line 1 column 1",
        ),
        (
            "machine:\n  kubelet:\n    extraConfig:\n      a: {b: c}\n",
            "machine.kubelet.extraConfig.a: wrong type, expected a list, as there is in the configuration, line 4 column 7",
        ),
        (
            "machine: {}\n---\nmachine:\n  type: a\n",
            "there is a second document of this kind and name, line 3 column 1",
        ),
        ("a: b\n", "kind: missing, line 1 column 1"),
        (
            "text",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
        (
            "op: add\npath: /a\nvalue: b\n",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
        (
            "[]\n---\n[]\n",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
        (
            "[{op: remove, path: /debug}]\n---\n[]\n",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
    ] {
        assert_eq!(refused(&base, patch), format!("patch p.yaml: {message}"));
    }
    for patch in ["machine: [\n", "machine:\n\ttype: a\n"] {
        let message = refused(&base, patch);
        assert!(message.starts_with("patch p.yaml: not YAML: "), "{message}");
        assert!(message.contains(", line "), "{message}");
    }
}

#[test]
fn a_result_that_does_not_load_is_blamed_on_its_operation() {
    let base = main_of("machine:\n  type: worker\n");
    let text = "- op: add\n  path: /machine/env\n  value: {}\n- op: add\n  path: /machine/hostnam\n  value: a\n- op: add\n  path: /machine/certSANs\n  value: []\n";

    assert_eq!(
        refused(&base, text),
        "patch p.yaml: machine.hostnam: unknown key, line 4 column 3"
    );
    assert_eq!(
        refused(&base, "- {op: replace, path: /machine/type, value: [a]}"),
        "patch p.yaml: machine.type: wrong type, expected text, line 1 column 3"
    );
    assert_eq!(
        refused(&base, "- {op: remove, path: /version}"),
        "patch p.yaml: version: missing, line 1 column 3"
    );
    assert_eq!(
        refused(&base, "- {op: replace, path: '', value: x}"),
        "patch p.yaml: wrong type, expected a mapping, line 1 column 3"
    );
}

#[test]
fn a_configuration_that_does_not_load_is_not_patched() {
    let error = apply("version: v1alpha1\nmachin: {}\n", &[patch("machine: {}")]).unwrap_err();

    assert_eq!(error.patch, None);
    assert_eq!(
        error.to_string(),
        "configuration: machin: unknown key, line 2 column 1"
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

#[test]
fn cfg_10_documents_without_a_name_are_one_each() {
    let base = format!(
        "{}---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: a:1\n",
        main_of("machine: {}\n")
    );
    let text = patched(
        &base,
        &[
            "apiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: b:2\n---\napiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n",
        ],
    );

    assert_eq!(
        text,
        format!(
            "{}---\napiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n",
            base.replace("a:1", "b:2")
        )
    );
    let error = refused(&text, "[{op: remove, path: /machine}]");
    assert!(error.contains("JSON patches are not supported"), "{error}");
}

#[test]
fn cfg_11_items_are_reached_by_index_and_the_end_by_a_dash() {
    let base = "machine:\n  files:\n    - path: /a # one\n      permissions: 0600\n    - path: /b # two\n      permissions: 0600\n";
    expect(
        base,
        "- {op: replace, path: /machine/files/1/permissions, value: 420}\n- {op: add, path: /machine/files/-, value: {path: /c}}\n- {op: remove, path: /machine/files/0}\n",
        "machine:\n  files:\n    - path: /b # two\n      permissions: 420\n    - path: /c\n",
    );
}
