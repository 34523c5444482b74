// SPDX-License-Identifier: MPL-2.0
//! Configurations on a running node: tried, confirmed, lost with machined, and whom they let in.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ichor_tests::forge::{self, client, talosconfig};
use ichor_tests::layers::Layer;
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Node, Probe, Setup, on_each_architecture, wait};
use pki::Authority;

on_each_architecture! {
    configurations_that_are_tried_go_back_by_themselves_and_confirmed_ones_stay
    clients_of_an_accepted_ca_and_those_that_the_node_issues_come_in
}

const HOUR: Duration = Duration::from_secs(3600);
const PARAMETER: &str = "/proc/sys/kernel/panic";

fn patch(value: &str) -> String {
    format!("{{\"machine\":{{\"sysctls\":{{\"kernel.panic\":\"{value}\"}}}}}}")
}

/// Applies the configuration of the node with a kernel parameter set, and returns what it answers.
fn apply(node: &Node, value: &str, how: &[&str]) -> Result<String> {
    let patch = patch(value);
    let file = ["apply-config", "-f", "controlplane.yaml", "-p", &patch];
    node.ctl(&[&file[..], how].concat())?.ok()
}

fn until(probe: &mut Probe, value: &str) -> Result<()> {
    wait::until(LIMIT, || {
        let present = probe.read(PARAMETER)?;
        ensure!(present.trim() == value, "it is {present}, not {value}");
        Ok(())
    })
}

fn configurations_that_are_tried_go_back_by_themselves_and_confirmed_ones_stay(
    arch: Arch,
) -> Result<()> {
    let mut node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut probe = node.probe()?;
    let before = probe.read(PARAMETER)?.trim().to_owned();

    let dry = apply(&node, "71", &["--dry-run"])?;
    ensure!(dry.contains("+    kernel.panic: '71'"), "{dry}");
    ensure!(
        !dry.contains("PRIVATE KEY") && probe.read(PARAMETER)?.trim() == before,
        "{dry}"
    );
    let tried = apply(&node, "72", &["-m", "try", "--timeout", "5s"])?;
    ensure!(tried.contains("not stored"), "{tried}");
    until(&mut probe, "72")?;
    until(&mut probe, &before)?;

    apply(&node, "73", &["--confirm", "5s"])?;
    until(&mut probe, "73")?;
    until(&mut probe, &before)?;

    // Whoever kills machined does not keep what nobody confirmed.
    apply(&node, "74", &["--confirm", "1h"])?;
    until(&mut probe, "74")?;
    let machined = probe.pid("machined")?;
    probe.kill(machined)?;
    until(&mut probe, &before)?;
    node.wait_until_running()?;
    let late = node.ctl(&["apply-config", "--confirm", "now"])?.refused()?;
    ensure!(late.contains("FailedPrecondition"), "{late}");

    apply(&node, "75", &["--confirm", "1h"])?;
    let confirmed = node.ctl(&["apply-config", "--confirm", "now"])?.ok()?;
    ensure!(confirmed.contains("Confirmed"), "{confirmed}");
    let machined = probe.pid("machined")?;
    probe.kill(machined)?;
    node.wait_until_running()?;
    until(&mut probe, "75")?;
    node.machine
        .wait_for("nobody confirmed the configuration in time", LIMIT)?;
    Ok(())
}

fn clients_of_an_accepted_ca_and_those_that_the_node_issues_come_in(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch))?;
    let own = forge::machine_ca(&node.file("controlplane.yaml"))?;
    let (next, stranger) = (
        Authority::machine(forge::now())?,
        Authority::machine(forge::now())?,
    );
    for (file, authority) in [("own", &own), ("next", &next), ("stranger", &stranger)] {
        let admin = client(authority, &["os:admin"], forge::now(), HOUR)?;
        talosconfig(&node.file(file), &own, Some(&admin))?;
    }
    ensure!(
        node.ctl_as("next", &["memory"])?.code != 0,
        "a strange CA's client came in"
    );

    let crt = STANDARD.encode(next.certificate().to_pem());
    fs::write(
        node.file("accept.yaml"),
        format!("machine:\n  acceptedCAs:\n    - crt: {crt}\n"),
    )?;
    let file = [
        "apply-config",
        "-f",
        "controlplane.yaml",
        "-p",
        "@accept.yaml",
    ];
    node.ctl(&file)?.ok()?;

    wait::until(LIMIT, || node.ctl_as("next", &["memory"])?.ok().map(|_| ()))?;
    node.ctl_as("own", &["memory"])?.ok()?;
    ensure!(
        node.ctl_as("stranger", &["memory"])?.code != 0,
        "a strange CA's client came in"
    );

    node.ctl(&[
        "config",
        "new",
        "reader",
        "--roles",
        "os:reader",
        "--crt-ttl",
        "1h",
    ])?
    .ok()?;
    node.ctl_as("reader", &["memory"])?.ok()?;
    let refused = node
        .ctl_as("reader", &["reboot", "--wait=false"])?
        .refused()?;
    ensure!(refused.contains("PermissionDenied"), "{refused}");
    Ok(())
}
