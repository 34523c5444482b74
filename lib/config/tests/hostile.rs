// SPDX-License-Identifier: MPL-2.0
//! Patches that are made to hurt: refused soon, with bounded memory, and nothing lost.
//!
//! Owns: the promises about bad patches.
//! Never: uses a patch that is good.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::Fault;
use config::patch::{Patch, PatchError, apply};
use std::time::{Duration, Instant};

const BASE: &str = "version: v1alpha1\nmachine:\n  type: worker\n  certSANs: [a]\n  kubelet:\n    extraConfig: {a: {b: c}}\n";

/// Refuses within a second; without optimisation and beside other tests that takes much longer.
fn refused(text: &[u8]) -> PatchError {
    let start = Instant::now();
    let error = match Patch::parse("evil", text) {
        Err(error) => error,
        Ok(patch) => apply(BASE, &[patch]).unwrap_err(),
    };
    let limit = if cfg!(debug_assertions) { 30 } else { 1 };
    let spent = start.elapsed();
    assert!(spent < Duration::from_secs(limit), "{spent:?}: {error}");
    assert_eq!(error.patch.as_deref(), Some("evil"));
    error
}

fn fault(text: &[u8]) -> Fault {
    refused(text).problems.first().unwrap().fault.clone()
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(fault(b"machine: {type: \xff}"), Fault::NotUtf8);
    assert_eq!(fault(b"\xef\xbb\xbfmachine: {}"), Fault::ByteOrderMark);
    assert_eq!(fault(b"machine: \0"), Fault::ControlCharacter('\0'));
    assert_eq!(fault(&vec![b'['; 50 * 1024 * 1024]), Fault::TooLarge);
}

#[test]
fn nesting_of_ten_thousand_is_refused_in_both_formats() {
    let merge = format!(
        "machine: {{kubelet: {{extraConfig: {}",
        "{a: ".repeat(10_000)
    );
    let json = format!(
        "[{{\"op\": \"add\", \"path\": \"/machine/x\", \"value\": {}{}}}]",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for text in [merge, json] {
        assert_eq!(fault(text.as_bytes()), Fault::TooDeep);
    }
    let path = format!("- {{op: add, path: {}, value: 1}}", "/a".repeat(10_000));
    assert!(matches!(fault(path.as_bytes()), Fault::BadValue(_)));
}

#[test]
fn a_second_document_is_no_way_around_the_limits() {
    for unit in ["[", "{a: ", "[\"]\","] {
        let text = format!(
            "machine: {{token: {{$patch: delete}}}}\n---\n{}",
            unit.repeat(40_000)
        );
        assert_eq!(fault(text.as_bytes()), Fault::TooDeep, "{unit:?}");
    }
    // A list as a key is wrong before it is deep.
    for unit in ["? [", "? - ", "[? "] {
        let text = format!(
            "machine: {{token: {{$patch: delete}}}}\n---\n{}",
            unit.repeat(40_000)
        );
        let text_as_key = Fault::WrongType { expected: "text" };
        assert!(
            [Fault::TooDeep, text_as_key].contains(&fault(text.as_bytes())),
            "{unit:?}"
        );
    }
}

#[test]
fn a_pair_of_escapes_is_no_way_around_the_limit_of_depth() {
    for depth in [100, 10_000, 90_000] {
        let text = format!(
            r#"[{{"op": "add", "path": "/a", "value": ["\ud83d\ude00", {}1{}]}}]"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        if depth == 100 {
            assert!(Patch::parse("deep", text.as_bytes()).is_ok());
        } else {
            assert_eq!(fault(text.as_bytes()), Fault::TooDeep);
        }
    }
}

#[test]
fn aliases_that_explode_are_refused_in_both_formats() {
    let mut text = "- &a0 {op: [x, x, x, x, x, x, x, x, x]}\n".to_owned();
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        text.push_str(&format!("- &a{n} {{op: [{refs}]}}\n"));
    }
    assert_eq!(fault(text.as_bytes()), Fault::AliasGrowth);
    let indented = text.replace("- &", "  - &");
    let merge = format!("machine:\n  pods:\n{indented}");
    assert_eq!(fault(merge.as_bytes()), Fault::AliasGrowth);
}

