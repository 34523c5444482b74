// SPDX-License-Identifier: MPL-2.0
//! Configurations as files: generated, patched, checked, sent.
//!
//! Owns: the promises of `gen config` with patches and comments, `machineconfig`, `validate` and
//! `config new`.
//! Never: repeats the rules of merging, which lib/config tests.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use config::{ClientConfig, Comments, Configuration, GoDuration};

use crate::desk::Desk;
use crate::double::Node;

const HOSTNAME: &str = "machine: {network: {hostname: patched}}\n";
const SUBNETS: &str = "cluster:\n  network:\n    podSubnets: [10.9.0.0/16]\n";
const OPERATION: &str = "- op: replace\n  path: /machine/install/disk\n  value: /dev/vda\n";

fn loaded(desk: &Desk, name: &str) -> Configuration {
    Configuration::load(desk.read(name).as_bytes()).unwrap()
}

fn hostname(desk: &Desk, name: &str) -> String {
    let loaded = loaded(desk, name);
    let machine = loaded.document().unwrap().machine.as_ref().unwrap();
    machine.network.as_ref().unwrap().hostname.clone()
}

#[test]
fn cmd_041_comments_are_there_unless_they_are_not_wanted() {
    let desk = Desk::with_cluster();
    let line = "gen config home 10.0.0.2 --with-secrets secrets.yaml -t controlplane -o";
    for (flags, docs, examples) in [
        ("", true, true),
        ("--with-docs=false", false, true),
        ("--with-examples=false", true, false),
        ("--with-docs=false --with-examples=false", false, false),
        ("--with-docs --with-examples=false", true, false),
    ] {
        desk.run(&format!("{line} x.yaml --force {flags}")).done();

        let text = desk.read("x.yaml");
        let made = loaded(&desk, "x.yaml");
        let comments = Comments { docs, examples };
        assert_eq!(text, made.to_commented_yaml(comments), "{flags}");
        assert_eq!(text.contains(" # "), docs || examples, "{flags}");
        assert_eq!(text.contains("# hostname: node-1"), examples, "{flags}");
    }
}

#[test]
fn patch_02_each_patch_of_gen_config_goes_where_it_belongs() {
    let desk = Desk::empty();
    desk.write("all.yaml", HOSTNAME);
    desk.write("disk.yaml", OPERATION);

    desk.run_words(&[
        "gen",
        "config",
        "home",
        "10.0.0.2",
        "--config-patch",
        "@all.yaml",
        "--config-patch-worker",
        "@disk.yaml",
        "--config-patch-control-plane",
        SUBNETS,
        "--config-patch-control-plane",
        r#"[{"op": "add", "path": "/machine/nodeLabels", "value": {"a": "b"}}]"#,
    ])
    .done();

    for name in ["controlplane.yaml", "worker.yaml"] {
        assert_eq!(hostname(&desk, name), "patched", "{name}");
        assert!(
            desk.read(name)
                .contains("hostname: patched # The host name"),
            "{name}"
        );
    }
    let disk = |name| {
        let loaded = loaded(&desk, name);
        let machine = loaded.document().unwrap().machine.clone().unwrap();
        machine.install.unwrap().disk
    };
    assert_eq!(
        (disk("controlplane.yaml"), disk("worker.yaml")),
        ("/dev/sda".into(), "/dev/vda".into())
    );
    let controlplane = loaded(&desk, "controlplane.yaml");
    let cluster = controlplane.document().unwrap().cluster.as_ref().unwrap();
    assert_eq!(
        cluster.network.as_ref().unwrap().pod_subnets,
        ["10.9.0.0/16"]
    );
    assert!(
        desk.read("controlplane.yaml")
            .contains("nodeLabels:\n        a: b\n")
    );
    assert!(!desk.read("worker.yaml").contains("\n    nodeLabels:"));
}

#[test]
fn patch_07_other_documents_and_keys_of_newer_releases_survive_gen_config() {
    let desk = Desk::empty();
    desk.write(
        "log.yaml",
        "apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: tcp://10.0.0.9:1\n",
    );
    desk.write(
        "new.yaml",
        "machine:\n  features:\n    hostDNS:\n      enabled: true\n",
    );

    let line = "gen config home 10.0.0.2 -t worker";
    desk.run(&format!("{line} -o one.yaml --config-patch @log.yaml"))
        .done();
    desk.run(&format!(
        "{line} -o two.yaml --config-patch @log.yaml,@new.yaml"
    ))
    .done();

    for name in ["one.yaml", "two.yaml"] {
        assert_eq!(loaded(&desk, name).extras().len(), 1, "{name}");
    }
    assert!(desk.read("two.yaml").contains("hostDNS:"));
}

