// SPDX-License-Identifier: MPL-2.0
//! What people write, and how it is understood.
//!
//! Owns: the spellings of YAML 1.1 and 1.2 that must load, and what they mean.
//! Never: tests a refusal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::document::MachineConfig;
use config::{
    Cidr, Circumstances, Configuration, DhcpSpec, DiskSize, Extra, FileMode, FileOperation,
    FileSpec, GoDuration, Value,
};

fn load(text: &str) -> Configuration {
    Configuration::load(text.as_bytes()).unwrap()
}

fn machine(inside: &str) -> MachineConfig {
    load(&format!("version: v1alpha1\nmachine:\n{inside}"))
        .document()
        .unwrap()
        .machine
        .clone()
        .unwrap()
}

#[test]
fn booleans_may_be_the_words_of_yaml_1_1() {
    for (word, expected) in [
        ("yes", true),
        ("No", false),
        ("on", true),
        ("OFF", false),
        ("y", true),
        ("true", true),
    ] {
        let machine = machine(&format!("  features: {{rbac: {word}}}\n"));
        assert_eq!(machine.features.unwrap().rbac, Some(expected), "{word}");
    }
}

#[test]
fn text_keeps_what_was_typed_even_if_it_looks_like_a_number() {
    let machine = machine(
        "  env: {A: 1.10, B: 0644, C: yes, D: 1e3, E: true, F: '7'}\n  sysctls:\n    net.a: 1\n",
    );

    let values: Vec<&str> = machine.env.values().map(String::as_str).collect();
    assert_eq!(values, ["1.10", "0644", "yes", "1e3", "true", "7"]);
    assert_eq!(machine.sysctls["net.a"], "1");
}

#[test]
fn file_modes_may_be_octal_of_either_age_or_decimal() {
    for mode in ["0o644", "0644", "420", "0x1a4", "4_20"] {
        let machine = machine(&format!("  files: [{{permissions: {mode}, path: /a}}]\n"));
        assert_eq!(machine.files[0].permissions, FileMode(0o644), "{mode}");
    }
}

#[test]
fn a_number_with_nothing_behind_its_point_is_whole() {
    let machine =
        machine("  network: {interfaces: [{interface: a, mtu: 1400.0, vlans: [{vlanId: 1e2}]}]}\n");

    let link = &machine.network.as_ref().unwrap().interfaces[0];
    assert_eq!((link.mtu, link.vlans[0].vlan_id), (1400, 100));
}

#[test]
fn durations_and_sizes_are_read_with_their_units() {
    let machine = machine(
        "  time: {bootTimeout: 2m30s}\n  disks: [{partitions: [{size: 10 GB}, {size: 1048576}]}]\n",
    );

    assert_eq!(
        machine.time.unwrap().boot_timeout,
        GoDuration {
            nanoseconds: 150_000_000_000
        }
    );
    let empty = self::machine("  time: {bootTimeout: }\n  disks: [{partitions: [{size: ~}]}]\n");
    assert_eq!(empty.time.unwrap().boot_timeout, GoDuration::default());
    assert_eq!(empty.disks[0].partitions[0].size, DiskSize(0));
    let sizes: Vec<DiskSize> = machine.disks[0].partitions.iter().map(|p| p.size).collect();
    assert_eq!(sizes, [DiskSize(10_000_000_000), DiskSize(1_048_576)]);
}

#[test]
fn nothing_written_is_the_same_as_no_key() {
    let machine = machine("  token:\n  certSANs: null\n  network: ~\n  sysctls:\n");

    assert_eq!(machine, MachineConfig::default());
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let machine = machine(
        "  kubelet: {extraArgs: &args {a: b, c: d}}\n  env:\n    <<: *args\n    c: e\n  sysctls: *args\n",
    );

    assert_eq!(machine.env["a"], "b");
    assert_eq!(machine.env["c"], "e");
    assert_eq!(machine.sysctls["c"], "d");
}

