// SPDX-License-Identifier: MPL-2.0
//! Files of several documents.
//!
//! Owns: which document a part of a patch belongs to.
//! Never: tests the rules within one.

use crate::{RULE, main_of, patched, refused};

#[test]
fn patch_07_documents_are_matched_by_kind_and_name_and_others_appended() {
    let base = format!("{}---\n{RULE}", main_of("machine: {}\n"));
    let text = patched(
        &base,
        &[
            "machine: {type: worker}\n---\napiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: http\nportSelector: {ports: [80, 8000-8080], protocol: tcp}\ningress: []\n---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 10.0.0.1:1\n---\napiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh\nportSelector: {protocol: udp}\n",
        ],
    );

    assert_eq!(
        text,
        format!(
            "version: v1alpha1\nmachine:\n    type: worker\n---\n{}---\napiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: http\nportSelector:\n  ports:\n    - 80\n    - 8000-8080\n  protocol: tcp\n---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 10.0.0.1:1\n",
            RULE.replace("tcp", "udp")
        )
        .replace("    type", "  type")
    );
}

#[test]
fn patch_07_ports_and_sources_of_a_rule_are_replaced() {
    let text = patched(
        RULE,
        &[
            "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh\nportSelector: {ports: [22]}\ningress: [{subnet: 10.1.0.0/16, except: 10.1.1.0/24}]\n",
        ],
    );

    assert_eq!(
        text,
        "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ssh # far\nportSelector:\n  ports:\n    - 22\n  protocol: tcp\ningress:\n  - subnet: 10.1.0.0/16\n    except: 10.1.1.0/24\n"
    );
}

#[test]
fn patch_07_documents_of_newer_releases_are_merged_as_they_are() {
    let volume = "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning:\n  maxSize: 50GB\n";
    let base = format!("{}---\n{volume}", main_of("machine: {}\n"));
    let text = patched(
        &base,
        &[
            "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {grow: false}\n",
        ],
    );

    assert_eq!(text, format!("{base}  grow: false\n"));
}

#[test]
fn patch_08_json_patches_are_refused_for_several_documents() {
    let base = format!("{}---\n{RULE}", main_of("machine: {}\n"));

    assert_eq!(
        refused(&base, "[{op: remove, path: /machine}]"),
        "patch p.yaml: JSON patches are not supported for a machine configuration of several documents"
    );
}

#[test]
fn cfg_10_documents_without_a_name_are_one_each() {
    let base = format!(
        "{}---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: a:1\n",
        main_of("machine: {}\n")
    );
    let text = patched(
        &base,
        &[
            "apiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: b:2\n---\napiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n",
        ],
    );

    assert_eq!(
        text,
        format!(
            "{}---\napiVersion: v1alpha1\nkind: NetworkDefaultActionConfig\ningress: block\n",
            base.replace("a:1", "b:2")
        )
    );
    let error = refused(&text, "[{op: remove, path: /machine}]");
    assert!(error.contains("JSON patches are not supported"), "{error}");
}
