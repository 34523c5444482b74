// SPDX-License-Identifier: MPL-2.0
//! Configurations on a running node: tried, confirmed, lost with machined, whom they let in, and
//! changed where they are.

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
    a_configuration_is_read_edited_and_patched_where_it_is
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

fn a_configuration_is_read_edited_and_patched_where_it_is(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    let mut probe = node.probe()?;
    let spec = ["get", "machineconfig", "-o", "jsonpath={.spec}"];

    // EDIT-01: what is read is what was applied, comments and all, and can be applied again.
    let applied = fs::read_to_string(node.file("controlplane.yaml"))?;
    let commented = format!("# written by hand\n{applied}");
    fs::write(node.file("commented.yaml"), &commented)?;
    node.ctl(&["apply-config", "-f", "commented.yaml"])?.ok()?;
    let read = node.ctl(&spec)?.ok()?;
    ensure!(read == commented, "read: {read}");
    let yaml = node.ctl(&["get", "mc", "-o", "yaml"])?.ok()?;
    let (envelope, nested) = yaml.split_once("spec:\n").unwrap_or_default();
    ensure!(
        envelope.starts_with("node: 127.0.0.1\nmetadata:\n    namespace: config\n"),
        "{yaml}"
    );
    let nested: String = nested
        .split_inclusive('\n')
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    ensure!(nested == commented, "nested: {nested}");
    fs::write(node.file("wrapper.yaml"), &yaml)?;
    let refused = node
        .ctl(&["apply-config", "-f", "wrapper.yaml"])?
        .refused()?;
    ensure!(refused.contains("jsonpath={.spec}"), "{refused}");
    let table = node.ctl(&["get", "machineconfigs"])?.ok()?;
    ensure!(
        table.contains("config      MachineConfig   v1alpha1"),
        "{table}"
    );
    let types = node.ctl(&["get", "rd"])?.ok()?;
    ensure!(types.contains("machineconfigs.config.talos.dev"), "{types}");

    // EDIT-09: an editor that does nothing changes nothing; one that does is obeyed.
    let idle = node.ctl_with_editor("true", &["edit", "mc"])?;
    ensure!(
        idle.code == 0 && idle.stderr.contains("not changed"),
        "{idle:?}"
    );
    let editor =
        "sed -i 's/^machine:/machine: # edited\\n    sysctls:\\n        kernel.panic: \"81\"/'";
    node.ctl_with_editor(editor, &["edit", "machineconfig", "--mode", "no-reboot"])?
        .ok()?;
    until(&mut probe, "81")?;
    let edited = node.ctl(&spec)?.ok()?;
    ensure!(
        edited.starts_with("# written by hand\n") && edited.contains("machine: # edited\n"),
        "{edited}"
    );
    let broken = node
        .ctl_with_editor("sed -i 's/^machine:/machin:/'", &["edit", "mc"])?
        .refused()?;
    ensure!(
        broken.contains("machin") && broken.contains("is kept in"),
        "{broken}"
    );

    // CFG-07 and EDIT-10: patches in their order, one write, and one line that says so.
    let (first, second) = (patch("82"), patch("83"));
    let out = node
        .ctl(&["patch", "machineconfig", "-p", &first, "-p", &second])?
        .ok()?;
    ensure!(out == "patched mc at the node 127.0.0.1\n", "{out}");
    until(&mut probe, "83")?;
    let patched = node.ctl(&spec)?.ok()?;
    let lines = |text: &str| text.lines().count();
    ensure!(
        lines(&patched) == lines(&edited)
            && patched.starts_with("# written by hand\n")
            && patched.contains("machine: # edited\n"),
        "patched: {patched}"
    );
    let wrong = node
        .ctl(&["patch", "mc", "-p", "{\"machine\":{\"type\":\"king\"}}"])?
        .refused()?;
    ensure!(wrong.contains("machine.type"), "{wrong}");
    ensure!(
        node.ctl(&spec)?.ok()? == patched,
        "a refused patch changed something"
    );
    Ok(())
}
