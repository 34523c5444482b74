// SPDX-License-Identifier: MPL-2.0
//! Three nodes through one endpoint: what a client asks reaches each, and what fails is one node's.

use anyhow::{Result, ensure};
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Cluster, on_each_architecture, wait};

on_each_architecture! {
    three_nodes_answer_through_one_endpoint
}

fn three_nodes_answer_through_one_endpoint(arch: Arch) -> Result<()> {
    let mut cluster = Cluster::configured(
        arch,
        &["controlplane.yaml", "controlplane.yaml", "worker.yaml"],
    )?;
    cluster.wait_until_running()?;

    each_answers_under_its_name(&cluster)?;
    names_are_those_of_the_endpoint(&mut cluster)?;
    roles_go_with_the_call(&cluster)?;
    a_worker_serves_itself_alone(&cluster)?;
    streams_come_from_each(&cluster)?;
    a_node_that_is_gone_is_an_error_of_its_own(&mut cluster)
}

fn all(cluster: &Cluster) -> Result<[&str; 3]> {
    Ok([
        cluster.address(0)?,
        cluster.address(1)?,
        cluster.address(2)?,
    ])
}

/// Whether some line begins with `node` and has each of `words`.
fn has(text: &str, node: &str, words: &[&str]) -> bool {
    text.lines()
        .any(|line| line.starts_with(node) && words.iter().all(|word| line.contains(word)))
}

fn each_answers_under_its_name(cluster: &Cluster) -> Result<()> {
    let nodes = all(cluster)?;
    let services = cluster.ctl(&nodes, &["services"])?.ok()?;
    for node in nodes {
        ensure!(has(&services, node, &["apid", "Running"]), "{services}");
    }
    for node in &nodes[..2] {
        ensure!(has(&services, node, &["trustd", "Running"]), "{services}");
    }
    ensure!(!has(&services, nodes[2], &["trustd"]), "{services}");
    let types = cluster.ctl(&nodes, &["get", "machinetype"])?.ok()?;
    for (node, kind) in nodes.iter().zip(["controlplane", "controlplane", "worker"]) {
        ensure!(has(&types, node, &[kind]), "{types}");
    }
    // The certificate of each is made for its own address.
    let memory = cluster.ctl(&nodes, &["memory"])?.ok()?;
    for node in nodes {
        ensure!(has(&memory, node, &[]), "{memory}");
    }
    Ok(())
}

fn names_are_those_of_the_endpoint(cluster: &mut Cluster) -> Result<()> {
    let worker = cluster.address(2)?.to_owned();
    let name = "kitchen.example";
    let unknown = cluster.ctl(&[name], &["version"])?.refused()?;
    ensure!(unknown.contains(name), "{unknown}");
    // Only the endpoint knows the name; the certificate of the worker says it too.
    let first = cluster.address(0)?.to_owned();
    let patch = |text: String| {
        move |cluster: &Cluster, node: &str| {
            let line = [
                "patch",
                "machineconfig",
                "--mode",
                "no-reboot",
                "--patch",
                &text,
            ];
            cluster.ctl(&[node], &line)?.ok()
        }
    };
    let sans = patch(format!("machine: {{certSANs: [{name}]}}"));
    sans(cluster, &worker)?;
    let hosts = patch(format!(
        "machine: {{network: {{extraHostEntries: [{{ip: {worker}, aliases: [{name}]}}]}}}}"
    ));
    hosts(cluster, &first)?;

    wait::until(LIMIT, || {
        let version = cluster.ctl(&[name], &["version"])?.ok()?;
        ensure!(version.contains(name), "{version}");
        Ok(())
    })
}

fn roles_go_with_the_call(cluster: &Cluster) -> Result<()> {
    let [first, _, worker] = all(cluster)?;
    cluster
        .ctl(
            &[first],
            &["config", "new", "--roles", "os:reader", "reader"],
        )?
        .ok()?;
    let list = cluster.ctl_as("reader", &[worker], &["list", "/etc"])?;
    list.ok()?;
    let read = cluster.ctl_as("reader", &[worker], &["read", "/etc/hosts"])?;
    let refused = read.refused()?;
    ensure!(refused.contains("PermissionDenied"), "{refused}");
    Ok(())
}

fn a_worker_serves_itself_alone(cluster: &Cluster) -> Result<()> {
    let [first, _, worker] = all(cluster)?;
    cluster.through(2, &[worker], &["version"])?.ok()?;
    let refused = cluster.through(2, &[first], &["version"])?.refused()?;
    ensure!(refused.contains(first), "{refused}");
    Ok(())
}

fn streams_come_from_each(cluster: &Cluster) -> Result<()> {
    let nodes = all(cluster)?;
    let logs = cluster.ctl(&nodes, &["dmesg"])?.ok()?;
    for node in nodes {
        ensure!(
            has(&logs, node, &["Linux version"]),
            "no kernel log of {node}"
        );
    }
    // One folder of many entries of each, one message an entry.
    let list = cluster.ctl(&nodes, &["list", "-r", "/usr"])?.ok()?;
    for node in nodes {
        ensure!(has(&list, node, &["."]), "no list of {node}");
    }
    Ok(())
}

fn a_node_that_is_gone_is_an_error_of_its_own(cluster: &mut Cluster) -> Result<()> {
    cluster.node(1)?.machine.kill();
    let [first, gone, worker] = all(cluster)?;

    let output = cluster.ctl(&[first, gone, worker], &["version"])?;

    ensure!(output.code == 1, "{output:?}");
    for node in [first, worker] {
        ensure!(output.stdout.contains(node), "{output:?}");
    }
    ensure!(
        output.stderr.contains(gone) && output.stderr.contains("Unavailable"),
        "{output:?}"
    );
    Ok(())
}