#[test]
fn patches_that_do_not_fit_write_nothing_and_are_named() {
    let desk = Desk::empty();
    desk.write("typo.yaml", "machine:\n  network:\n    hostnam: x\n");
    desk.write(
        "wrong.yaml",
        "machine:\n  network:\n    nameservers: [nowhere]\n",
    );
    desk.write("rubbish", "machine: [");
    desk.write(
        "path.yaml",
        "- op: replace\n  path: /machine/nothing/there\n  value: 1\n",
    );
    let before = std::fs::read_dir(&desk.folder).unwrap().count();
    for (patch, reasons) in [
        (
            "@typo.yaml",
            &["patch typo.yaml: machine.network.hostnam: unknown key, line 3"][..],
        ),
        ("@nowhere.yaml", &["cannot read"]),
        ("@rubbish", &["patch rubbish: "]),
        ("@path.yaml", &["patch path.yaml: "]),
        (
            "@wrong.yaml",
            &["cannot patch the generated controlplane", "nameservers"],
        ),
        ("nonsense", &["patch no. 1: "]),
    ] {
        for flag in ["--config-patch", "--config-patch-control-plane"] {
            let words = ["gen", "config", "home", "10.0.0.2", flag, patch];
            let error = desk.run_words(&words).failed();
            for reason in reasons {
                assert!(error.contains(reason), "{patch}: {error}");
            }
            assert_eq!(std::fs::read_dir(&desk.folder).unwrap().count(), before);
        }
    }
}

#[test]
fn cmd_064_cmd_065_machineconfig_gen_makes_what_gen_config_makes() {
    let desk = Desk::empty();
    desk.run("gen secrets").done();
    let flags = "home 10.0.0.2 --with-secrets secrets.yaml -t worker";

    desk.run(&format!("gen config {flags} -o one.yaml")).done();
    desk.run(&format!("machineconfig gen {flags} -o two.yaml"))
        .done();

    assert_eq!(desk.read("one.yaml"), desk.read("two.yaml"));
    assert!(
        desk.run(&format!("mc gen {flags} -o two.yaml"))
            .failed()
            .contains("--force")
    );
    desk.run(&format!("mc gen {flags} -o two.yaml --force"))
        .done();
}

#[test]
fn cmd_066_machineconfig_patch_keeps_the_text_and_writes_where_it_is_told() {
    let desk = Desk::with_cluster();
    let original = desk.read("worker.yaml");
    desk.write("p.yaml", HOSTNAME);

    let out = desk
        .run("machineconfig patch worker.yaml --patch @p.yaml")
        .done();
    assert_eq!(desk.read("worker.yaml"), original);
    desk.run("mc patch worker.yaml -p @p.yaml -o new.yaml")
        .done();
    assert_eq!(desk.read("new.yaml"), out);
    desk.run("mc patch new.yaml -p @p.yaml -o new.yaml").done();
    assert_eq!(desk.read("new.yaml"), out);
    assert_eq!(desk.run("mc patch new.yaml -p @p.yaml -o -").done(), out);

    assert_eq!(hostname(&desk, "new.yaml"), "patched");
    assert!(out.contains("# The role: "), "comments stay");
    for (line, reason) in [
        ("mc patch nowhere.yaml -p @p.yaml", "cannot read"),
        (
            "mc patch secrets.yaml -p @p.yaml",
            "cannot patch secrets.yaml",
        ),
        ("mc patch worker.yaml -p @nowhere", "cannot read"),
        ("mc patch worker.yaml", "--patch"),
    ] {
        let error = desk.run(line).failed();
        assert!(error.contains(reason), "{line}: {error}");
    }
}

#[test]
fn cmd_066_a_patched_file_that_no_node_will_take_is_written_with_a_warning() {
    let desk = Desk::with_cluster();
    let patch = "machine: {type: toaster}";

    let said = desk.run_words(&["mc", "patch", "worker.yaml", "-p", patch, "-o", "x.yaml"]);

    assert!(
        said.err
            .contains("warning: no node will take this: machine.type"),
        "{}",
        said.err
    );
    said.done();
    assert!(desk.read("x.yaml").contains("type: toaster"));
}

