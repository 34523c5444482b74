// SPDX-License-Identifier: MPL-2.0
//! Containers as an operator has them: images of a real registry, on a booted node, through the client.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ichor_registry::{Form, Real, Sample, Setup as Registry, digest};
use ichor_tests::services::{until_gone, until_logged, until_row, until_state};
use ichor_tests::{Arch, Node, Setup, debian, on_each_architecture};
use serde_json::{Value, json};
use xtask::places::Places;

on_each_architecture! {
    images_are_pulled_through_a_mirror_and_run_changed_and_removed
}

/// What the images are called; the mirror stands for the registry.
const IMAGE: &str = "example.org/tools/probe";

/// An image of the probe, for a user of its own.
fn probe(arch: Arch) -> Result<Sample> {
    let folder = tempfile::tempdir()?;
    for name in ["bin", "etc"] {
        fs::create_dir(folder.path().join(name))?;
    }
    let program = Places::find()?.out_of(arch).join("programs/probe");
    let own = folder.path().join("bin/probe");
    fs::copy(program, &own)?;
    fs::set_permissions(own, fs::Permissions::from_mode(0o755))?;
    let users = "root:x:0:0::/:\nprobe:x:101:102::/:\n";
    fs::write(folder.path().join("etc/passwd"), users)?;
    let run = json!({
        "Entrypoint": ["probe"], "Cmd": ["report"], "User": "probe", "Env": ["PATH=/bin", "A=image"],
    });
    image(arch, folder.path(), &run)
}

/// An image of what a distribution ships.
fn busybox(arch: Arch) -> Result<Sample> {
    let folder = tempfile::tempdir()?;
    debian::unpack(&Places::find()?, arch, &["busybox-static"], folder.path())?;
    image(arch, folder.path(), &json!({ "Entrypoint": ["busybox"] }))
}

/// An image of one layer with all that is in a folder, as root's.
fn image(arch: Arch, root: &Path, run: &Value) -> Result<Sample> {
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("layer.tar");
    let packed = Command::new("tar")
        .args(["--sort=name", "--owner=0", "--group=0", "-C"])
        .arg(root)
        .arg("-cf")
        .arg(&archive)
        .arg(".")
        .status()?;
    ensure!(packed.success(), "tar: {packed}");
    let id = digest(&fs::read(&archive)?);
    let zipped = Command::new("gzip").arg("-nc").arg(&archive).output()?;
    ensure!(zipped.status.success(), "gzip: {}", zipped.status);
    let configuration = json!({
        "architecture": arch.name(), "os": "linux", "config": run,
        "rootfs": { "type": "layers", "diff_ids": [id] },
    });
    let layers: [&[u8]; 1] = [&zipped.stdout];
    Ok(Sample::with(Form::Oci, &configuration, &layers))
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
    let sample = probe(arch)?;
    registry.push("tools/probe", "v1", &sample);
    registry.push("tools/busybox", "latest", &busybox(arch)?);
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

    // What is there is listed, and an operator has one more pulled.
    let wanted = "example.org/tools/busybox:latest";
    let pull = ["image", "pull", "--namespace", "system", wanted];
    node.ctl(&pull)?.ok()?;
    let listed = node.ctl(&["image", "ls", "--namespace", "system"])?.ok()?;
    for words in [[IMAGE, &sample.digest()], [wanted, "sha256:"]] {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        ensure!(listed.lines().any(is_it), "no {words:?}: {listed}");
    }
    let absent = node.ctl(&[
        "image",
        "pull",
        "--namespace",
        "system",
        &wanted.replace("latest", "v9"),
    ]);
    let words = format!("{:?}", absent?.ok().err().context("v9 was pulled")?);
    ensure!(words.contains("has no such manifest (404"), "{words}");

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
    let run = ["run", "--rm", "--name", "once", "example.org/tools/busybox"];
    let said = node.ctl(&[&run[..], &["echo", "hello"]].concat())?.ok()?;
    ensure!(said.lines().any(|line| line == "hello"), "no hello: {said}");
    until_gone(&node, "ctr-once")?;
    let failed = node.ctl(&[&run[..], &["false"]].concat())?.ok();
    let words = format!("{:?}", failed.err().context("false ended well")?);
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
