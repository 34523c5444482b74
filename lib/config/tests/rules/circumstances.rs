// SPDX-License-Identifier: MPL-2.0
//! Rules that count in some circumstances only.
//!
//! Owns: the install section, and warnings.
//! Never: repeats a rule that always counts.

use crate::{report, text};
use config::{Circumstances, Configuration, Mode, Strictness};

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
fn an_endpoint_without_tls_is_valid_and_known_as_such() {
    for (endpoint, is_secure) in [
        ("http://10.0.0.1:6443", false),
        ("https://10.0.0.1:6443", true),
    ] {
        let cluster = format!("controlPlane: {{endpoint: '{endpoint}'}}");
        let text = text("worker", "", &cluster);

        assert!(report(&text).is_usable(Strictness::Strict), "{endpoint}");
        let loaded = Configuration::load(text.as_bytes()).unwrap();
        assert_eq!(loaded.document().unwrap().has_secure_endpoint(), is_secure);
    }
}
