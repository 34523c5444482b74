// SPDX-License-Identifier: MPL-2.0
//! Rules about the cluster.
//!
//! Owns: one row per rule, in the order of the table.
//! Never: tests what the loader refuses.

use crate::{authority, errors, report, text};

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
