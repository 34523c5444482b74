// SPDX-License-Identifier: MPL-2.0
//! Every rule: what breaks it, and what is said then.
//!
//! Owns: one row per rule, in the order of the tables.
//! Never: tests what the loader refuses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{Circumstances, Configuration, Mode, Report, Strictness};
use pki::{Authority, UnixTime};
use std::sync::OnceLock;

/// The machine authority as it stands in a configuration.
fn authority() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let (certificate, key) = Authority::machine(UnixTime(1_790_000_000))
            .unwrap()
            .to_pem()
            .unwrap();
        format!(
            "{{crt: {}, key: {}}}",
            STANDARD.encode(certificate),
            STANDARD.encode(key.expose())
        )
    })
}

fn text(kind: &str, machine: &str, cluster: &str) -> String {
    let mut text = format!(
        "version: v1alpha1\nmachine:\n  type: {kind}\n  ca: {}\n",
        authority()
    );
    if !machine.contains("install:") {
        text.push_str("  install: {disk: /dev/sda}\n");
    }
    text.push_str(&format!("  {machine}\ncluster:\n"));
    if !cluster.contains("controlPlane:") {
        text.push_str("  controlPlane: {endpoint: 'https://10.0.0.1:6443'}\n");
    }
    text.push_str(&format!("  {cluster}\n"));
    text
}

fn report(text: &str) -> Report {
    Configuration::load(text.as_bytes())
        .unwrap()
        .validate(Circumstances::default())
}

/// Errors without their positions.
fn errors(report: &Report) -> Vec<String> {
    let cut = |error: &config::Problem| {
        assert!(error.position.is_some(), "{error}");
        error
            .to_string()
            .split(", line ")
            .next()
            .unwrap()
            .to_owned()
    };
    report.errors.iter().map(cut).collect()
}

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
fn each_rule_about_the_cluster_is_enforced() {
    let endpoint = "cluster.controlPlane.endpoint";
    let url = "bad value, expected a URL with a host, such as https://10.0.0.1:6443";
    for (kind, cluster, path, message) in [
        ("worker", "controlPlane: {}", endpoint, "missing"),
        (
            "worker",
            "controlPlane: {endpoint: 10.0.0.1}",
            endpoint,
            url,
        ),
        (
            "worker",
            "controlPlane: {endpoint: 'https://fd00::1:6443'}",
            endpoint,
            url,
        ),
        (
            "worker",
            "controlPlane: {endpoint: 'https://a:70000'}",
            endpoint,
            url,
        ),
        (
            "worker",
            "controlPlane: {endpoint: 'https://a', localAPIServerPort: 65536}",
            "cluster.controlPlane.localAPIServerPort",
            "bad value, expected a port from 1 to 65535",
        ),
        (
            "worker",
            "network: {dnsDomain: a..b}",
            "cluster.network.dnsDomain",
            "bad value, expected a DNS name",
        ),
        (
            "worker",
            "network: {podSubnets: [10.0.0.0]}",
            "cluster.network.podSubnets[0]",
            "bad value, expected networks",
        ),
        (
            "controlplane",
            "network: {cni: {name: best}}",
            "cluster.network.cni.name",
            "bad value, expected flannel, custom or none",
        ),
        (
            "controlplane",
            "network: {cni: {name: none, urls: ['https://a']}}",
            "cluster.network.cni.urls",
            "only with name custom",
        ),
        (
            "controlplane",
            "network: {cni: {name: custom, urls: [a]}}",
            "cluster.network.cni.urls[0]",
            "bad value, expected URLs",
        ),
        (
            "controlplane",
            "network: {cni: {name: none, flannel: {extraArgs: [a]}}}",
            "cluster.network.cni.flannel.extraArgs",
            "only with name flannel",
        ),
        (
            "controlplane",
            "externalCloudProvider: {manifests: ['https://a']}",
            "cluster.externalCloudProvider.manifests",
            "only when enabled",
        ),
        (
            "controlplane",
            "externalCloudProvider: {enabled: true, manifests: [a]}",
            "cluster.externalCloudProvider.manifests[0]",
            "bad value, expected URLs",
        ),
        ("controlplane", "etcd: {}", "cluster.etcd.ca", "missing"),
        (
            "controlplane",
            "inlineManifests: [{name: ' ', contents: a}]",
            "cluster.inlineManifests[0]",
            "needs a name",
        ),
        (
            "controlplane",
            "inlineManifests: [{name: a}, {name: a}]",
            "cluster.inlineManifests[1]",
            "the name is there twice",
        ),
        (
            "controlplane",
            "apiServer: {resources: {limits: {gpu: 1}}}",
            "cluster.apiServer.resources.limits.gpu",
            "only cpu and memory",
        ),
        (
            "controlplane",
            "serviceAccount: {key: YQ==}",
            "cluster.serviceAccount.key",
            "not PEM",
        ),
        (
            "controlplane",
            "ca: {crt: YQ==}",
            "cluster.ca.crt",
            "not PEM",
        ),
    ] {
        let found = errors(&report(&text(kind, "", cluster)));
        assert_eq!(found, [format!("{path}: {message}")], "{cluster}");
    }
}

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
fn etcd_and_persist_and_missing_sections_are_refused() {
    let etcd = format!("etcd: {{ca: {}}}", authority());
    assert_eq!(
        errors(&report(&text("worker", "", &etcd))),
        ["cluster.etcd: only on control plane nodes"]
    );
    let persist = format!("persist: no\n{}", text("worker", "", ""));
    assert_eq!(errors(&report(&persist)), ["persist: must not be false"]);
    assert_eq!(
        errors(&report("version: v1alpha1\ndebug: true\n")),
        ["machine: missing", "cluster: missing"]
    );
}