#[test]
fn copies_of_everything_into_itself_are_refused_before_they_fill_the_memory() {
    let doubling: String = (0..60)
        .map(|n| {
            format!("- {{op: copy, from: /machine, path: /machine/kubelet/extraConfig/k{n}}}\n")
        })
        .collect();
    let fault = fault(doubling.as_bytes());

    assert!(matches!(fault, Fault::TooLarge | Fault::TooDeep), "{fault}");
}

#[test]
fn wide_copies_are_refused_before_they_fill_the_memory() {
    let mut text = format!(
        "- {{op: add, path: /machine/kubelet/extraConfig/a, value: {}}}\n",
        "x".repeat(100_000)
    );
    for n in 0..5_000 {
        text.push_str(&format!(
            "- {{op: copy, from: /machine/kubelet/extraConfig/a, path: /machine/kubelet/extraConfig/b{n}}}\n"
        ));
    }

    assert_eq!(fault(text.as_bytes()), Fault::TooLarge);
}

#[test]
fn moves_that_build_a_tower_are_refused() {
    let mut text = String::new();
    for _ in 0..2_000 {
        text.push_str("- {op: move, from: /machine/kubelet/extraConfig/a, path: /machine/kubelet/x}\n- {op: add, path: /machine/kubelet/extraConfig/a, value: {}}\n- {op: move, from: /machine/kubelet/x, path: /machine/kubelet/extraConfig/a/x}\n");
    }

    assert_eq!(fault(text.as_bytes()), Fault::TooDeep);
}

#[test]
fn a_patch_that_grows_the_configuration_beyond_its_limit_is_refused() {
    let text = format!(
        "machine: {{files: [{{content: '{}'}}]}}",
        "x".repeat(1_000_000)
    );
    let patch = Patch::parse("large", text.as_bytes()).unwrap();
    let error = apply(BASE, &[patch.clone(), patch]).unwrap_err();

    assert_eq!(error.problems[0].fault, Fault::TooLarge);
    assert_eq!(error.patch.as_deref(), Some("large"));
}

#[test]
fn many_operations_and_many_matches_stay_within_a_second() {
    let start = Instant::now();
    let interfaces: String = (0..2_000)
        .map(|n| format!("      - interface: eth{n}\n        dhcp: true\n"))
        .collect();
    let text = format!("machine:\n  network:\n    interfaces:\n{interfaces}");
    let patch = Patch::parse("p", text.as_bytes()).unwrap();
    let twice = apply(BASE, &[patch.clone(), patch.clone()]).unwrap();
    assert_eq!(twice, apply(BASE, &[patch]).unwrap());
    let operations: String = (0..10_000)
        .map(|n| format!("- {{op: add, path: /machine/certSANs/0, value: n{n}}}\n"))
        .collect();
    let patch = Patch::parse("p", operations.as_bytes()).unwrap();
    assert!(apply(BASE, &[patch]).unwrap().contains("- n9999\n"));

    let limit = if cfg!(debug_assertions) { 60 } else { 2 };
    let spent = start.elapsed();
    assert!(spent < Duration::from_secs(limit), "{spent:?}");
}

#[test]
fn no_message_repeats_a_value() {
    for text in [
        "machine: {token: [very secret]}",
        "machine: {ca: {key: '%very secret%'}}",
        "- {op: very secret, path: /a}",
        "- {op: test, path: /machine/type, value: very secret}",
        "- {op: add, path: /machine/ca, value: very secret}",
        "- {op: add, path: very secret, value: 1}",
        "very secret",
    ] {
        let error = refused(text.as_bytes()).to_string();
        assert!(!error.contains("very secret"), "{error}");
    }
    let patch = Patch::parse("p", b"machine: {token: very secret}").unwrap();
    assert!(!format!("{patch:?}").contains("very secret"));
}
