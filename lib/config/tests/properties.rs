// SPDX-License-Identifier: MPL-2.0
//! What holds for whatever is written and whatever is patched.
//!
//! Owns: promises about printing, merging and the text that comes out.
//! Never: has an example of its own; those are in `patches/`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use config::patch::{Patch, apply};
use config::{Configuration, Document, GenerateOptions, SecretsBundle, generate};
use pki::UnixTime;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use std::sync::OnceLock;

fn controlplane() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let secrets = SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap();
        let options = GenerateOptions::default();
        let made = generate("home", "10.0.0.1", &secrets, &options).unwrap();
        made.controlplane.to_yaml()
    })
}

/// Patches that say the same when they are said twice: values, mappings, lists with a key, and those
/// lists that are replaced.
const IDEMPOTENT: &[&str] = &[
    "machine: {network: {hostname: alder}}",
    "machine: {network: {hostname: birch, disableSearchDomain: true}}",
    "machine: {network: {interfaces: [{interface: eth0, dhcp: true}]}}",
    "machine: {network: {interfaces: [{interface: eth0, mtu: 1400, vlans: [{vlanId: 7, dhcp: false}]}]}}",
    "machine: {network: {interfaces: [{deviceSelector: {driver: virtio}, dhcp: false}]}}",
    "machine: {sysctls: {net.a: '1'}, env: {HTTP_PROXY: b}}",
    "machine: {sysctls: {net.a: '2', net.b: '3'}}",
    "machine: {kubelet: {extraArgs: {a: b}, extraConfig: {c: {d: 5}}}}",
    "machine: {kubelet: {extraConfig: {c: {d: 6, e: text}}}}",
    "machine: {install: {disk: /dev/vda, wipe: yes}}",
    "machine: {features: {kubePrism: {enabled: false}}}",
    "machine: {registries: {mirrors: {ghcr.io: {overridePath: true}}}}",
    "cluster: {network: {podSubnets: [10.1.0.0/16], serviceSubnets: [10.2.0.0/16]}}",
    "cluster: {network: {podSubnets: [10.3.0.0/16, 'fd00::/64'], cni: {name: none}}}",
    "cluster: {apiServer: {admissionControl: [{name: PodSecurity, configuration: {defaults: {enforce: privileged}}}]}}",
    "cluster: {apiServer: {admissionControl: [{name: Other, configuration: {a: b}}]}}",
    "cluster: {apiServer: {auditPolicy: {kind: Policy, rules: [{level: None}]}}}",
    "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector: {ports: [80], protocol: tcp}\ningress: [{subnet: 10.0.0.0/8}]",
    "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector: {ports: [80, 443]}",
    "apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: tcp://a:1",
    "apiVersion: v1alpha1\nkind: VolumeConfig\nname: a\nprovisioning: {maxSize: 1GB}",
];

/// Patches that append.
const APPENDING: &[&str] = &[
    "machine: {certSANs: [a.example.org]}",
    "machine: {network: {nameservers: [9.9.9.9], interfaces: [{interface: eth0, addresses: [10.0.0.1/8]}]}}",
    "machine: {files: [{content: \"a\\nb\\n\", path: /var/a, permissions: 0644, op: create}]}",
    "machine: {pods: [{kind: Pod, spec: {containers: [{name: a, args: ['x: y', '# z', '- ']}]}}]}",
    "cluster: {inlineManifests: [{name: a, contents: \"a: |\\n  b\\n\\n\"}]}",
    "cluster: {apiServer: {certSANs: [b], extraVolumes: [{hostPath: /a, mountPath: /b, readonly: yes}]}}",
    "[{op: add, path: /machine/certSANs/0, value: c.example.org}]",
    "[{op: add, path: /machine/kubelet/extraMounts, value: [{destination: /a, options: [ro]}]}]",
];

fn patches(texts: &[&str]) -> Vec<Patch> {
    let patches = texts.iter().map(|text| Patch::parse(text, text.as_bytes()));
    patches.collect::<Result<_, _>>().unwrap()
}

fn patched(base: &str, texts: &[&str]) -> String {
    apply(base, &patches(texts)).unwrap_or_else(|error| panic!("{error}"))
}

