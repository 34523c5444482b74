// SPDX-License-Identifier: MPL-2.0
//! Containers as an operator has them: images of a real registry, on a booted node, through the client.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ichor_registry::{Form, Real, Sample, Setup as Registry, digest};
use ichor_tests::services::{until_gone, until_logged, until_row, until_state};
use ichor_tests::{Arch, Node, Setup, on_each_architecture};
use serde_json::json;
use xtask::places::Places;

on_each_architecture! {
    images_are_pulled_through_a_mirror_and_run_changed_and_removed
}

/// What the images are called; the mirror stands for the registry.
const IMAGE: &str = "example.org/tools/probe";

/// An image of the probe, for a user of its own.
fn image(arch: Arch) -> Result<Sample> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    for folder in ["bin", "etc"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let program = Places::find()?.out_of(arch).join("programs/probe");
    fs::copy(program, root.join("bin/probe"))?;
    fs::set_permissions(root.join("bin/probe"), fs::Permissions::from_mode(0o755))?;
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/:\nprobe:x:101:102::/:\n",
    )?;
    let archive = folder.path().join("layer.tar");
    let packed = Command::new("tar")
        .args(["--sort=name", "--owner=0", "--group=0", "-C"])
        .arg(&root)
        .arg("-cf")
        .arg(&archive)
        .args(["bin", "etc"])
        .status()?;
    ensure!(packed.success(), "tar: {packed}");
    let id = digest(&fs::read(&archive)?);
    let zipped = Command::new("gzip").args(["-nc"]).arg(&archive).output()?;
    ensure!(zipped.status.success(), "gzip: {}", zipped.status);
    let configuration = json!({
        "architecture": arch.name(), "os": "linux",
        "config": { "Entrypoint": ["probe"], "Cmd": ["report"], "User": "probe", "Env": ["PATH=/bin", "A=image"] },
        "rootfs": { "type": "layers", "diff_ids": [id] },
    });
    Ok(Sample::with(Form::Oci, &configuration, &[&zipped.stdout]))
}

/// Lays a patch over the configuration of the node, without a reboot.
fn patch(node: &Node, text: &str) -> Result<()> {
    let file = node.file("patch.yaml");
    fs::write(&file, text)?;
    let file = format!("@{}", file.display());
    let arguments = [
        "patch",
        "machineconfig",
        "--mode",
        "no-reboot",
        "--patch",
        &file,
    ];
    node.ctl(&arguments)?.ok()?;
    Ok(())
}

fn container(name: &str, image: &str, more: &str) -> String {
    format!(
        "apiVersion: v1alpha1\nkind: ContainerConfig\nname: {name}\nimage:\n  ref: {image}\n{more}"
    )
}

fn images_are_pulled_through_a_mirror_and_run_changed_and_removed(arch: Arch) -> Result<()> {
    let registry = Real::start(&Registry::default());
    let sample = image(arch)?;
    registry.push("tools/probe", "v1", &sample);
    // The machine sees this host, and with it its loopback, as 10.0.2.2.
    let port = registry.address.rsplit(':').next().context("no port")?;
    let node = Node::running(&Setup::new(arch))?;
    let before = node.ctl(&["services"])?.ok()?;
    ensure!(
        !before.contains("imaged"),
        "runs without a container: {before}"
    );
    let mirror = format!(
        "machine:\n  registries:\n    mirrors:\n      example.org:\n        endpoints:\n          - \
         http://10.0.2.2:{port}\n      10.0.2.2:{port}:\n        endpoints:\n          - http://10.0.2.2:{port}\n"
    );
    patch(&node, &mirror)?;

    // As the image says it, with the default profile.
    let pinned = format!("{IMAGE}:v1@{}", sample.digest());
    let looks = "args: [report, write=/x, write=/tmp/x, list=/]\n";
    patch(&node, &container("web", &pinned, looks))?;
    let log = until_logged(&node, "ctr-web", "idle")?;
    for line in [
        "process 1",
        "variable A=image",
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "write=/x: Read-only file system (os error 30)",
        "write=/tmp/x: done",
    ] {
        ensure!(
            log.lines().any(|one| one.ends_with(line)),
            "no {line}: {log}"
        );
    }

    // A change starts that container again, and nothing else.
    patch(&node, &container("other", &format!("{IMAGE}:v1"), ""))?;
    until_logged(&node, "ctr-other", "idle")?;
    patch(
        &node,
        &container("web", &pinned, "args: [report, read=/etc/passwd]\n"),
    )?;
    until_logged(&node, "ctr-web", "read=/etc/passwd: root:x:0:0::/:")?;
    let other = node.ctl(&["service", "ctr-other"])?.ok()?;
    ensure!(other.matches("Started as process").count() == 1, "{other}");

    // What does not come says why, and harms nobody.
    let direct = format!("10.0.2.2:{port}");
    let wrong = format!("{direct}/tools/probe@{}", digest(b"something else"));
    patch(
        &node,
        &container("absent", &format!("{direct}/not/there:v1"), ""),
    )?;
    patch(&node, &container("wrong", &wrong, ""))?;
    for name in ["ctr-absent", "ctr-wrong"] {
        until_row(&node, name, &["Failed", "has no such manifest (404"])?;
    }

    // From a line: it ends, its words are shown, and it is gone.
    let run = [
        "run",
        "--rm",
        "--name",
        "once",
        "example.org/tools/probe:v1",
        "nonsense",
    ];
    let said = node.ctl(&run)?;
    let refused = said.ok();
    ensure!(refused.is_err(), "the program ended well: {refused:?}");
    let words = format!("{:?}", refused.err());
    ensure!(words.contains("ctr-once"), "{words}");
    until_gone(&node, "ctr-once")?;

    // Without its registry a node runs what it has, and waits for what it has not.
    drop(registry);
    node.ctl(&["service", "ctr-web", "restart"])?.ok()?;
    until_state(&node, "ctr-web", "Running")?;
    patch(
        &node,
        &container("late", &format!("{direct}/tools/probe:v2"), ""),
    )?;
    until_row(&node, "ctr-late", &["Waiting", "cannot be reached"])?;
    until_state(&node, "ctr-web", "Running")?;

    for name in ["web", "other", "absent", "wrong", "late"] {
        patch(
            &node,
            &format!("apiVersion: v1alpha1\nkind: ContainerConfig\nname: {name}\n$patch: delete\n"),
        )?;
    }
    until_gone(&node, "ctr-")?;
    let after = node.ctl(&["services"])?.ok()?;
    for agent in ["apid", "logd", "machined", "netd", "udevd"] {
        let row = after.lines().find(|line| line.contains(agent));
        ensure!(row.is_some_and(|row| row.contains("Running")), "{after}");
    }
    Ok(())
}