#[test]
fn a_merge_key_takes_a_list_of_mappings_of_which_the_first_counts_most() {
    for list in [
        "    <<: [*one, *two]\n    own: x\n",
        "    own: x\n    <<:\n      - *one\n      - {<<: *two, new: 1.10}\n",
        "    <<: [*both]\n    own: x\n",
    ] {
        let machine = machine(&format!(
            "  kubelet:\n    extraArgs: &one {{a: first, own: y}}\n    extraConfig:\n      two: &two \
             {{a: second, b: yes}}\n      both: &both {{<<: [*one, *two]}}\n  env:\n{list}"
        ));

        assert_eq!(machine.env["a"], "first", "{list}");
        assert_eq!(machine.env["b"], "yes", "{list}");
        assert_eq!(machine.env["own"], "x", "{list}");
        assert!(!list.contains("new") || machine.env["new"] == "1.10");
    }
}

#[test]
fn what_a_merge_key_cannot_take_is_refused_where_it_stands() {
    for (value, says) in [
        (
            "text",
            "machine.env.<<: wrong type, expected a mapping or a list of mappings, line 3",
        ),
        (
            "null",
            "machine.env.<<: wrong type, expected a mapping or a list of mappings, line 3",
        ),
        (
            "[{a: b}, text]",
            "machine.env.<<[1]: wrong type, expected a mapping, line 3",
        ),
        (
            "[[{a: b}]]",
            "machine.env.<<[0]: wrong type, expected a mapping, line 3",
        ),
        (
            "{a: b}\n    <<: {c: d}",
            "machine.env.<<: the key is there twice, line 5",
        ),
    ] {
        let text = format!("version: v1alpha1\nmachine: {{env:\n    {{<<: {value}}}}}\n");
        let text = match value.contains('\n') {
            false => text,
            true => format!("version: v1alpha1\nmachine:\n  env:\n    <<: {value}\n"),
        };

        let refused = Configuration::load(text.as_bytes())
            .unwrap_err()
            .to_string();

        assert!(refused.starts_with(says), "{value}: {refused}");
    }
}

#[test]
fn free_form_parts_keep_their_types() {
    let machine =
        machine("  kubelet: {extraConfig: {a: true, b: 1, c: x, d: [1.5, null], e: 'yes'}}\n");

    let config = machine.kubelet.unwrap().extra_config;
    assert_eq!(config.get("a"), Some(&Value::Bool(true)));
    assert_eq!(config.get("b"), Some(&Value::Integer(1)));
    assert_eq!(
        config.get("d"),
        Some(&Value::List(vec![Value::Float(1.5), Value::Null]))
    );
    assert_eq!(config.get("e"), Some(&Value::Text("yes".to_owned())));
}

#[test]
fn comments_windows_line_ends_and_json_load_and_the_source_is_kept() {
    for text in [
        "# top\nversion: v1alpha1 # why\nmachine:\n    # inside\n    token: a\n",
        "version: v1alpha1\r\nmachine:\r\n  token: a\r\n",
        "{\"version\": \"v1alpha1\", \"machine\": {\"token\": \"a\"}}",
        "---\nversion: v1alpha1\nmachine: {token: a}\n...\n",
    ] {
        let loaded = load(text);
        assert_eq!(loaded.source(), text);
        assert_eq!(
            loaded
                .document()
                .unwrap()
                .machine
                .as_ref()
                .unwrap()
                .token
                .expose(),
            "a"
        );
    }
}

#[test]
fn a_manifest_full_of_brackets_and_tabs_inside_of_text_loads() {
    let script =
        "          if [[ $1 == [a-z ]]; then\n          \techo {{ .Values }} \"[\n          fi\n"
            .repeat(500);
    let text = format!(
        "version: v1alpha1\ncluster:\n  inlineManifests:\n    - name: a\n      contents: |\n{script}"
    );

    let loaded = load(&text);
    let manifests = loaded
        .document()
        .unwrap()
        .cluster
        .as_ref()
        .unwrap()
        .inline_manifests
        .clone();
    assert_eq!(manifests.unwrap()[0].contents.lines().count(), 1_500);
}