fn main_of(text: &str) -> Option<Document> {
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    loaded.document().cloned()
}

fn mixed() -> impl Strategy<Value = Vec<&'static str>> {
    let all: Vec<&'static str> = IDEMPOTENT
        .iter()
        .chain(APPENDING)
        .copied()
        .filter(|text| !text.starts_with("apiVersion"))
        .collect();
    let count = all.len();
    subsequence(all, 0..count).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_printed_loads_as_the_same(texts in mixed()) {
        let text = patched(controlplane(), &texts);
        let loaded = Configuration::load(text.as_bytes()).unwrap();
        let printed = loaded.to_yaml();
        let again = Configuration::load(printed.as_bytes()).unwrap();

        prop_assert_eq!(again.document(), loaded.document());
        prop_assert_eq!(again.extras(), loaded.extras());
        prop_assert_eq!(again.to_yaml(), printed);
    }

    #[test]
    fn patches_that_set_and_replace_are_idempotent(
        texts in subsequence(IDEMPOTENT, 0..IDEMPOTENT.len()).prop_shuffle(),
    ) {
        let once = patched(controlplane(), &texts);

        prop_assert_eq!(patched(&once, &texts), once);
    }

    #[test]
    fn patches_at_once_and_one_by_one_mean_the_same(texts in mixed()) {
        let at_once = patched(controlplane(), &texts);
        let mut one_by_one = controlplane().to_owned();
        for text in &texts {
            one_by_one = patched(&one_by_one, &[text]);
        }

        prop_assert_eq!(main_of(&one_by_one), main_of(&at_once));
    }

    #[test]
    fn the_written_layout_does_not_change_what_a_patch_does(texts in mixed()) {
        // The same documents as JSON have no layout that could be kept.
        let value: serde_json::Value = serde_yaml_ng::from_str(controlplane()).unwrap();
        let json = serde_json::to_string(&value).unwrap();

        prop_assert_eq!(
            main_of(&patched(&json, &texts)),
            main_of(&patched(controlplane(), &texts))
        );
    }

    #[test]
    fn every_comment_survives_what_is_patched_around_it(texts in mixed()) {
        let commented: String = controlplane()
            .lines()
            .enumerate()
            .map(|(number, line)| format!("# above {number};\n{line} # behind {number};\n"))
            .collect();
        let text = patched(&commented, &texts);

        for number in 0..controlplane().lines().count() {
            // What a list is replaced with has no room for the comments inside of the old one.
            let replaced = ["10.244.0.0/16", "10.96.0.0/12", "audit.k8s.io/v1", "kind: Policy", "rules:", "level: Metadata"];
            let line = controlplane().lines().nth(number).unwrap();
            if replaced.iter().any(|part| line.contains(part)) {
                continue;
            }
            for comment in [format!("# behind {number};"), format!("# above {number};")] {
                let is_next = replaced.iter().any(|part| {
                    controlplane().lines().nth(number.saturating_sub(1)).unwrap().contains(part)
                });
                prop_assert!(is_next || text.matches(&comment).count() == 1, "{}\n{}", comment, text);
            }
        }
    }

    #[test]
    fn what_an_operation_adds_another_takes_away_to_the_byte(
        key in "[a-z][a-z.]{0,8}[a-z]",
        text in "[ -~]{0,20}",
        at in any::<Index>(),
    ) {
        let places = ["/machine/sysctls", "/machine/env", "/machine/nodeLabels"];
        let place = at.get(&places);
        let base = patched(controlplane(), &["machine: {sysctls: {a0: b}, env: {a0: b}, nodeLabels: {a0: b}}"]);
        let value = serde_json::Value::String(text);
        let add = format!("[{{\"op\": \"add\", \"path\": \"{place}/{key}\", \"value\": {value}}}]");
        let remove = format!("[{{\"op\": \"remove\", \"path\": \"{place}/{key}\"}}]");

        let added = patched(&base, &[&add]);
        prop_assert_ne!(&added, &base);
        prop_assert_eq!(patched(&added, &[&remove]), base);
    }
}