#[test]
fn the_install_section_is_needed_on_metal_before_the_installation_only() {
    let text = text("worker", "install: null", "");
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    for (mode, installed, is_usable) in [
        (Mode::Metal, false, false),
        (Mode::Metal, true, true),
        (Mode::Cloud, false, true),
        (Mode::Container, false, true),
    ] {
        let report = loaded.validate(Circumstances { mode, installed });
        assert_eq!(
            report.is_usable(Strictness::Normal),
            is_usable,
            "{mode} {installed}: {report}"
        );
    }
}

#[test]
fn old_ways_are_warnings_that_count_when_strict() {
    for (kind, machine, cluster, warning) in [
        (
            "join",
            "",
            "",
            "machine.type: write worker instead, line 3 column 3",
        ),
        (
            "worker",
            "install: {disk: a, extensions: [{image: a}]}",
            "",
            "machine.install.extensions: put extensions into",
        ),
        (
            "worker",
            "network: {interfaces: [{interface: a, cidr: 10.0.0.1/8}]}",
            "",
            "machine.network.interfaces[0].cidr: write addresses instead",
        ),
        (
            "worker",
            "",
            "controlPlane: {endpoint: 'http://10.0.0.1:6443'}",
            "cluster.controlPlane.endpoint: the Kubernetes API is reached over https only",
        ),
        (
            "controlplane",
            "",
            "network: {cni: {name: custom}}",
            "cluster.network.cni: name custom without urls installs no network",
        ),
    ] {
        let report = report(&text(kind, machine, cluster));
        assert!(report.is_usable(Strictness::Normal), "{report}");
        assert!(!report.is_usable(Strictness::Strict));
        assert!(
            report.warnings[0].to_string().starts_with(warning),
            "{report}"
        );
    }
}

#[test]
fn links_that_are_left_alone_are_not_checked() {
    let ignored = "network: {interfaces: [{interface: a, ignore: true, addresses: [x], mtu: 1, bond: {mode: x}}]}";

    assert_eq!(report(&text("worker", ignored, "")), Report::default());
}

#[test]
fn the_other_documents_are_checked_too() {
    for (document, expected) in [
        (
            "kind: SideroLinkConfig\napiUrl: http://a\n",
            "apiUrl: bad value",
        ),
        (
            "kind: SideroLinkConfig\napiUrl: https://a/b\n",
            "apiUrl: bad value",
        ),
        (
            "kind: EventSinkConfig\nendpoint: a\n",
            "endpoint: bad value",
        ),
        (
            "kind: KmsgLogConfig\nname: a\nurl: http://a:1\n",
            "url: bad value",
        ),
        ("kind: KmsgLogConfig\nurl: tcp://a:1\n", "name: missing"),
        (
            "kind: NetworkDefaultActionConfig\ningress: maybe\n",
            "ingress: bad value",
        ),
        (
            "kind: NetworkRuleConfig\nname: a\nportSelector: {protocol: tcp}\n",
            "portSelector.ports: bad value",
        ),
        (
            "kind: NetworkRuleConfig\nname: a\nportSelector: {ports: [1-5, 5], protocol: tcp}\n",
            "portSelector.ports: bad value",
        ),
        (
            "kind: NetworkRuleConfig\nname: a\nportSelector: {ports: [1], protocol: sctp}\n",
            "portSelector.protocol: bad value",
        ),
        (
            "kind: NetworkRuleConfig\nname: a\nportSelector: {ports: [1], protocol: tcp}\ningress: [{subnet: x}]\n",
            "ingress: bad value",
        ),
    ] {
        let text = format!(
            "{}---\napiVersion: v1alpha1\n{document}",
            text("worker", "", "")
        );
        let report = report(&text);
        let error = report.errors.first().unwrap();
        assert!(error.to_string().starts_with(expected), "{report}");
        assert!(error.position.unwrap().line > 8, "{report}");
    }
}

#[test]
fn good_documents_of_every_kind_are_accepted_and_printed_the_same() {
    let all = [
        text("controlplane", "", ""),
        "apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: https://a.example:8443/?jointoken=x\n".to_owned(),
        "apiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 10.0.0.1:8080\n".to_owned(),
        "apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: tcp://10.0.0.1:1\n".to_owned(),
        "apiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n".to_owned(),
        "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector:\n    ports:\n        - 80\n        - 8000-8080\n    protocol: tcp\ningress:\n    - subnet: 10.0.0.0/8\n      except: 10.1.0.0/16\n".to_owned(),
    ];
    let loaded = Configuration::load(all.join("---\n").as_bytes()).unwrap();

    assert_eq!(loaded.validate(Circumstances::default()), Report::default());
    assert_eq!(loaded.extras().len(), 5);
    let printed = loaded.to_yaml();
    assert!(printed.ends_with(&all[1..].join("---\n")), "{printed}");
    let again = Configuration::load(printed.as_bytes()).unwrap();
    assert_eq!(
        (again.document(), again.extras()),
        (loaded.document(), loaded.extras())
    );
}

#[test]
fn what_has_no_effect_yet_is_listed_and_empty_sections_are_not() {
    let machine = "network: {hostname: a, interfaces: []}\n  files: [{path: /a, op: create}]\n  sysctls: {a: b}\n  registries: {}";
    let text = format!(
        "{}---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: a:1\n",
        text("worker", machine, "extraManifests: []")
    );
    let loaded = Configuration::load(text.as_bytes()).unwrap();

    assert_eq!(
        loaded.unsupported(),
        ["machine.install", "machine.files", "EventSinkConfig"]
    );
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