#[test]
fn cmd_089_validate_says_for_which_mode_a_file_is_valid() {
    let desk = Desk::with_cluster();
    for (file, mode) in [
        ("controlplane.yaml", "metal"),
        ("controlplane.yaml", "cloud"),
        ("worker.yaml", "container"),
    ] {
        let line = format!("validate -c {file} -m {mode} --strict");
        assert_eq!(
            desk.run(&line).done(),
            format!("{file} is valid for {mode} mode\n")
        );
    }
    let patch = "machine: {install: {$patch: delete}}";
    desk.run_words(&["mc", "patch", "worker.yaml", "-p", patch, "-o", "bare.yaml"])
        .done();
    desk.run("validate --config bare.yaml --mode cloud").done();
    let error = desk
        .run("validate --config bare.yaml --mode metal")
        .failed();
    assert!(
        error.contains("bare.yaml is not valid for metal mode"),
        "{error}"
    );
    assert!(error.contains("machine.install"), "{error}");
}

#[test]
fn cmd_089_warnings_fail_only_when_strict() {
    let desk = Desk::with_cluster();
    let patch = "machine: {network: {interfaces: [{interface: eth0, cidr: 10.0.0.2/24}]}}";
    desk.run_words(&["mc", "patch", "worker.yaml", "-p", patch, "-o", "old.yaml"])
        .done();

    let said = desk.run("validate -c old.yaml -m metal");
    assert!(
        said.err
            .contains("warning: machine.network.interfaces[0].cidr"),
        "{}",
        said.err
    );
    said.done();
    let error = desk.run("validate -c old.yaml -m metal --strict").failed();
    assert!(error.contains("there are warnings"), "{error}");
    for (file, reason) in [
        ("secrets.yaml", "secrets.yaml is not valid: "),
        ("nowhere.yaml", "cannot read"),
    ] {
        let error = desk.run(&format!("validate -c {file} -m metal")).failed();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn cmd_002_patches_are_applied_before_a_configuration_is_sent() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.write("p.yaml", HOSTNAME);
    let before = desk.read("worker.yaml");
    let apply = format!("-e {} apply machineconfig -f worker.yaml", node.address);

    assert_eq!(
        desk.run(&format!("{apply} -p @p.yaml -m reboot --dry-run"))
            .done(),
        "127.0.0.1: mode 0, dry run true, patched\n"
    );
    assert_eq!(
        desk.run(&apply).done(),
        "127.0.0.1: mode 1, dry run false\n"
    );
    assert_eq!(desk.read("worker.yaml"), before);
    let error = desk.run(&format!("{apply} -p nonsense")).failed();
    assert!(error.contains("patch no. 1"), "{error}");
}

#[test]
fn cmd_016_pki_02_config_new_keeps_what_the_node_issued_for_its_owner_only() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let new = format!("-e {} config new", node.address);

    desk.run(&format!(
        "{new} reader.yaml --roles os:reader,os:etcd:backup --crt-ttl 24h"
    ))
    .done();

    let text = desk.read("reader.yaml");
    let config = ClientConfig::load(text.as_bytes()).unwrap();
    let context = config.current().unwrap();
    assert_eq!(context.cluster, "os:reader os:etcd:backup for 86400 s");
    // It leads to the node by itself.
    assert_eq!(context.endpoints, [node.address.to_string()]);
    let metadata = std::fs::metadata(desk.folder.join("reader.yaml")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let error = desk.run(&format!("{new} reader.yaml")).failed();
    assert!(error.contains("exists already"), "{error}");
    assert_eq!(desk.read("reader.yaml"), text);
    std::fs::remove_file(desk.folder.join("talosconfig")).unwrap();
    desk.run(&new).done();
    let ten_years = GoDuration::parse("87600h")
        .unwrap()
        .to_std()
        .unwrap()
        .as_secs();
    let lifetime = format!("os:admin for {ten_years} s");
    assert!(desk.read("talosconfig").contains(&lifetime));
    desk.run(&format!("config endpoint {} 10.0.0.3", node.address))
        .done();
    desk.run("-n 10.0.0.2 config new both.yaml").done();
    let both = ClientConfig::load(desk.read("both.yaml").as_bytes()).unwrap();
    let endpoints = [node.address.to_string(), "10.0.0.3".to_owned()];
    assert_eq!(both.current().unwrap().endpoints, endpoints);
    let error = desk
        .run("-n 10.0.0.2,10.0.0.3 config new never.yaml")
        .failed();
    assert!(error.contains("one node at a time"), "{error}");
    let error = desk.run(&format!("{new} never.yaml --crt-ttl 0s")).failed();
    assert!(error.contains("--crt-ttl"), "{error}");
}

#[test]
fn gen_config_is_done_in_a_moment() {
    let desk = Desk::empty();
    desk.run("gen config warm 10.0.0.2 --force").done();
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            desk.run("gen config home 10.0.0.2 --force").done();
            start.elapsed()
        })
        .min()
        .unwrap();

    // The promise is 100 ms; this is not optimised and the machine may be busy.
    assert!(best < Duration::from_millis(500), "{best:?}");
}
