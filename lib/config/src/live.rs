// SPDX-License-Identifier: MPL-2.0
//! Which changes of a configuration take effect on a node that runs, and which need a reboot.
//!
//! Owns: the list of what may change at once.
//! Never: says how a change is made, or which documents besides the main one differ: those never
//! need a reboot.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;

use crate::configuration::Configuration;

/// What may change without a reboot, with everything below it. All else needs one, keys that come
/// later included. The list is v1.6's, and two keys that v1.7 added for the rotation of CAs.
const LIVE: &[&str] = &[
    "debug",
    "cluster",
    "machine.acceptedCAs", // v1.7
    "machine.ca",          // v1.7
    "machine.certSANs",
    "machine.controlPlane",
    "machine.features.kubePrism",
    "machine.features.kubernetesTalosAPIAccess",
    // Used at the next installation or upgrade only.
    "machine.install",
    "machine.kernel",
    "machine.kubelet",
    "machine.logging",
    "machine.network",
    "machine.nodeLabels",
    "machine.nodeTaints",
    "machine.pods",
    "machine.registries",
    "machine.seccompProfiles",
    "machine.sysctls",
    "machine.sysfs",
    "machine.time",
];

/// Mappings that a row of the list is inside of: they are compared key by key.
const OPENED: &[&str] = &["", "machine", "machine.features"];

/// Names the keys whose values differ between two configurations and cannot be changed without a
/// reboot, in order. The spelling of a value does not count, nor does the order of keys.
#[must_use]
pub fn needs_reboot(before: &Configuration, after: &Configuration) -> Vec<String> {
    let mut found = Vec::new();
    compare("", &tree(before), &tree(after), &mut found);
    found
}

/// The main document as it would be written anew: equal configurations are then equal trees.
fn tree(configuration: &Configuration) -> Value {
    let text = configuration.document().map(|document| document.to_yaml());
    // What was read from a text and printed by us is readable.
    text.and_then(|text| serde_yaml_ng::from_str(&text).ok())
        .unwrap_or_default()
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after || LIVE.contains(&path) {
        return;
    }
    if !OPENED.contains(&path) {
        found.push(path.to_owned());
        return;
    }
    for key in keys(before).union(&keys(after)) {
        let below = if path.is_empty() {
            (*key).to_owned()
        } else {
            format!("{path}.{key}")
        };
        let value = |tree: &Value| tree.get(key).cloned().unwrap_or_default();
        compare(&below, &value(before), &value(after), found);
    }
}

fn keys(tree: &Value) -> BTreeSet<&str> {
    let entries = tree.as_mapping().into_iter().flatten();
    entries.filter_map(|(key, _)| key.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(machine: &str) -> Configuration {
        let text = format!("version: v1alpha1\nmachine:\n  type: controlplane\n{machine}");
        Configuration::load(text.as_bytes()).unwrap()
    }

    /// What needs a reboot between nothing and `machine`, and the way back.
    fn changed(machine: &str) -> Vec<String> {
        let (before, after) = (load(""), load(machine));
        let found = needs_reboot(&before, &after);
        assert_eq!(needs_reboot(&after, &before), found, "{machine}");
        found
    }

    #[test]
    fn edit_07_cfg_04_each_key_of_the_list_changes_without_a_reboot() {
        for machine in [
            "  certSANs: [a]\n",
            "  controlPlane: {scheduler: {disabled: true}}\n",
            "  features: {kubePrism: {enabled: true}}\n",
            "  features: {kubernetesTalosAPIAccess: {enabled: true}}\n",
            "  install: {disk: /dev/vda, extraKernelArgs: [quiet]}\n",
            "  kernel: {modules: [{name: btrfs}]}\n",
            "  kubelet: {image: example.org/kubelet}\n",
            "  logging: {destinations: [{endpoint: 'udp://192.0.2.1:514'}]}\n",
            "  network: {hostname: a, kubespan: {enabled: true}}\n",
            "  nodeLabels: {a: b}\n",
            "  nodeTaints: {a: b}\n",
            "  pods: [{metadata: {name: a}}]\n",
            "  registries: {mirrors: {docker.io: {endpoints: ['https://a']}}}\n",
            "  seccompProfiles: [{name: a, value: {}}]\n",
            "  sysctls: {kernel.panic: '7'}\n",
            "  sysfs: {devices.x: '7'}\n",
            "  time: {disabled: true}\n",
            "  acceptedCAs: [{crt: ''}]\n",
            "debug: true\n",
            "cluster: {clusterName: a, network: {dnsDomain: b}}\n",
        ] {
            assert_eq!(changed(machine), [""; 0], "{machine}");
        }
    }

    #[test]
    fn edit_07_cfg_04_every_other_key_needs_a_reboot_and_is_named() {
        for (machine, path) in [
            ("  token: abcdef.0123456789abcdef\n", "machine.token"),
            (
                "  files: [{path: /var/a, op: create, content: a}]\n",
                "machine.files",
            ),
            ("  env: {A: b}\n", "machine.env"),
            ("  udev: {rules: [a]}\n", "machine.udev"),
            ("  disks: [{device: /dev/vdb}]\n", "machine.disks"),
            ("  features: {rbac: true}\n", "machine.features.rbac"),
            (
                "  features: {rbac: true, kubePrism: {enabled: true}}\n",
                "machine.features.rbac",
            ),
            (
                "  systemDiskEncryption: {ephemeral: {provider: luks2}}\n",
                "machine.systemDiskEncryption",
            ),
        ] {
            assert_eq!(changed(machine), [path], "{machine}");
        }
        let worker = Configuration::load(b"version: v1alpha1\nmachine: {type: worker}\n").unwrap();
        assert_eq!(needs_reboot(&load(""), &worker), ["machine.type"]);
        assert_eq!(
            changed("  env: {A: b}\n  udev: {rules: [a]}\n  sysctls: {a: '1'}\n"),
            ["machine.env", "machine.udev"]
        );
    }

    #[test]
    fn spelling_and_order_and_other_documents_do_not_count() {
        let before = load("  features: {rbac: true}\n  env: {A: b, C: d}\n");
        let after = load("  env: # two\n    C: 'd'\n    A: \"b\"\n  features:\n    rbac: yes\n");
        assert_eq!(needs_reboot(&before, &after), [""; 0]);

        let more = load(
            "  features: {rbac: true}\n  env: {A: b, C: d}\n---\napiVersion: v1alpha1\n\
             kind: KmsgLogConfig\nname: a\nurl: tcp://192.0.2.1:5140\n",
        );
        assert_eq!(needs_reboot(&before, &more), [""; 0]);
    }
}
