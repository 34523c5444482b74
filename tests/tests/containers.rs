// SPDX-License-Identifier: MPL-2.0
//! Containers as an operator has them: images of a real registry, on a booted node, through the client.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ichor_registry::{Form, Real, Sample, Setup as Registry, digest};
use ichor_tests::layers::Layer;
use ichor_tests::node::LIMIT;
use ichor_tests::services::{until_gone, until_logged, until_row, until_state};
use ichor_tests::{Arch, Node, Probe, Setup, debian, on_each_architecture, wait};
use serde_json::{Value, json};
use xtask::places::Places;

on_each_architecture! {
    images_are_pulled_through_a_mirror_and_run_changed_and_removed
    limits_of_containers_hold_and_spare_the_others
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

/// Has the node pull through a registry of this host; returns how the node calls it. The machine
/// sees this host, and with it its loopback, as 10.0.2.2.
fn mirror(node: &Node, registry: &Real) -> Result<String> {
    let port = registry.address.rsplit(':').next().context("no port")?;
    let direct = format!("10.0.2.2:{port}");
    let text = format!(
        "machine:\n  registries:\n    mirrors:\n      example.org:\n        endpoints:\n          - \
         http://{direct}\n      {direct}:\n        endpoints:\n          - http://{direct}\n"
    );
    node.patch(&text)?;
    Ok(direct)
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
    let node = Node::running(&Setup::new(arch))?;
    let before = node.ctl(&["services"])?.ok()?;
    ensure!(
        !before.contains("imaged"),
        "runs without a container: {before}"
    );
    let direct = mirror(&node, &registry)?;

    // As the image says it, with the default profile.
    let pinned = format!("{IMAGE}:v1@{}", sample.digest());
    let looks = "args: [report, write=/x, write=/tmp/x, list=/]\n";
    node.patch(&container("web", &pinned, looks))?;
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
    node.patch(&container("other", &format!("{IMAGE}:v1"), ""))?;
    until_logged(&node, "ctr-other", "idle")?;
    node.patch(&container(
        "web",
        &pinned,
        "args: [report, read=/etc/passwd]\n",
    ))?;
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
    let wrong = format!("{direct}/tools/probe@{}", digest(b"something else"));
    node.patch(&container("absent", &format!("{direct}/not/there:v1"), ""))?;
    node.patch(&container("wrong", &wrong, ""))?;
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
    node.patch(&container("late", &format!("{direct}/tools/probe:v2"), ""))?;
    until_row(&node, "ctr-late", &["Waiting", "cannot be reached"])?;
    until_state(&node, "ctr-web", "Running")?;

    for name in ["web", "other", "absent", "wrong", "late"] {
        node.patch(&format!(
            "apiVersion: v1alpha1\nkind: ContainerConfig\nname: {name}\n$patch: delete\n"
        ))?;
    }
    until_gone(&node, "ctr-")?;
    let after = node.ctl(&["services"])?.ok()?;
    for agent in ["apid", "logd", "machined", "netd", "udevd"] {
        let row = after.lines().find(|line| line.contains(agent));
        ensure!(row.is_some_and(|row| row.contains("Running")), "{after}");
    }
    Ok(())
}

fn limits_of_containers_hold_and_spare_the_others(arch: Arch) -> Result<()> {
    let registry = Real::start(&Registry::default());
    registry.push("tools/probe", "v1", &probe(arch)?);
    let node = Node::running(&Setup::new(arch).with(&[Layer::Probe]))?;
    mirror(&node, &registry)?;
    let mut inside = node.probe()?;
    let run = |name: &str, limits: &str| -> Result<()> {
        let more = format!("args: [{name}]\nrestart: never\nresources:\n  limits: {{{limits}}}\n");
        node.patch(&container(name, &format!("{IMAGE}:v1"), &more))
    };
    run("idle", "memory: 16MiB, pids: 4")?;
    until_logged(&node, "ctr-idle", "idle")?;
    let names = [
        "ctr-idle",
        "ext-probe",
        "apid",
        "logd",
        "machined",
        "netd",
        "udevd",
    ];
    let first = |inside: &mut Probe| -> Result<Vec<u32>> {
        names.into_iter().map(|name| inside.pid(name)).collect()
    };
    let before = first(&mut inside)?;

    // More memory than it may have: it is killed, and that is said.
    run("eat", "memory: 16MiB")?;
    let killed = "used up its memory limit and was killed";
    until_row(&node, "ctr-eat", &["Failed", killed])?;

    // More processes than it may have: it gets no more, and stays.
    run("fork", "pids: 8")?;
    until_logged(&node, "ctr-fork", "forked 7 children, 993 refused")?;
    ensure!(group(&mut inside, "ctr-fork", "pids.max")? == ["8"]);
    ensure!(group(&mut inside, "ctr-fork", "pids.current")? == ["8"]);

    // More of a processor than it may have: it waits for most of each period.
    run("spin", "cpus: 0.1")?;
    until_logged(&node, "ctr-spin", "spinning")?;
    ensure!(group(&mut inside, "ctr-spin", "cpu.max")? == ["10000 100000"]);
    let start = Share::of(&mut inside, "ctr-spin")?;
    let end = wait::until(LIMIT, || {
        let now = Share::of(&mut inside, "ctr-spin")?;
        ensure!(
            now.throttled >= start.throttled.saturating_add(20),
            "{now:?}"
        );
        Ok(now)
    })?;
    let periods = end.periods.saturating_sub(start.periods);
    let used = end.used_us.saturating_sub(start.used_us);
    // What a period exceeds, the kernel takes off the next one; the ends are counted too.
    let most = periods.saturating_add(2).saturating_mul(10_000);
    ensure!(used <= most, "{used} us in {periods} periods");

    until_state(&node, "ctr-idle", "Running")?;
    until_state(&node, "ctr-fork", "Running")?;
    let after = first(&mut inside)?;
    ensure!(
        after == before,
        "not the same: {names:?}: {before:?}, {after:?}"
    );
    Ok(())
}

/// A file of a service's control group.
fn group(inside: &mut Probe, service: &str, file: &str) -> Result<Vec<String>> {
    inside.ask(&format!("read /sys/fs/cgroup/system/{service}/{file}"))
}

/// What a service had of the processors, as its control group counts.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Periods in which it ran.
    periods: u64,
    /// Those in which it used up its time and waited.
    throttled: u64,
    /// The time that it had, in microseconds.
    used_us: u64,
}

impl Share {
    fn of(inside: &mut Probe, service: &str) -> Result<Self> {
        let lines = group(inside, service, "cpu.stat")?;
        let number = |name: &str| -> Result<u64> {
            let mut lines = lines.iter().filter_map(|line| line.split_once(' '));
            let found = lines.find(|(known, _)| *known == name);
            let (_, value) = found.with_context(|| format!("no {name}: {lines:?}"))?;
            Ok(value.parse()?)
        };
        Ok(Self {
            periods: number("nr_periods")?,
            throttled: number("nr_throttled")?,
            used_us: number("usage_usec")?,
        })
    }
}
