// SPDX-License-Identifier: MPL-2.0
//! Disks, META, packets, kubeconfig, health and time of a node, seen from outside.

use anyhow::{Result, ensure};
use ichor_tests::disk;
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Node, Setup, on_each_architecture, wait};

on_each_architecture! {
    meta_08_what_is_written_to_meta_outlives_a_power_cut
    a_node_tells_its_disks_packets_and_health_and_gives_a_kubeconfig
}

fn meta_08_what_is_written_to_meta_outlives_a_power_cut(arch: Arch) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = disk::with_state_and_meta(folder.path())?;
    let setup = Setup::new(arch).with_disk(disk);
    let mut node = Node::running(&setup)?;

    node.ctl(&["meta", "write", "0x0c", "kept over the power cut"])?
        .ok()?;
    node.ctl(&["meta", "write", "13", "gone"])?.ok()?;
    node.ctl(&["meta", "delete", "0x0d"])?.ok()?;
    let disks = node.ctl(&["disks"])?.ok()?;
    let system = disks.lines().find(|line| line.contains("/dev/vda"));
    ensure!(
        system.is_some_and(|line| line.trim_end().ends_with('*') && line.contains("virtio:")),
        "{disks}"
    );
    node.cut_power(&setup)?;
    node.wait_until_back()?;

    wait::until(LIMIT, || {
        let meta = node.ctl(&["get", "meta", "0x0c", "-o", "yaml"])?.ok()?;
        ensure!(meta.contains("value: kept over the power cut"), "{meta}");
        Ok(())
    })?;
    let all = node.ctl(&["get", "meta"])?.ok()?;
    ensure!(!all.contains("0x0d"), "{all}");
    Ok(())
}

fn a_node_tells_its_disks_packets_and_health_and_gives_a_kubeconfig(arch: Arch) -> Result<()> {
    let mut node = Node::boot(&Setup::new(arch))?;
    node.maintenance()?;
    let address = node.address();
    let disks = node.client(&["disks", "--insecure", "--nodes", &address])?;
    ensure!(disks.ok()?.starts_with("DEV "), "no table of disks");
    node.generate()?;
    node.apply("controlplane.yaml")?.ok()?;
    node.wait_until_running()?;

    // What asks for packets makes some.
    node.follow(&["pcap", "-i", "eth0"], &[".50000", "Flags ["])?;
    let raw = ["pcap", "-o", "eth0.pcap", "--duration", "2s"];
    node.ctl(&raw)?.ok()?;
    let head = std::fs::read(node.folder.path().join("eth0.pcap"))?;
    ensure!(head.starts_with(b"\xd4\xc3\xb2\xa1"), "{head:?}");
    let never = "{ 0x15, 9, 9, 0 },\n{ 0x6, 0, 0, 0 }";
    let refused = node.ctl(&["pcap", "--bpf-filter", never])?.refused()?;
    ensure!(refused.contains("InvalidArgument"), "{refused}");

    node.ctl(&["kubeconfig", "--merge=false"])?.ok()?;
    let kubeconfig = std::fs::read_to_string(node.folder.path().join("kubeconfig"))?;
    ensure!(
        kubeconfig.contains("current-context: admin@"),
        "{kubeconfig}"
    );

    let health = node.ctl(&["health", "--wait-timeout", "1m"])?;
    ensure!(health.code == 1, "{health:?}");
    for line in [
        "waiting for all services to be healthy: OK",
        "waiting for etcd to be healthy: not checked: not built yet",
    ] {
        ensure!(health.stdout.contains(line), "{health:?}");
    }
    ensure!(health.stderr.contains("(Unimplemented)"), "{health:?}");
    let from_here = node.ctl(&["health", "--server=false", "--wait-timeout", "1m"])?;
    ensure!(from_here.code == 1, "{from_here:?}");
    ensure!(
        from_here
            .stdout
            .contains("waiting for all nodes to be ready: OK"),
        "{from_here:?}"
    );
    let time = node.ctl(&["time", "--check", "127.0.0.1"])?.refused()?;
    ensure!(time.contains("time server 127.0.0.1: "), "{time}");
    node.ctl(&["containers"])?.ok()?;
    let restart = node.ctl(&["restart", "machined"])?.refused()?;
    ensure!(restart.contains("FailedPrecondition"), "{restart}");
    Ok(())
}
