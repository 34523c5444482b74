// SPDX-License-Identifier: MPL-2.0
//! `$patch: delete`.
//!
//! Owns: what is deleted, and which orders make no sense.
//! Never: deletes by operations of JSON patches.

use crate::{RULE, expect, main_of, patched, refused};

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
