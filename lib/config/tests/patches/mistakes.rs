// SPDX-License-Identifier: MPL-2.0
//! Patches and configurations that are wrong before anything is patched.
//!
//! Owns: their names, paths and lines.
//! Never: tests an operation that fails.

use crate::{main_of, patch, refused};
use config::Configuration;
use config::patch::{Patch, apply};

#[test]
fn patches_with_mistakes_are_refused_with_name_path_and_line() {
    let base = main_of("machine:\n  type: worker\n  kubelet: {extraConfig: {a: [1]}}\n");
    for (patch, message) in [
        (
            "machine:\n  network:\n    hostnam: a\n",
            "machine.network.hostnam: unknown key, line 3 column 5",
        ),
        (
            "machine:\n  certSANs: a\n",
            "machine.certSANs: wrong type, expected a list, line 2 column 3",
        ),
        (
            "machine:\n  ca:\n    crt: '%'\n",
            "machine.ca.crt: not base64, line 3 column 5",
        ),
        (
            "machine:\n  type: a\n  type: b\n",
            "machine.type: the key is there twice, line 3 column 3",
        ),
        (
            "version: v2\nmachine: {}\n",
            "version: unknown version \"v2\", expected v1alpha1, line 1 column 1",
        ),
        (
            "kind: Pod\napiVersion: v1\n",
            "kind: unknown kind of document \"Pod\", line 1 column 1",
        ),
        (
            "machine:\n  kubelet:\n    extraConfig:\n      a: {b: c}\n",
            "machine.kubelet.extraConfig.a: wrong type, expected a list, as there is in the configuration, line 4 column 7",
        ),
        (
            "machine: {}\n---\nmachine:\n  type: a\n",
            "there is a second document of this kind and name, line 3 column 1",
        ),
        ("a: b\n", "kind: missing, line 1 column 1"),
        (
            "text",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
        (
            "op: add\npath: /a\nvalue: b\n",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
        (
            "[]\n---\n[]\n",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
        (
            "[{op: remove, path: /debug}]\n---\n[]\n",
            "neither a part of a configuration nor a list of JSON patch operations, line 1 column 1",
        ),
    ] {
        assert_eq!(refused(&base, patch), format!("patch p.yaml: {message}"));
    }
    for patch in ["machine: [\n", "machine:\n\ttype: a\n"] {
        let message = refused(&base, patch);
        assert!(message.starts_with("patch p.yaml: not YAML: "), "{message}");
        assert!(message.contains(", line "), "{message}");
    }
}

#[test]
fn a_configuration_that_does_not_load_is_not_patched() {
    let error = apply("version: v1alpha1\nmachin: {}\n", &[patch("machine: {}")]).unwrap_err();

    assert_eq!(error.patch, None);
    assert_eq!(
        error.to_string(),
        "configuration: machin: unknown key, line 2 column 1"
    );
}

/// Columns are those of the text as it was written, not of the text with characters for their escapes.
#[test]
fn what_stands_behind_a_pair_of_escapes_was_reported_eleven_columns_too_far_left() {
    let (pair, as_long) = (r"\ud83d\ude00", "twelve chars");
    for text in [
        r#"[{"op": "add", "path": "/debug", "value": "PAIR"}, {"op": "nope", "path": "/a"}]"#,
        r#"{"machine": {"token": "PAIR\\PAIR", "tokn": 1}}"#,
        r#"{"machine": {"token": "PAIR", "certSANs": 7}}"#,
        r#"{"machine": {"env": {"PAIR": "a"}, "tokn": 1}}"#,
    ] {
        let position = |with: &str| {
            let text = text.replace("PAIR", with);
            let error = Patch::parse("p", text.as_bytes()).unwrap_err();
            let loaded = Configuration::load(text.as_bytes()).unwrap_err();
            (error.problems[0].position, loaded.problems[0].position)
        };

        assert_eq!(position(pair), position(as_long), "{text}");
        assert!(position(pair).0.is_some(), "{text}");
    }
}
