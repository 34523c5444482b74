// SPDX-License-Identifier: MPL-2.0
//! JSON patches (RFC 6902).
//!
//! Owns: what each operation does, and which are refused.
//! Never: merges.

use crate::{expect, main_of, patched, refused};

#[test]
fn patch_08_every_operation_does_what_the_standard_says() {
    let base =
        "machine:\n  type: worker\n  certSANs:\n    - a\n    - b\n  network:\n    hostname: x\n";
    for (operations, result) in [
        (
            "[{op: add, path: /machine/network/disableSearchDomain, value: true}]",
            format!("{base}    disableSearchDomain: true\n"),
        ),
        (
            "[{op: add, path: /machine/certSANs/-, value: c}]",
            base.replace("- b\n", "- b\n    - c\n"),
        ),
        (
            "[{op: add, path: /machine/certSANs/0, value: c}]",
            base.replace("- a\n", "- c\n    - a\n"),
        ),
        (
            "[{op: remove, path: /machine/certSANs/0}]",
            base.replace("    - a\n", ""),
        ),
        (
            "[{op: remove, path: /machine/network}]",
            base.replace("  network:\n    hostname: x\n", ""),
        ),
        (
            "[{op: replace, path: /machine/network/hostname, value: 'y'}]",
            base.replace("hostname: x", "hostname: \"y\""),
        ),
        (
            "[{op: move, from: /machine/certSANs/1, path: /machine/certSANs/0}]",
            base.replace("- a\n    - b", "- b\n    - a"),
        ),
        (
            "[{op: copy, from: /machine/network/hostname, path: /machine/certSANs/-}]",
            base.replace("- b\n", "- b\n    - x\n"),
        ),
        (
            "[{op: test, path: /machine/type, value: worker}, {op: add, path: /debug, value: false}]",
            format!("{base}debug: false\n"),
        ),
        (
            "[{op: add, path: /machine/sysctls, value: {net.core.somaxconn: 65535}}]",
            format!("{base}  sysctls:\n    net.core.somaxconn: \"65535\"\n"),
        ),
    ] {
        expect(base, operations, &result);
    }
}

#[test]
fn patch_08_escaped_paths_reach_keys_with_slashes() {
    expect(
        "machine:\n  nodeLabels:\n    example.org/a~b: c\n",
        "[{op: replace, path: /machine/nodeLabels/example.org~1a~0b, value: d}]",
        "machine:\n  nodeLabels:\n    example.org/a~b: d\n",
    );
}

#[test]
fn patch_08_flags_and_numbers_are_tested_as_what_they_mean() {
    let base = "machine:\n  features:\n    rbac: yes\n  files:\n    - permissions: 0o644\n      path: /a\n";
    let test = "[{op: test, path: /machine/features/rbac, value: true}, {op: test, path: /machine/files/0/permissions, value: 420}]";

    expect(base, test, base);
}

