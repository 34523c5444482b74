// SPDX-License-Identifier: MPL-2.0
//! A node boots, takes a configuration, answers every command of its client, and goes down.

use anyhow::{Context, Result, ensure};
use ichor_tests::node::{LIMIT, host_listener};
use ichor_tests::{Arch, Node, Setup, on_each_architecture, wait};
use std::io::{BufRead, BufReader, Write};
use xtask::places::Places;

on_each_architecture! {
    a_node_goes_from_nothing_to_running_and_answers_every_command
    a_node_takes_its_configuration_from_the_address_on_its_command_line
    shutdown_powers_the_machine_off
}

/// The services that every node has.
const CORE: [&str; 5] = ["apid", "logd", "machined", "netd", "udevd"];

fn a_node_goes_from_nothing_to_running_and_answers_every_command(arch: Arch) -> Result<()> {
    let mut node = Node::running(&Setup::new(arch))?;

    look_at_services(&node)?;
    look_at_logs(&node)?;
    look_at_controllers(&mut node)?;
    look_at_the_machine(&node)?;
    control_services(&node)?;
    look_at_many_nodes(&node)?;

    node.ctl(&["reboot", "--wait=false"])?.ok()?;
    node.machine.wait_for("reboot", LIMIT)?;
    // QEMU runs with -no-reboot: a machine that restarts ends it.
    let status = node.machine.wait_exit(LIMIT)?;
    ensure!(status.success(), "QEMU: {status}");
    Ok(())
}

fn look_at_services(node: &Node) -> Result<()> {
    let version = node.ctl(&["version"])?.ok()?;
    ensure!(
        version.contains("Client:") && version.contains("Server:"),
        "{version}"
    );
    ensure!(version.contains("NODE:"), "{version}");

    let services = node.ctl(&["services"])?.ok()?;
    let header = services.lines().next().unwrap_or_default();
    let columns: Vec<&str> = header.split_whitespace().collect();
    ensure!(
        columns
            == [
                "NODE", "SERVICE", "STATE", "HEALTH", "LAST", "CHANGE", "LAST", "EVENT"
            ],
        "{services}"
    );
    for service in CORE {
        let row = services
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(service))
            .with_context(|| format!("no {service}:\n{services}"))?;
        ensure!(row.contains("Running"), "{row}");
    }

    let apid = node.ctl(&["service", "apid"])?.ok()?;
    ensure!(apid.contains("EVENTS") && apid.contains("STATE"), "{apid}");
    let unknown = node.ctl(&["service", "nosuch"])?.refused()?;
    ensure!(unknown.contains("nosuch"), "{unknown}");
    Ok(())
}

fn look_at_logs(node: &Node) -> Result<()> {
    let log = node.ctl(&["logs", "machined"])?.ok()?;
    for line in [
        "phase config (5/5): 1 task(s)",
        "phase startEverything (3/3): done, ",
    ] {
        ensure!(log.contains(line), "machined's log has no {line:?}:\n{log}");
    }
    let last = node.ctl(&["logs", "machined", "--tail", "1"])?.ok()?;
    ensure!(last.lines().count() == 1, "--tail 1 printed:\n{last}");
    let unknown = node.ctl(&["logs", "nosuch"])?.refused()?;
    ensure!(unknown.contains("nosuch"), "{unknown}");

    let dmesg = node.ctl(&["dmesg"])?.ok()?;
    ensure!(
        dmesg.contains("Linux version 6.12"),
        "no kernel version in:\n{dmesg}"
    );
    ensure!(
        dmesg
            .lines()
            .next()
            .is_some_and(|line| line.contains("kern:")),
        "{dmesg}"
    );

    node.follow(
        &["events", "--tail", "-1"],
        &[
            "SequenceEvent",
            "PhaseEvent",
            "TaskEvent",
            "ServiceStateEvent",
        ],
    )?;
    node.follow(&["logs", "machined", "--follow"], &["phase"])?;
    node.follow(&["dmesg", "--follow"], &["Linux version 6.12"])?;
    Ok(())
}

