// SPDX-License-Identifier: MPL-2.0
//! `gen config` and the rules: what it writes, `validate` takes.
//!
//! Owns: the promises about flags that make no valid configuration.
//! Never: repeats the rules, which lib/config tests.

use crate::desk::Desk;

const LINE: [&str; 4] = ["gen", "config", "home", "10.0.0.2"];

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&LINE, more].concat()
}

#[test]
fn what_validate_refuses_was_written_by_gen_config() {
    for (flags, flag, reason, remedy) in [
        (
            &["--persist=false"][..],
            "--persist=false: persist: must not be false",
            "nothing is written",
            "leave it out",
        ),
        (
            &["--install-disk", ""],
            "--install-disk: machine.install: either disk",
            "configuration controlplane",
            "name a disk such as /dev/sda",
        ),
        (
            &["--additional-sans", "a b,c,d e"],
            "--additional-sans: machine.certSANs[0]: bad value",
            "--additional-sans: machine.certSANs[2]: bad value",
            "name addresses and DNS names",
        ),
        (
            &["--with-kubespan", "--with-cluster-discovery=false"],
            "--with-kubespan: machine.network.kubespan.enabled: needs cluster.discovery",
            "nothing is written",
            "leave out --with-cluster-discovery=false",
        ),
        (
            &["--dns-domain", "a b"],
            "--dns-domain: cluster.network.dnsDomain: bad value",
            "nothing is written",
            "such as cluster.local",
        ),
    ] {
        for patch in [
            &[][..],
            &["--config-patch", "machine: {network: {hostname: a}}"],
        ] {
            let desk = Desk::empty();
            let before = std::fs::read_dir(&desk.folder).unwrap().count();

            let error = desk.run_words(&words(&[flags, patch].concat())).failed();

            for part in [flag, reason, remedy] {
                assert!(error.contains(part), "{part}: {error}");
            }
            assert!(!error.contains("line "), "{error}");
            assert_eq!(std::fs::read_dir(&desk.folder).unwrap().count(), before);
        }
    }
}

#[test]
fn a_patch_may_mend_what_a_flag_leaves_open() {
    for (patch, mode) in [
        ("machine: {install: {diskSelector: {type: nvme}}}", "metal"),
        ("machine: {install: {$patch: delete}}", "cloud"),
    ] {
        let desk = Desk::empty();

        desk.run_words(&words(&["--install-disk", "", "--config-patch", patch]))
            .done();

        desk.run(&format!("validate -c worker.yaml -m {mode} --strict"))
            .done();
    }
}

#[test]
fn a_patch_that_removes_the_disk_is_named_as_the_patch_that_it_is() {
    let desk = Desk::empty();

    let error = desk
        .run_words(&words(&[
            "--config-patch",
            "[{op: remove, path: /machine/install/disk}]",
        ]))
        .failed();

    assert!(
        error.contains("cannot patch the generated controlplane: machine.install: either disk"),
        "{error}"
    );
}

#[test]
fn an_endpoint_without_tls_is_written_with_a_warning_and_is_valid() {
    let desk = Desk::empty();
    let warning = "cluster.controlPlane.endpoint: the Kubernetes API is reached over https only";

    let said = desk.run("gen config home http://10.0.0.2");

    for kind in ["controlplane", "worker"] {
        let line = format!("warning: {kind}: the endpoint: {warning}\n");
        assert!(said.err.contains(&line), "{}", said.err);
        desk.run(&format!("validate -c {kind}.yaml -m metal --strict"))
            .done();
    }
    said.done();
    for endpoint in [
        "https://me:word@10.0.0.2:6443",
        "https://[fe80::1%25eth0]:6443",
    ] {
        let desk = Desk::empty();
        let said = desk.run(&format!("gen config home {endpoint}"));
        assert!(!said.err.contains("warning"), "{}", said.err);
        said.done();
        desk.run("validate -c controlplane.yaml -m metal --strict")
            .done();
        assert!(
            desk.read("worker.yaml")
                .contains(&format!("endpoint: {endpoint}"))
        );
    }
}

#[test]
fn an_empty_list_of_names_is_none() {
    let desk = Desk::empty();

    desk.run_words(&words(&["--additional-sans", ""])).done();

    assert!(desk.read("worker.yaml").contains("certSANs: []"));
}
