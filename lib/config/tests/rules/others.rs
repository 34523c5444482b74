// SPDX-License-Identifier: MPL-2.0
//! The other documents, and documents that are good.
//!
//! Owns: their rules, and what is listed as without effect.
//! Never: tests the main document alone.

use crate::{report, text};
use config::{Circumstances, Configuration, Report};

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
        "{}---\napiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: accept\n",
        text("worker", machine, "extraManifests: []")
    );
    let loaded = Configuration::load(text.as_bytes()).unwrap();

    assert_eq!(
        loaded.unsupported(),
        [
            "machine.install",
            "machine.files",
            "NetworkDefaultActionConfig"
        ]
    );
}
