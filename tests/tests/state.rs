// SPDX-License-Identifier: MPL-2.0
//! A node with a disk: what is applied outlives reboots and power cuts, in each mode, and what
//! nobody confirms does not.

use anyhow::{Result, ensure};
use ichor_tests::disk::{self, Content};
use ichor_tests::layers::Layer;
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Node, Setup, on_each_architecture, wait};

on_each_architecture! {
    cfg_03_edit_06_a_first_configuration_on_trial_goes_by_itself_and_with_the_power_and_stays_when_confirmed
    each_mode_brings_a_configuration_that_lasts_and_confirmation_reaches_over_reboots
    a_partition_without_a_file_system_is_said_and_the_node_runs_from_memory
}

const PARAMETER: &str = "/proc/sys/kernel/panic";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A node with a disk whose configurations differ in one kernel parameter.
struct Machine {
    node: Node,
    setup: Setup,
}

impl Machine {
    /// Applies the configuration with a value of the parameter.
    fn apply(&self, value: &str, how: &[&str]) -> Result<String> {
        let patch = format!("{{\"machine\":{{\"sysctls\":{{\"kernel.panic\":\"{value}\"}}}}}}");
        let file = ["apply-config", "-f", "controlplane.yaml", "-p", &patch];
        self.node.ctl(&[&file[..], how].concat())?.ok()
    }

    /// Waits until the node runs with a value of the parameter.
    fn until(&mut self, value: &str) -> Result<()> {
        let mut probe = self.node.probe()?;
        wait::until(LIMIT, || {
            let present = probe.read(PARAMETER)?;
            ensure!(present.trim() == value, "it is {present}, not {value}");
            Ok(())
        })
    }

    fn boot_id(&self) -> Result<String> {
        self.node.probe()?.read(BOOT_ID)
    }

    /// Waits until the machine starts again by itself, and runs.
    fn until_rebooted(&mut self) -> Result<()> {
        self.node.machine.wait_for("[ichor] rebooting", LIMIT)?;
        self.node.wait_until_back()
    }

    fn cut_power(&mut self) -> Result<()> {
        self.node.cut_power(&self.setup)?;
        self.node.wait_until_back()
    }
}

fn each_mode_brings_a_configuration_that_lasts_and_confirmation_reaches_over_reboots(
    arch: Arch,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let content = match arch {
        Arch::Amd64 => Content::Xfs,
        Arch::Arm64 => Content::Ext4,
    };
    let disk = disk::with_state(folder.path(), content)?;
    let setup = Setup::new(arch).with(&[Layer::Probe]).with_disk(disk);
    let node = Node::running(&setup)?;
    let mut machine = Machine { node, setup };
    let console = machine.node.machine.console_text();
    ensure!(console.contains("volume STATE: mounted"), "{console}");

    // EDIT-02, EDIT-04: what can be done at once is, with the same boot; and it lasts.
    let boot_id = machine.boot_id()?;
    machine.apply("71", &["-m", "no-reboot"])?;
    machine.until("71")?;
    ensure!(machine.boot_id()? == boot_id, "it rebooted");
    machine.cut_power()?;
    machine.until("71")?;

    // EDIT-05, CFG-02: staged configurations wait, and the last one counts.
    let staged = machine.apply("72", &["-m", "staged"])?;
    ensure!(staged.contains("Staged"), "{staged}");
    machine.apply("73", &["-m", "staged"])?;
    machine.until("71")?;
    machine.node.ctl(&["reboot", "--wait=false"])?.ok()?;
    machine.until_rebooted()?;
    machine.until("73")?;

    // EDIT-03: reboot, even when nothing needs it.
    let boot_id = machine.boot_id()?;
    machine.apply("73", &["-m", "reboot"])?;
    machine.until_rebooted()?;
    machine.until("73")?;
    ensure!(machine.boot_id()? != boot_id, "it did not reboot");

    // EDIT-02: auto reboots when it must; no-reboot refuses the same, and changes nothing.
    let environment = ["-p", "{\"machine\":{\"env\":{\"A\":\"b\"}}}"];
    let refused = machine.apply("74", &[&environment[..], &["-m", "no-reboot"]].concat());
    ensure!(
        refused
            .as_ref()
            .is_err_and(|error| error.to_string().contains("machine.env")),
        "{refused:?}"
    );
    machine.until("73")?;
    machine.apply("74", &environment)?;
    machine.until_rebooted()?;
    machine.until("74")?;

    // What nobody confirms goes: with a power cut, and by itself.
    let environment = ["-p", "{\"machine\":{\"env\":{\"A\":\"c\"}}}"];
    machine.apply("75", &[&environment[..], &["--confirm", "1h"]].concat())?;
    machine.until_rebooted()?;
    machine.until("75")?;
    machine.cut_power()?;
    machine.until("74")?;
    machine.apply("76", &["-m", "reboot", "--confirm", "5s"])?;
    machine.until_rebooted()?;
    machine
        .node
        .machine
        .wait_for("nobody confirmed the configuration in time", LIMIT)?;
    machine.until_rebooted()?;
    machine.until("74")?;

    // What is confirmed stays.
    machine.apply("77", &["-m", "reboot", "--confirm", "1h"])?;
    machine.until_rebooted()?;
    machine.until("77")?;
    let confirmed = machine
        .node
        .ctl(&["apply-config", "--confirm", "now"])?
        .ok()?;
    ensure!(confirmed.contains("Confirmed"), "{confirmed}");
    machine.cut_power()?;
    machine.until("77")
}

