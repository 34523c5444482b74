// SPDX-License-Identifier: MPL-2.0
//! The two formats: how they are told apart, their order, and what says nothing.
//!
//! Owns: which patch is of which format.
//! Never: merges or changes more than it takes to tell.

use crate::{RULE, main_of, patch, patched};
use config::patch::Format;

#[test]
fn patch_01_the_format_is_found_out_by_the_shape() {
    for (text, format) in [
        ("machine: {network: {hostname: a}}", Format::Strategic),
        (
            "{\"machine\": {\"network\": {\"hostname\": \"a\"}}}",
            Format::Strategic,
        ),
        (
            "kind: EventSinkConfig\napiVersion: v1alpha1\nendpoint: a:1",
            Format::Strategic,
        ),
        ("- op: add\n  path: /debug\n  value: true\n", Format::Json),
        (
            "[{\"op\": \"add\", \"path\": \"/debug\", \"value\": true}]",
            Format::Json,
        ),
        ("# why\n---\n- {op: remove, path: /debug}\n", Format::Json),
    ] {
        assert_eq!(patch(text).format(), format, "{text}");
    }
}

#[test]
fn patch_01_both_formats_are_applied_in_the_order_they_come() {
    let base = main_of("machine:\n  network:\n    hostname: a\n");
    let merge = "machine: {network: {hostname: b}}";
    let json = "[{op: replace, path: /machine/network/hostname, value: c}]";

    assert!(patched(&base, &[merge, json]).ends_with("hostname: c\n"));
    assert!(patched(&base, &[json, merge]).ends_with("hostname: b\n"));
}

#[test]
fn a_patch_with_nothing_in_it_changes_nothing() {
    let two = format!(
        "{}---\n{RULE}",
        main_of("machine:\n  type: worker # ours\n")
    );
    for empty in [
        "[]",
        "{}",
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "null",
        "{}\n---\n# no\n---\n{}\n",
    ] {
        assert_eq!(patched(&two, &[empty]), two, "{empty:?}");
        assert_eq!(
            patched(&two, &[empty, "machine: {type: init}", empty]),
            two.replace("worker", "init"),
            "{empty:?}"
        );
    }
    assert_eq!(
        patched(&two, &["{}\n---\nmachine: {type: init}\n---\n# no\n"]),
        two.replace("worker", "init")
    );
}