#[test]
fn a_large_manifest_loads_within_the_limits() {
    let line = "          - {name: a, value: \"b\", port: 80} # why, and how\n";
    let script = line.repeat(700_000 / line.len());
    let text = format!(
        "version: v1alpha1\ncluster:\n  inlineManifests:\n    - name: a\n      contents: |\n{script}"
    );

    assert!(load(&text).document().is_some());
}

#[test]
fn a_large_json_document_loads() {
    let content = format!("[ {{ {}", "text ".repeat(60));
    let item = format!(
        "{{\"op\": \"create\", \"path\": \"/a\", \"content\": \"{content}\", \"permissions\": 420}},\n"
    );
    let files = item.repeat(500_000 / item.len());
    let files = files.trim_end_matches(",\n");
    let text = format!("{{\"version\": \"v1alpha1\", \"machine\": {{\"files\": [\n{files}\n]}}}}");

    assert!(
        load(&text)
            .document()
            .unwrap()
            .machine
            .as_ref()
            .unwrap()
            .files
            .len()
            > 1_200
    );
}

#[test]
fn links_mean_what_is_written_with_defaults_filled_in() {
    let text = "version: v1alpha1\nmachine:\n  network:\n    hostname: node.example.org\n    nameservers: [1.1.1.1]\n    disableSearchDomain: true\n    interfaces:\n      - interface: eth0\n        dhcp: true\n        cidr: 10.0.0.5/24\n        mtu: 1400\n        routes: [{gateway: 10.0.0.1}, {network: 10.9.0.0/16, gateway: 10.0.0.2, metric: 5}]\n        vlans: [{vlanId: 7, dhcp: true, dhcpOptions: {ipv6: true, ipv4: false, routeMetric: 9}}]\n      - interface: eth1\n        addresses: [fd00::5]\n";
    let spec = load(text).spec().unwrap();

    let name = spec.hostname.unwrap();
    assert_eq!(
        (name.name.as_str(), name.domain.as_str()),
        ("node", "example.org")
    );
    assert!(!spec.search_domain);
    let link = &spec.links[0];
    assert_eq!(
        link.dhcp,
        Some(DhcpSpec {
            ipv4: true,
            ipv6: false,
            route_metric: 1024
        })
    );
    assert_eq!(link.addresses, [Cidr::parse("10.0.0.5/24").unwrap()]);
    assert_eq!(
        (link.mtu, link.routes[0].metric, link.routes[1].metric),
        (Some(1400), 1024, 5)
    );
    assert_eq!(link.routes[0].destination, None);
    assert_eq!(
        link.vlans[0].dhcp,
        Some(DhcpSpec {
            ipv4: false,
            ipv6: true,
            route_metric: 9
        })
    );
    assert_eq!(spec.links[1].addresses[0].prefix, 128);
    assert_eq!(spec.links[1].dhcp, None);
}

#[test]
fn keys_of_newer_releases_load_with_a_warning_that_names_the_release() {
    let text = "version: v1alpha1\nmachine:\n  features:\n    hostDNS: {enabled: true}\n  nodeAnnotations: {a: b}\ncluster:\n  apiServer: {authorizationConfig: []}\n---\napiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: https://a\nuniqueToken: b\n";
    let loaded = load(text);

    assert_eq!(loaded.source(), text);
    let newer: Vec<String> = loaded.newer().iter().map(ToString::to_string).collect();
    let rest = "which is newer than this release: it has no effect";
    assert_eq!(
        newer,
        [
            format!("machine.features.hostDNS: this key came with v1.7, {rest}, line 4 column 5"),
            format!("machine.nodeAnnotations: this key came with v1.8, {rest}, line 5 column 3"),
            format!(
                "cluster.apiServer.authorizationConfig: this key came with v1.9, {rest}, line 7 column 15"
            ),
            format!("uniqueToken: this key came with v1.10, {rest}, line 12 column 1"),
        ]
    );
    let warnings = loaded.validate(Circumstances::default()).warnings;
    assert!(loaded.newer().iter().all(|p| warnings.contains(p)));
}