/// DIAG-21 and NET-21: what controllers do is a log of the documents' form, which is silent when all is
/// done, whoever looks at the node; the console has it when the configuration says so.
fn look_at_controllers(node: &mut Node) -> Result<()> {
    const COMPONENT: &str = " {\"component\": \"controller-runtime\", ";
    const CONTROLLER: &str = "\"controller\": \"";
    const SOURCE: &str = "\"source\": \"";
    let log = ["logs", "controller-runtime"];
    let silent = wait::until(LIMIT, || {
        let before = node.ctl(&log)?.ok()?;
        for kind in ["cpustats", "memorystats", "adjtimestatus", "services"] {
            node.ctl(&["get", kind])?.ok()?;
        }
        let after = node.ctl(&log)?.ok()?;
        let more = after.strip_prefix(&before).unwrap_or(&after);
        ensure!(more.is_empty(), "controllers still do something: {more}");
        // Lines of the start come some seconds after it.
        ensure!(
            after.contains("HostnameStatuses.net.talos.dev"),
            "the log: {after}"
        );
        let last = node.ctl(&[&log[..], &["--tail", "1"]].concat())?.ok()?;
        ensure!(after.lines().last() == last.lines().last(), "{last}");
        Ok(after)
    })?;
    for line in silent.lines() {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (_node, date, level, text) = (word(), word(), word(), word());
        ensure!(
            date.len() == "2024-04-17T18:32:16.690Z".len()
                && date.ends_with('Z')
                && ["DEBUG", "INFO", "WARN", "ERROR"].contains(&level)
                && [CONTROLLER, SOURCE]
                    .iter()
                    .any(|whose| text.contains(&format!("{COMPONENT}{whose}")))
                && text.ends_with('}'),
            "{line}"
        );
    }
    let console = node.machine.console_text();
    ensure!(!console.contains(COMPONENT), "{console}");

    node.patch("debug: true\nmachine:\n  sysctls:\n    kernel.panic: \"61\"\n")?;
    let shown = format!("[talos] resource updated{COMPONENT}{CONTROLLER}runtime.KernelParam");
    node.machine.wait_for(&shown, LIMIT)?;
    node.patch("debug: false\n")?;
    node.follow(
        &["logs", "controller-runtime", "--follow"],
        &["KernelParamStatuses.runtime.talos.dev"],
    )
}

fn look_at_the_machine(node: &Node) -> Result<()> {
    let memory = node.ctl(&["memory"])?.ok()?;
    let columns: Vec<&str> = memory
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    ensure!(
        columns
            == [
                "NODE",
                "TOTAL",
                "USED",
                "FREE",
                "SHARED",
                "BUFFERS",
                "CACHE",
                "AVAILABLE"
            ],
        "{memory}"
    );
    let mounts = node.ctl(&["mounts"])?.ok()?;
    ensure!(
        mounts.starts_with("NODE") && mounts.contains("/system"),
        "{mounts}"
    );
    let processes = node.ctl(&["processes"])?.ok()?;
    for process in CORE {
        ensure!(processes.contains(process), "no {process} in:\n{processes}");
    }
    ensure!(processes.contains("/sbin/init"), "{processes}");
    Ok(())
}

fn control_services(node: &Node) -> Result<()> {
    let refused = node.ctl(&["service", "machined", "stop"])?.refused()?;
    ensure!(
        !refused.is_empty(),
        "stopping machined was not refused with a reason"
    );
    // What is not built says so, in the words of gRPC.
    let unbuilt = node.ctl(&["service", "udevd", "restart"])?;
    ensure!(
        unbuilt.code != 0 || unbuilt.stdout.contains("udevd"),
        "{unbuilt:?}"
    );
    Ok(())
}

fn look_at_many_nodes(node: &Node) -> Result<()> {
    let address = node.address();
    // Several names of one node are one node, which answers once.
    let names = [
        "--talosconfig",
        "talosconfig",
        "--endpoints",
        &address,
        "--nodes",
    ];
    let both = [&names[..], &["10.0.2.15,127.0.0.1", "memory"]].concat();
    let both = node.client(&both)?.ok()?;
    ensure!(
        both.lines().count() == 2,
        "not one row for one node:\n{both}"
    );
    ensure!(both.contains("10.0.2.15"), "{both}");
    let elsewhere = node.client(&[
        "--talosconfig",
        "talosconfig",
        "--endpoints",
        &address,
        "--nodes",
        "10.0.2.15,192.0.2.1",
        "memory",
    ])?;
    ensure!(
        elsewhere.code != 0,
        "an unreachable node is no failure:\n{}",
        elsewhere.stdout
    );
    ensure!(
        elsewhere.stdout.contains("10.0.2.15"),
        "its neighbour's answer is lost"
    );
    ensure!(
        elsewhere.stderr.contains("192.0.2.1"),
        "{}",
        elsewhere.stderr
    );
    Ok(())
}

fn a_node_takes_its_configuration_from_the_address_on_its_command_line(arch: Arch) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let places = Places::find()?;
    ichor_tests::node::generate(&places.out.join("host/ichorctl"), folder.path())?;
    let body = std::fs::read(folder.path().join("controlplane.yaml"))?;
    let (listener, port) = host_listener()?;
    let mut setup = Setup::new(arch);
    setup.cmdline = format!("talos.platform=metal talos.config=http://10.0.2.2:{port}/node.yaml");

    let node = Node::boot_in(&setup, folder)?;
    let (stream, _) = listener.accept()?;
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut out = &stream;
    write!(
        out,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    out.write_all(&body)?;
    drop(reader);
    drop(stream);

    ensure!(request.starts_with("GET /node.yaml HTTP/1.1"), "{request}");
    node.wait_until_running()
}

fn shutdown_powers_the_machine_off(arch: Arch) -> Result<()> {
    let mut node = Node::running(&Setup::new(arch))?;

    node.ctl(&["shutdown", "--wait=false", "--force"])?.ok()?;

    let status = node.machine.wait_exit(LIMIT)?;
    ensure!(status.success(), "QEMU: {status}");
    let console = node.machine.console_text();
    ensure!(
        console.contains("Power down") || console.contains("power off"),
        "{console}"
    );
    Ok(())
}
