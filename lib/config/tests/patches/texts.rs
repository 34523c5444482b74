// SPDX-License-Identifier: MPL-2.0
//! The text that comes out.
//!
//! Owns: what stays of it: comments, order, spelling.
//! Never: tests which values a patch makes.

use crate::patched;
use config::patch::apply;

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
