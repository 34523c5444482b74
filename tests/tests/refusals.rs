// SPDX-License-Identifier: MPL-2.0
//! What a node refuses: bad configurations, and clients that may not come in.

use std::fs;
use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Result, ensure};
use ichor_tests::forge::{self, client, talosconfig};
use ichor_tests::{Arch, Node, Setup, on_each_architecture};
use pki::Authority;

on_each_architecture! {
    bad_configurations_are_refused_with_path_and_line_and_change_nothing
    clients_that_may_not_come_in_are_refused_with_the_right_code
}

const HOUR: Duration = Duration::from_secs(3600);
const TWO_DAYS: Duration = Duration::from_secs(48 * 3600);

/// A configuration that is wrong in one way, and what the refusal must say.
fn bad_configurations(good: &str) -> Vec<(&'static str, String, &'static [&'static str])> {
    let line_of = |text: &str| {
        good.lines()
            .position(|line| line.trim_start().starts_with(text))
    };
    let without_ca = {
        let mut lines: Vec<&str> = good.lines().collect();
        // The CA is a map with two entries.
        if let Some(at) = line_of("ca:") {
            lines.drain(at..at.saturating_add(3));
        }
        lines.join("\n")
    };
    vec![
        (
            "not-yaml.yaml",
            "version: [v1alpha1\nmachine: }".to_owned(),
            &["line"],
        ),
        (
            "unknown-key.yaml",
            good.replacen("machine:\n", "machine:\n    hostnam: x\n", 1),
            &["machine.hostnam", "line"],
        ),
        (
            "wrong-type.yaml",
            good.replacen("machine:\n", "machine:\n    certSANs: 7\n", 1),
            &["machine.certSANs", "line"],
        ),
        ("missing-ca.yaml", without_ca, &["machine.ca"]),
        ("binary.yaml", "\u{0}\u{1}".to_owned(), &[]),
        ("empty.yaml", String::new(), &[]),
    ]
}

fn bad_configurations_are_refused_with_path_and_line_and_change_nothing(arch: Arch) -> Result<()> {
    let mut node = Node::boot(&Setup::new(arch))?;
    node.maintenance()?;
    node.generate()?;
    let good = fs::read_to_string(node.file("controlplane.yaml"))?;
    // `certSANs` is there already in the generated file; the wrong type must be the only fault.
    let bare: String = {
        let mut skip = false;
        let mut kept = Vec::new();
        for line in good.lines() {
            let key = line.trim_start();
            if key.starts_with("certSANs:") && line.starts_with("    c") {
                skip = true;
                continue;
            }
            if skip && (key.starts_with("- ") || key.starts_with('#')) {
                continue;
            }
            skip = false;
            kept.push(line);
        }
        kept.join("\n")
    };

    for (name, text, expected) in bad_configurations(&bare) {
        fs::write(node.file(name), text)?;
        let output = node.apply(name)?;
        ensure!(output.code != 0, "{name} was taken: {}", output.stdout);
        for word in expected {
            ensure!(
                output.stderr.contains(word),
                "{name}: no {word:?} in: {}",
                output.stderr
            );
        }
    }

    // Still in maintenance: an authenticated client has nothing to talk to, and a good one is taken.
    ensure!(
        node.ctl(&["version"])?.code != 0,
        "the node left maintenance mode"
    );
    node.apply("controlplane.yaml")?.ok()?;
    node.wait_until_running()
}

fn clients_that_may_not_come_in_are_refused_with_the_right_code(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch))?;
    let ca = forge::machine_ca(&node.file("controlplane.yaml"))?;
    let other = Authority::machine(forge::now())?;
    let now = forge::now();

    let reader = client(&ca, &["os:reader"], now, HOUR)?;
    talosconfig(&node.file("reader"), &ca, Some(&reader))?;
    node.ctl_as("reader", &["memory"])?.ok()?;
    let refused = node
        .ctl_as("reader", &["reboot", "--wait=false"])?
        .refused()?;
    ensure!(
        refused.contains("PermissionDenied") && refused.contains("not authorized"),
        "{refused}"
    );

    let nobody = client(&ca, &[], now, HOUR)?;
    talosconfig(&node.file("nobody"), &ca, Some(&nobody))?;
    let refused = node.ctl_as("nobody", &["memory"])?.refused()?;
    ensure!(refused.contains("PermissionDenied"), "{refused}");

    let unknown = client(&ca, &["os:nosuch"], now, HOUR)?;
    talosconfig(&node.file("unknown"), &ca, Some(&unknown))?;
    let refused = node.ctl_as("unknown", &["memory"])?.refused()?;
    ensure!(refused.contains("PermissionDenied"), "{refused}");

    let stranger = client(&other, &["os:admin"], now, HOUR)?;
    talosconfig(&node.file("stranger"), &ca, Some(&stranger))?;
    let refused = node.ctl_as("stranger", &["memory"])?.refused()?;
    // Refused by a TLS alert, before there is a call that could have a code.
    ensure!(refused.contains("not from its CA"), "{refused}");

    let expired = client(&ca, &["os:admin"], now.before(TWO_DAYS), HOUR)?;
    talosconfig(&node.file("expired"), &ca, Some(&expired))?;
    let refused = node.ctl_as("expired", &["memory"])?.refused()?;
    ensure!(refused.contains("expired"), "{refused}");

    talosconfig(&node.file("bare"), &ca, None)?;
    ensure!(
        node.ctl_as("bare", &["memory"])?.code != 0,
        "no certificate was needed"
    );

    // A client that trusts another CA refuses the node.
    let admin = client(&ca, &["os:admin"], now, HOUR)?;
    talosconfig(&node.file("distrustful"), &other, Some(&admin))?;
    ensure!(
        node.ctl_as("distrustful", &["memory"])?.code != 0,
        "the client trusted anybody"
    );

    plaintext_is_closed(&node)?;
    node.ctl(&["version"])?.ok().map(|_| ())
}

fn plaintext_is_closed(node: &Node) -> Result<()> {
    let mut stream = node.connect()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")?;
    let mut answer = Vec::new();
    // A reset is as good as an end.
    let _ = stream.read_to_end(&mut answer);
    // At most a TLS alert may come back: 7 bytes that begin with 21.
    ensure!(answer.len() <= 7, "plaintext was answered with {answer:?}");
    ensure!(
        answer.first().is_none_or(|first| *first == 21),
        "{answer:?}"
    );
    Ok(())
}