#[test]
fn pki_01_a_custom_authority_is_appended_to_the_bundle_as_it_is_written() {
    let pem = "-----BEGIN CERTIFICATE-----\nYW4gYXV0aG9yaXR5\n-----END CERTIFICATE-----\n";
    let indented = pem.replace('\n', "\n        ");
    for permissions in ["0644", "0o644", "420"] {
        let text = format!(
            "version: v1alpha1\ncluster: {{}}\nmachine:\n  files:\n    - content: |\n        {}\n      permissions: {permissions}\n      path: /etc/ssl/certs/ca-certificates\n      op: append\n",
            indented.trim_end()
        );
        let loaded = load(&text);

        let report = loaded.validate(Circumstances::default()).to_string();
        assert!(!report.contains("machine.files"), "{report}");
        assert_eq!(
            loaded.spec().unwrap().files,
            [FileSpec {
                path: "/etc/ssl/certs/ca-certificates".to_owned(),
                content: pem.to_owned(),
                permissions: FileMode(0o644),
                operation: FileOperation::Append,
            }]
        );
        let printed = loaded.to_yaml();
        assert!(printed.contains("permissions: 0o644\n"), "{printed}");
        assert_eq!(load(&printed).document(), loaded.document());
    }
}

#[test]
fn an_operation_on_a_file_that_nobody_knows_is_refused_where_it_stands() {
    for op in ["apend", "''"] {
        let text = format!(
            "version: v1alpha1\ncluster: {{}}\nmachine:\n  files:\n    - path: /var/a\n      op: {op}\n"
        );
        let report = load(&text).validate(Circumstances::default()).to_string();

        assert!(
            report.contains("machine.files[0].op: bad value, expected create, append or overwrite"),
            "{report}"
        );
    }
}

#[test]
fn arguments_that_are_lists_as_in_newer_releases_load_with_a_warning_and_have_no_effect() {
    let text = "version: v1alpha1\nmachine:\n  kubelet:\n    extraArgs: {a: 1.10, b: [1.10, 'x'], c: yes}\ncluster:\n  apiServer:\n    extraArgs:\n      d:\n        - e\n  etcd: {extraArgs: {f: []}}\n";
    let loaded = load(text);

    assert_eq!(loaded.source(), text);
    let newer: Vec<String> = loaded.newer().iter().map(ToString::to_string).collect();
    let rest = "lists came here with v1.13, which is newer than this release: it has no effect";
    assert_eq!(
        newer,
        [
            format!("machine.kubelet.extraArgs.b: {rest}, line 4 column 26"),
            format!("cluster.apiServer.extraArgs.d: {rest}, line 8 column 7"),
            format!("cluster.etcd.extraArgs.f: {rest}, line 10 column 22"),
        ]
    );
    let document = loaded.document().unwrap();
    let kubelet = document.machine.as_ref().unwrap().kubelet.as_ref().unwrap();
    let arguments: Vec<(&str, &str)> = kubelet
        .extra_args
        .0
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(arguments, [("a", "1.10"), ("c", "yes")]);
    let warnings = loaded.validate(Circumstances::default()).warnings;
    assert!(loaded.newer().iter().all(|p| warnings.contains(p)));
}

