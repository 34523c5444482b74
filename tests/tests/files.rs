// SPDX-License-Identifier: MPL-2.0
//! The files and sockets of a node, seen from outside: listed, read, added up and copied.

use anyhow::{Context, Result, ensure};
use ichor_tests::{Arch, Node, Setup, on_each_architecture};

on_each_architecture! {
    files_of_a_node_are_listed_read_added_up_and_copied
}

fn files_of_a_node_are_listed_read_added_up_and_copied(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch))?;

    list(&node)?;
    read(&node)?;
    let usage = node.ctl(&["usage", "/system/etc", "/nothing"])?;
    ensure!(usage.code == 1, "{usage:?}");
    ensure!(
        usage
            .stdout
            .lines()
            .any(|line| line.ends_with("/system/etc")),
        "{usage:?}"
    );
    ensure!(
        usage.stderr.contains("cannot look at /nothing"),
        "{usage:?}"
    );

    node.ctl(&["copy", "/system/etc/", "etc"])?.ok()?;
    let copied = std::fs::read_to_string(node.folder.path().join("etc/hosts"))
        .context("the copied hosts")?;
    let hosts = node.ctl(&["read", "/system/etc/hosts"])?.ok()?;
    ensure!(copied == hosts, "{copied}\nis not\n{hosts}");
    let again = node.ctl(&["copy", "/system/etc/", "etc"])?.refused()?;
    ensure!(again.contains("is there already"), "{again}");

    // What other users own stays theirs, what never ends is not begun, and the node answers on.
    for path in ["/dev/zero", "/dev/console", "/proc/kcore", "/proc/kmsg"] {
        let refused = node.ctl(&["read", path])?.refused()?;
        ensure!(refused.contains(path), "{refused}");
    }
    let sockets = node.ctl(&["netstat", "--listening", "--programs"])?.ok()?;
    // Which process of another user has a socket is closed to machined, so there is no name.
    ensure!(
        sockets
            .lines()
            .any(|line| line.contains(":50000") && line.contains("LISTEN")),
        "apid does not listen in:\n{sockets}"
    );
    Ok(())
}

fn list(node: &Node) -> Result<()> {
    let root = node.ctl(&["list"])?.ok()?;
    let mut lines = root.lines();
    let head: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    ensure!(head == ["NODE", "NAME"], "{root}");
    let names: Vec<&str> = lines
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    ensure!(names.first() == Some(&"."), "{root}");
    for name in ["etc", "proc", "system", "usr"] {
        ensure!(names.contains(&name), "no {name} in:\n{root}");
    }
    let long = node.ctl(&["ls", "-l", "/etc"])?.ok()?;
    ensure!(
        long.lines()
            .any(|line| line.contains(" lrwxrwxrwx ") && line.contains(" -> ")),
        "{long}"
    );
    // Folders of the kernel change while they are walked; entries that are gone are errors of theirs.
    let devices = node.ctl(&["list", "-r", "-t", "d", "/sys/class"])?.ok()?;
    ensure!(devices.contains("net"), "{devices}");
    let upwards = node.ctl(&["list", "/etc/.."])?.refused()?;
    ensure!(upwards.contains("InvalidArgument"), "{upwards}");
    Ok(())
}

fn read(node: &Node) -> Result<()> {
    let version = node.ctl(&["read", "/proc/version"])?.ok()?;
    ensure!(version.starts_with("Linux version 6.12"), "{version}");
    // A link of the image leads to what the node wrote.
    let hosts = node.ctl(&["read", "/etc/hosts"])?.ok()?;
    ensure!(hosts.contains("127.0.0.1"), "{hosts}");
    let machine_id = node.ctl(&["read", "/etc/machine-id"])?.ok()?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    ensure!(
        machine_id.trim_end().len() == 32 && machine_id.trim_end().bytes().all(is_hex),
        "{machine_id}"
    );
    let configuration = node.ctl(&["read", "/system/state/config.yaml"])?.ok()?;
    ensure!(configuration.contains("machine:"), "{configuration}");
    let folder = node.ctl(&["read", "/etc"])?.refused()?;
    ensure!(folder.contains("path must be a regular file"), "{folder}");
    Ok(())
}
