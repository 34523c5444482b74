// SPDX-License-Identifier: MPL-2.0
//! Extension services as an operator has them: on a booted node, through the client.

use anyhow::{Context, Result, ensure};
use ichor_tests::layers::Layer;
use ichor_tests::node::LIMIT;
use ichor_tests::services::{until_logged, until_state};
use ichor_tests::{Arch, Node, Setup, ctl, debian, on_each_architecture};
use xtask::places::Places;

on_each_architecture! {
    ext_01_02_06_07_08_15_services_are_containers_as_described
    ext_09_10_11_13_14_services_wait_end_and_are_controlled
    sysx_06_07_12_13_xtn_04_extensions_are_made_booted_and_listed_and_a_broken_one_left_out
    ext_02_06_sysx_10_a_daemon_of_a_distribution_runs_with_its_libraries
}

/// Whether the console has a line that ends so.
fn shown(node: &mut Node, end: &str) -> bool {
    let mut lines = node.machine.console().iter();
    lines.any(|line| line.text.trim_end().ends_with(end))
}

fn ext_01_02_06_07_08_15_services_are_containers_as_described(arch: Arch) -> Result<()> {
    let mut node = Node::running(&Setup::new(arch).with(&[Layer::Services]))?;

    let closed = until_logged(&node, "ext-closed", "idle")?;
    for line in [
        "process 1",
        "variable A=own",
        // All 41 but SYS_MODULE (16) and SYS_BOOT (22).
        "CapEff: 000001ffffbeffff",
        "NoNewPrivs: 0",
        "Seccomp: 0",
        "write=/x: Read-only file system (os error 30)",
        "write=/sys/kernel/rcu_expedited: Read-only file system (os error 30)",
        "list=/sys/firmware: ",
        "write=/proc/sys/kernel/hostname: Read-only file system (os error 30)",
        "write=/kept/file: done",
        "list=/: dev kept node probe proc run sys",
        "list=/dev: core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero",
    ] {
        ensure!(
            closed.lines().any(|one| one.ends_with(line)),
            "no {line}: {closed}"
        );
    }

    let open = until_logged(&node, "ext-open", "idle")?;
    for line in [
        "write=/x: done",
        "read=/x: 1",
        "write=/proc/sys/kernel/panic_on_oops: done",
        "list=/scratch: ",
        "write=/sys/kernel/rcu_expedited: done",
    ] {
        ensure!(
            open.lines().any(|one| one.ends_with(line)),
            "no {line}: {open}"
        );
    }
    // Its last line: all that was to be shown of the other one would be there, too.
    node.machine.wait_for("ext-closed: idle", LIMIT)?;
    ensure!(
        !shown(&mut node, "ext-open: process 1"),
        "without logToConsole nothing is shown"
    );
    Ok(())
}

fn ext_09_10_11_13_14_services_wait_end_and_are_controlled(arch: Arch) -> Result<()> {
    let node = Node::running(&Setup::new(arch).with(&[Layer::Services]))?;

    // Once means once, whatever came of it.
    until_state(&node, "ext-once", "Failed")?;
    let once = node.ctl(&["service", "ext-once"])?.ok()?;
    ensure!(once.matches("Started as process").count() == 1, "{once}");
    // A source that cannot be made is the service's trouble, and says which.
    until_state(&node, "ext-wrong", "Failed")?;
    let wrong = node.ctl(&["service", "ext-wrong"])?.ok()?;
    ensure!(wrong.contains("cannot mount (0, Read-only"), "{wrong}");

    until_state(&node, "ext-waits", "Waiting")?;
    let waits = node.ctl(&["service", "ext-waits"])?.ok()?;
    let reason = "Waiting for extension service configuration \"waits\"";
    ensure!(waits.contains(reason), "{waits}");
    for content in ["first", "second"] {
        let text = format!(
            "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: waits\nconfigFiles:\n  - \
             content: {content}\n    mountPath: /etc/waits.conf\nenvironment:\n  - B=given\n"
        );
        node.patch(&text)?;
        let log = until_logged(
            &node,
            "ext-waits",
            &format!("read=/etc/waits.conf: {content}"),
        )?;
        ensure!(log.contains("variable B=given"), "{log}");
    }

    node.ctl(&["service", "ext-closed", "stop"])?.ok()?;
    until_state(&node, "ext-closed", "Finished")?;
    node.ctl(&["service", "ext-closed", "start"])?.ok()?;
    until_state(&node, "ext-closed", "Running")?;
    node.ctl(&["service", "ext-closed", "restart"])?.ok()?;
    until_state(&node, "ext-closed", "Running")?;
    let log = node.ctl(&["logs", "ext-closed"])?.ok()?;
    ensure!(log.matches("process 1\n").count() == 3, "{log}");
    Ok(())
}