#[test]
fn lists_of_arguments_that_came_through_a_merge_key_were_wrong_types() {
    let text = "version: v1alpha1\nmachine:\n  kubelet:\n    extraArgs: &all {a: 1.10, b: [x], c: [y], d: yes}\ncluster:\n  apiServer:\n    extraArgs:\n      <<: *all\n      c: own\n      d: [z]\n";
    let loaded = load(text);

    let newer: Vec<String> = loaded.newer().iter().map(ToString::to_string).collect();
    let paths: Vec<&str> = newer.iter().filter_map(|n| n.split(": ").next()).collect();
    assert_eq!(
        paths,
        [
            "machine.kubelet.extraArgs.b",
            "machine.kubelet.extraArgs.c",
            "cluster.apiServer.extraArgs.b",
            "cluster.apiServer.extraArgs.d",
        ]
    );
    let cluster = loaded.document().unwrap().cluster.as_ref().unwrap();
    let arguments = &cluster.api_server.as_ref().unwrap().extra_args.0;
    let arguments: Vec<(&str, &str)> = arguments
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(arguments, [("a", "1.10"), ("c", "own")]);
}

#[test]
fn lists_that_no_release_knows_stay_wrong_types() {
    for (text, problem) in [
        (
            "machine:\n  kubelet:\n    extraArgs: {a: [b], c: [{d: e}]}\n",
            "machine.kubelet.extraArgs.c[0]: wrong type, expected text",
        ),
        (
            "machine:\n  kubelet:\n    extraArgs: {a: [b]}\n  sysctls: {c: [d]}\n",
            "machine.sysctls.c: wrong type, expected text",
        ),
        (
            "machine:\n  kubelet:\n    extraArgs: {a: {b: c}}\n",
            "machine.kubelet.extraArgs.a: wrong type, expected text",
        ),
    ] {
        let text = format!("version: v1alpha1\n{text}");
        let error = Configuration::load(text.as_bytes()).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{error}");
        assert!(error.to_string().starts_with(problem), "{error}");
    }
}

#[test]
fn kinds_of_newer_releases_are_kept_with_a_warning_and_may_not_be_there_twice() {
    let volume = "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning:\n  maxSize: 50GB\n";
    let text = format!("version: v1alpha1\nmachine: {{}}\n---\n{volume}");
    let loaded = load(&text);

    assert_eq!(loaded.source(), text);
    assert_eq!(
        loaded.newer()[0].to_string(),
        "kind: documents of kind VolumeConfig came with v1.8, which is newer than this release: it has no effect, line 5 column 1"
    );
    let twice = format!("{text}---\n{volume}");
    assert!(Configuration::load(twice.as_bytes()).is_err());
    let other = format!("{text}---\n{}", volume.replace("EPHEMERAL", "STATE"));
    assert_eq!(load(&other).newer().len(), 2);
}

#[test]
fn an_extension_service_gets_files_and_variables() {
    let text = "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: nut-client\nconfigFiles:\n  - content: MONITOR a\n    mountPath: /usr/local/etc/nut/upsmon.conf\nenvironment:\n  - UPS_NAME=ups\n";
    let loaded = load(text);

    let [Extra::ExtensionServiceConfig(service)] = loaded.extras() else {
        panic!("{:?}", loaded.extras());
    };
    assert_eq!(service.config_files[0].content, "MONITOR a");
    assert_eq!(service.environment, ["UPS_NAME=ups"]);
    assert_eq!(loaded.validate(Circumstances::default()).errors, []);
    for (bad, path) in [
        (text.replace("/usr", "usr"), "configFiles: "),
        (text.replace("UPS_NAME=", "="), "environment: "),
        (text.replace("nut-client", "''"), "name: "),
        (
            text.split("configFiles").next().unwrap().to_owned(),
            "either configFiles or environment",
        ),
    ] {
        let report = load(&bad).validate(Circumstances::default());
        assert!(report.to_string().starts_with(path), "{report}");
    }
}

#[test]
fn authorities_to_accept_besides_are_read_and_checked() {
    let text = "version: v1alpha1\nmachine:\n  acceptedCAs:\n    - crt: aGVsbG8=\ncluster: {}\n";
    let errors = load(text).validate(Circumstances::default()).to_string();

    assert!(
        errors.contains("machine.acceptedCAs[0].crt: not PEM, line 4 column 7"),
        "{errors}"
    );
}