#[test]
fn json_escapes_of_a_character_in_two_halves_were_refused() {
    let base = main_of("machine:\n  type: worker\n");
    let text = r#"[{"op": "add", "path": "/machine/env", "value": {"A": "\ud83d\ude00", "\uD83D\uDE00": "\\ud83d"}}]"#;
    let merge = r#"{"machine": {"env": {"A": "\ud83d\ude00"}}}"#;

    for (patch, expected) in [
        (text, [("A", "😀"), ("😀", "\\ud83d")].as_slice()),
        (merge, &[("A", "😀")]),
    ] {
        let text = patched(&base, &[patch]);
        let loaded = config::Configuration::load(text.as_bytes()).unwrap();
        let env = &loaded.document().unwrap().machine.as_ref().unwrap().env;
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(env, expected, "{text}");
    }
    let json =
        r#"{"version": "v1alpha1", "machine": {"env": {"A": "\ud83d\ude00"}, "type": "worker"}}"#;
    assert_eq!(patched(json, &["machine: {}"]), json);
    let text = patched(json, &["machine: {type: init}"]);
    assert!(text.ends_with("A: 😀"), "{text}");
    for half in [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83dx\ude00"] {
        let patch = format!(r#"[{{"op": "add", "path": "/machine/token", "value": "{half}"}}]"#);
        assert_eq!(
            refused(&base, &patch),
            "patch p.yaml: an escape stands for no character (\\ud800 to \\udfff are halves, which only JSON puts together in pairs): write the character itself, line 1 column 54"
        );
    }
}

#[test]
fn patch_08_operations_that_cannot_be_done_are_refused_with_their_line() {
    let base = main_of("machine:\n  type: worker\n  certSANs: [a]\n");
    for (operation, message) in [
        (
            "op: replace, path: /machine/network/hostname, value: a",
            "cannot replace \"/machine/network/hostname\": there is no such path",
        ),
        (
            "op: add, path: /machine/network/hostname, value: a",
            "cannot add \"/machine/network/hostname\": there is no such path",
        ),
        (
            "op: remove, path: /machine/certSANs/1",
            "cannot remove \"/machine/certSANs/1\": there is no such path",
        ),
        (
            "op: test, path: /machine/type, value: controlplane",
            "cannot test \"/machine/type\": the value is another",
        ),
        (
            "op: copy, from: /a, path: /machine/b",
            "cannot copy \"/machine/b\": there is nothing at from",
        ),
        (
            "op: move, from: /machine, path: /machine/b",
            "cannot move \"/machine/b\": cannot move into itself",
        ),
    ] {
        let text = format!(
            "# one\n- op: test\n  path: /machine/type\n  value: worker\n- {{{operation}}}\n"
        );
        assert_eq!(
            refused(&base, &text),
            format!("patch p.yaml: [1]: {message}, line 5 column 3")
        );
    }
}

#[test]
fn malformed_operations_are_refused_all_at_once_with_their_lines() {
    let text = "- op: append\n  path: /a\n- op: add\n  path: machine\n  value: 1\n- op: add\n  path: /a\n- path: /a\n- op: move\n  path: /a\n- just text\n- op: test\n  path: /a~2\n  value: 1\n";

    assert_eq!(
        refused(&main_of("machine: {}\n"), text)
            .lines()
            .collect::<Vec<_>>(),
        [
            "patch p.yaml: [0].op: bad value, expected add, remove, replace, move, copy or test, line 1 column 3",
            "patch p.yaml: [1].path: bad value, expected a JSON pointer such as /machine/network, line 4 column 3",
            "patch p.yaml: [2].value: missing, line 6 column 3",
            "patch p.yaml: [3].op: missing, line 8 column 3",
            "patch p.yaml: [4].from: missing, line 9 column 3",
            "patch p.yaml: [5]: wrong type, expected an operation, a mapping with op and path, line 11 column 3",
            "patch p.yaml: [6].path: bad value, expected a JSON pointer such as /machine/network, line 13 column 3",
        ]
    );
}

#[test]
fn a_result_that_does_not_load_is_blamed_on_its_operation() {
    let base = main_of("machine:\n  type: worker\n");
    let text = "- op: add\n  path: /machine/env\n  value: {}\n- op: add\n  path: /machine/hostnam\n  value: a\n- op: add\n  path: /machine/certSANs\n  value: []\n";

    assert_eq!(
        refused(&base, text),
        "patch p.yaml: machine.hostnam: unknown key, line 4 column 3"
    );
    assert_eq!(
        refused(&base, "- {op: replace, path: /machine/type, value: [a]}"),
        "patch p.yaml: machine.type: wrong type, expected text, line 1 column 3"
    );
    assert_eq!(
        refused(&base, "- {op: remove, path: /version}"),
        "patch p.yaml: version: missing, line 1 column 3"
    );
    assert_eq!(
        refused(&base, "- {op: replace, path: '', value: x}"),
        "patch p.yaml: wrong type, expected a mapping, line 1 column 3"
    );
}

#[test]
fn cfg_11_items_are_reached_by_index_and_the_end_by_a_dash() {
    let base = "machine:\n  files:\n    - path: /a # one\n      permissions: 0600\n    - path: /b # two\n      permissions: 0600\n";
    expect(
        base,
        "- {op: replace, path: /machine/files/1/permissions, value: 420}\n- {op: add, path: /machine/files/-, value: {path: /c}}\n- {op: remove, path: /machine/files/0}\n",
        "machine:\n  files:\n    - path: /b # two\n      permissions: 420\n    - path: /c\n",
    );
}
