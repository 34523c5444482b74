// SPDX-License-Identifier: MPL-2.0
//! What a file may take up in memory: what is refused for it, and what is not.
//!
//! Owns: the promise that the limit is met by files that nobody has, and by no others.
//! Never: measures; `examples/measure.rs` does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{Configuration, Fault, LoadError};
use pki::{Authority, UnixTime};

fn refused(text: &str) -> LoadError {
    assert!(text.len() <= config::MAX_BYTES);
    Configuration::load(text.as_bytes()).unwrap_err()
}

/// A configuration with these lines below `machine`.
fn machine(lines: &str) -> String {
    format!("version: v1alpha1\nmachine:\n{lines}")
}

#[test]
fn too_many_short_values_are_refused_with_their_number_the_limit_and_the_place() {
    let text = machine(&format!("  certSANs: [{}]\n", "a,".repeat(90_000)));

    let error = refused(&text);

    let [problem] = error.problems.as_slice() else {
        panic!("{error}");
    };
    let Fault::TooDense { values } = problem.fault else {
        panic!("{error}");
    };
    assert!((15_000..90_000).contains(&values), "{values}");
    let shown = error.to_string();
    // The document, its section and the list are values as well.
    assert!(
        shown.starts_with(&format!("machine.certSANs[{}]: has too many short values: the {values} up to here take more memory than 10 times the file's size and than 6 MiB, line 3 column ", values - 5)),
        "{shown}"
    );
}

#[test]
fn values_that_become_large_structs_count_as_such() {
    let names = machine(&format!("  certSANs: [{}]\n", "a,".repeat(15_000)));
    let links = machine(&format!(
        "  network: {{interfaces: [{}]}}\n",
        "~,".repeat(15_000)
    ));

    assert!(Configuration::load(names.as_bytes()).is_ok());
    assert!(matches!(
        refused(&links).problems[0].fault,
        Fault::TooDense { .. }
    ));
}

#[test]
fn all_documents_of_a_file_share_the_room() {
    let rule = |n: usize| {
        format!(
            "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: r{n}\nportSelector: {{ports: [1], protocol: tcp}}\ningress: [{}]\n",
            "{subnet: 10.0.0.0/8},".repeat(40)
        )
    };
    let rules = |count: usize| (0..count).map(rule).collect::<Vec<_>>().join("---\n");

    assert!(Configuration::load(rules(50).as_bytes()).is_ok());
    assert!(matches!(
        refused(&rules(600)).problems[0].fault,
        Fault::TooDense { .. }
    ));
}

#[test]
fn a_firewall_rule_of_five_thousand_networks_loads() {
    let networks: String = (0..5_000)
        .map(|n| format!("  - subnet: 10.{}.{}.0/24\n", n / 256, n % 256))
        .collect();
    let rule = format!(
        "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: many\nportSelector:\n  ports: [50000]\n  protocol: tcp\ningress:\n{networks}"
    );

    let loaded = Configuration::load(rule.as_bytes()).unwrap();

    assert_eq!(loaded.extras().len(), 1);
}

#[test]
fn two_thousand_interfaces_load() {
    let links: String = (0..2_000)
        .map(|n| format!("      - interface: eth{n}\n        dhcp: true\n"))
        .collect();
    let text = machine(&format!("  network:\n    interfaces:\n{links}"));

    let loaded = Configuration::load(text.as_bytes()).unwrap();

    let machine = loaded.document().unwrap().machine.as_ref().unwrap();
    assert_eq!(machine.network.as_ref().unwrap().interfaces.len(), 2_000);
}

#[test]
fn a_megabyte_of_manifests_loads() {
    let lines = "          apiVersion: v1\n          metadata:\n            name: some-config-of-a-network\n            labels: {app: network, part-of: cluster}\n".repeat(95);
    let manifests: String = (0..64)
        .map(|n| format!("    - name: m{n}\n      contents: |\n{lines}"))
        .collect();
    let text =
        format!("version: v1alpha1\nmachine: {{}}\ncluster:\n  inlineManifests:\n{manifests}");
    assert!(text.len() > config::MAX_BYTES * 3 / 4, "{}", text.len());

    let loaded = Configuration::load(text.as_bytes()).unwrap();

    let cluster = loaded.document().unwrap().cluster.as_ref().unwrap();
    assert_eq!(cluster.inline_manifests.as_ref().unwrap().len(), 64);
}

#[test]
fn hundreds_of_authorities_links_files_and_settings_load() {
    let authority = Authority::machine(UnixTime(1_790_000_000)).unwrap();
    let pem = String::from_utf8(authority.certificate().to_pem()).unwrap();
    let pem = pem.replace('\n', "\n            ");
    let mut lines = "  files:\n".to_owned();
    for n in 0..300 {
        lines.push_str(&format!("    - content: |\n            {pem}\n      permissions: 0o644\n      path: /var/{n}.crt\n      op: create\n"));
    }
    lines.push_str("  sysctls:\n");
    for n in 0..500 {
        lines.push_str(&format!("    net.ipv4.conf.eth{n}.rp_filter: \"0\"\n"));
    }
    lines.push_str("  network:\n    interfaces:\n");
    for n in 0..300 {
        lines.push_str(&format!("      - interface: eth{n}\n        addresses: [10.0.0.1/24, 'fd00::1/64']\n        routes:\n          - network: 0.0.0.0/0\n            gateway: 10.0.0.254\n        vlans:\n          - vlanId: {}\n            dhcp: true\n", n + 1));
    }

    let loaded = Configuration::load(machine(&lines).as_bytes()).unwrap();

    let machine = loaded.document().unwrap().machine.as_ref().unwrap();
    assert_eq!(machine.files.len(), 300);
    assert_eq!(machine.network.as_ref().unwrap().interfaces.len(), 300);
}