/// The walk from nothing to a service that runs, with the client alone.
fn sysx_06_07_12_13_xtn_04_extensions_are_made_booted_and_listed_and_a_broken_one_left_out(
    arch: Arch,
) -> Result<()> {
    let places = Places::find()?;
    let client = places.out.join("host/ichorctl");
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| ctl::run(&client, folder.path(), arguments)?.ok();
    run(&["extension", "new", "walk", "--service"])?;
    run(&["extension", "new", "broken"])?;
    let root = folder.path().join("walk/rootfs/usr/local");
    std::fs::copy(
        places.out_of(arch).join("programs/probe"),
        root.join("lib/containers/walk/hello"),
    )?;
    std::fs::write(
        root.join("etc/containers/walk.yaml"),
        "name: walk\ncontainer:\n  entrypoint: ./hello\n  args: [report]\nrestart: always\n",
    )?;
    run(&[
        "extension",
        "validate",
        "walk",
        "broken",
        "--arch",
        arch.name(),
    ])?;
    let base = places.out_of(arch).join("initramfs");
    let base = base.to_str().context("not text")?;
    run(&[
        "image",
        "extend",
        base,
        "--output",
        "initramfs",
        "--arch",
        arch.name(),
        "--extension",
        "example.org/walk:v1.0.0=walk",
        "--extension",
        "example.org/broken:v1.0.0=broken",
        "--schematic",
        "0123abcd",
    ])?;
    let initramfs = folder.path().join("initramfs");
    break_layer(&initramfs, "layers/001.")?;

    let mut setup = Setup::new(arch);
    setup.initramfs = Some(initramfs);
    let mut node = Node::running(&setup)?;

    let extensions = node.ctl(&["get", "extensions"])?.ok()?;
    for row in ["000.example.org-walk-v1.0.0", "schematic"] {
        ensure!(extensions.contains(row), "no {row}: {extensions}");
    }
    ensure!(!extensions.contains("broken"), "{extensions}");
    ensure!(
        shown(
            &mut node,
            "layer 001.example.org-broken-v1.0.0.sqsh: left out: EINVAL"
        ),
        "the console does not name the broken layer"
    );
    until_logged(&node, "ext-walk", "process 1")?;
    node.ctl(&["service", "ext-walk", "stop"])?.ok()?;
    until_state(&node, "ext-walk", "Finished")
}

/// How Debian's ntpd is described: it splits itself into three processes, two of which change their
/// root and their user.
const NTPD: &str = "\
name: ntpd
container:
  entrypoint: /usr/sbin/ntpd
  args: [-d, -v, -f, /etc/openntpd/ntpd.conf]
  mounts:
    - destination: /var/lib/openntpd/db
      type: tmpfs
      options: [nosuid, nodev, mode=755, size=1m]
    - destination: /var/lib/openntpd/run
      type: tmpfs
      options: [nosuid, nodev, mode=755, size=1m]
restart: always
";

fn ext_02_06_sysx_10_a_daemon_of_a_distribution_runs_with_its_libraries(arch: Arch) -> Result<()> {
    let places = Places::find()?;
    let client = places.out.join("host/ichorctl");
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| ctl::run(&client, folder.path(), arguments)?.ok();
    run(&["extension", "new", "ntpd", "--service"])?;
    let local = folder.path().join("ntpd/rootfs/usr/local");
    std::fs::write(local.join("etc/containers/ntpd.yaml"), NTPD)?;
    let root = local.join("lib/containers/ntpd");
    std::fs::remove_dir_all(&root)?;
    std::fs::create_dir_all(root.join("etc"))?;
    std::fs::create_dir_all(root.join("var/empty"))?;
    debian::unpack(&places, arch, &["openntpd", "libc6"], &root)?;
    for (file, text) in [
        ("passwd", "ntpd:x:100:100::/var/empty:/\n"),
        ("group", "ntpd:x:100:\n"),
        ("services", "ntp 123/udp\n"),
        ("openntpd/ntpd.conf", "server 10.0.2.2\n"),
    ] {
        std::fs::write(root.join("etc").join(file), text)?;
    }
    // Documentation and character sets are of no use to it.
    for unused in ["usr/share", "usr/lib"] {
        std::fs::remove_dir_all(root.join(unused))?;
    }
    let base = places.out_of(arch).join("initramfs");
    let base = base.to_str().context("not text")?;
    let arguments = ["image", "extend", base, "--output", "initramfs"];
    let more = ["--arch", arch.name(), "--extension", "ntpd"];
    run(&[&arguments[..], &more].concat())?;

    let mut setup = Setup::new(arch);
    setup.initramfs = Some(folder.path().join("initramfs"));
    let node = Node::running(&setup)?;

    until_logged(&node, "ext-ntpd", "ntp engine ready")?;
    until_state(&node, "ext-ntpd", "Running")?;
    node.ctl(&["service", "ext-ntpd", "stop"])?.ok()?;
    until_logged(&node, "ext-ntpd", "Terminating")?;
    until_state(&node, "ext-ntpd", "Finished")
}

/// Takes the first bytes of a layer's file system, by which the kernel knows it.
fn break_layer(initramfs: &std::path::Path, name: &str) -> Result<()> {
    let mut bytes = std::fs::read(initramfs)?;
    let find = |needle: &[u8], from: usize| {
        let rest = bytes.get(from..)?;
        let at = rest.windows(needle.len()).position(|one| one == needle)?;
        Some(from.saturating_add(at))
    };
    let magic = find(name.as_bytes(), 0)
        .and_then(|at| find(b"hsqs", at))
        .with_context(|| format!("no {name} in the initramfs"))?;
    let end = magic.saturating_add(4);
    bytes.get_mut(magic..end).context("cut off")?.fill(0);
    Ok(std::fs::write(initramfs, bytes)?)
}