fn cfg_03_edit_06_a_first_configuration_on_trial_goes_by_itself_and_with_the_power_and_stays_when_confirmed(
    arch: Arch,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = disk::with_state(folder.path(), Content::Ext4)?;
    let setup = Setup::new(arch).with_disk(disk);
    let mut node = Node::boot(&setup)?;
    node.maintenance()?;
    node.generate()?;

    // By itself: the node starts again and waits.
    node.apply_with("controlplane.yaml", &["-m", "try", "--timeout", "20s"])?
        .ok()?;
    node.wait_until_running()?;
    node.machine
        .wait_for("its time is up: there is no configuration again", LIMIT)?;
    node.machine.wait_for("[ichor] rebooting", LIMIT)?;
    node.maintenance()?;

    // With the power.
    let confirmed = node.apply_with("controlplane.yaml", &["--confirm", "1h"])?;
    ensure!(confirmed.ok()?.contains("until it is confirmed"));
    node.wait_until_running()?;
    node.cut_power(&setup)?;
    node.maintenance()?;

    // Whoever can come in with what it says keeps it.
    node.apply_with("controlplane.yaml", &["--confirm", "1h"])?
        .ok()?;
    node.wait_until_running()?;
    let said = node.ctl(&["apply-config", "--confirm", "now"])?.ok()?;
    ensure!(said.contains("Confirmed"), "{said}");
    node.cut_power(&setup)?;
    node.wait_until_back()
}

fn a_partition_without_a_file_system_is_said_and_the_node_runs_from_memory(
    arch: Arch,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = disk::with_state(folder.path(), Content::Noise)?;
    let setup = Setup::new(arch).with_disk(disk);
    let mut node = Node::boot(&setup)?;
    node.machine.wait_for(
        "the STATE partition cannot be used: there is no file system",
        LIMIT,
    )?;
    node.maintenance()?;
    node.generate()?;
    node.apply("controlplane.yaml")?.ok()?;
    node.wait_until_running()?;

    let refused = node
        .ctl(&["apply-config", "-f", "controlplane.yaml", "-m", "reboot"])?
        .refused()?;
    ensure!(
        refused.contains("FailedPrecondition") && refused.contains("STATE"),
        "{refused}"
    );
    Ok(())
}
