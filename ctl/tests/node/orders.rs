// SPDX-License-Identifier: MPL-2.0
//! Orders that change what is installed, and etcd.
//!
//! Owns: what is sent for which flags, and the tables of the documents.
//! Never: takes an answer of a node that does not have the method for one that does.

use std::os::unix::fs::MetadataExt as _;

use crate::desk::Desk;
use crate::double::Node;

fn ordered(line: &str) -> (Desk, Node, String) {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.write("db.snapshot", vec![7; 200_000]);
    let out = desk.run(&format!("-e {} -n 10.0.0.2 {line}", node.address));
    let out = out.done();
    (desk, node, out)
}

#[test]
fn cmd_003_bootstrap_sends_the_snapshot_first() {
    let (_desk, node, out) = ordered("bootstrap");
    assert_eq!(out, "10.0.0.2: the order is accepted\n");
    let plain = "BootstrapRequest { recover_etcd: false, recover_skip_hash_check: false }";
    assert_eq!(node.held.lock().unwrap().orders, [plain]);

    let (_desk, node, _) =
        ordered("bootstrap --recover-from=./db.snapshot --recover-skip-hash-check");
    let recovered = "BootstrapRequest { recover_etcd: true, recover_skip_hash_check: true }";
    let orders = ["a snapshot of 200000 bytes", recovered];
    assert_eq!(node.held.lock().unwrap().orders, orders);

    let (desk, node, _) = ordered("image default");
    let line = format!("-e {} -n 10.0.0.2 bootstrap --recover-from", node.address);
    for wrong in ["nowhere", "."] {
        let error = desk.run(&format!("{line} {wrong}")).failed();
        assert!(error.contains("cannot read"), "{error}");
    }
    assert!(
        !node
            .held
            .lock()
            .unwrap()
            .orders
            .iter()
            .any(|order| order.contains("Bootstrap"))
    );
    desk.run("-n 10.0.0.2,10.0.0.3 bootstrap").failed();
    desk.run("bootstrap --recover-skip-hash-check").failed();
}

#[test]
fn cmd_078_every_flag_of_reset_reaches_the_node() {
    let (_desk, node, out) = ordered("reset --wait=false");
    assert_eq!(out, "10.0.0.2: the order is accepted\n");
    assert_eq!(
        node.held.lock().unwrap().orders,
        [
            "ResetRequest { graceful: true, reboot: false, system_partitions_to_wipe: [], \
          user_disks_to_wipe: [], mode: All }"
        ]
    );

    let (_desk, node, _) = ordered(
        "reset --wait=false --graceful=false --reboot --system-labels-to-wipe STATE,EPHEMERAL \
         --user-disks-to-wipe /dev/sdb --wipe-mode system-disk",
    );
    let orders = node.held.lock().unwrap().orders.join("\n");
    for part in [
        "graceful: false, reboot: true",
        "label: \"STATE\", wipe: true",
        "label: \"EPHEMERAL\", wipe: true",
        "user_disks_to_wipe: [\"/dev/sdb\"], mode: SystemDisk",
    ] {
        assert!(orders.contains(part), "{orders}");
    }
}

#[test]
fn cmd_086_every_flag_of_upgrade_reaches_the_node() {
    let (_desk, node, _) = ordered("upgrade --wait=false");
    assert_eq!(
        node.held.lock().unwrap().orders,
        [
            "UpgradeRequest { image: \"ghcr.io/siderolabs/installer:v1.6.7\", preserve: false, \
          stage: false, force: false, reboot_mode: Default }"
        ]
    );
    let (_desk, node, _) = ordered("upgrade --wait=false -i a:1 -p -s -f -m powercycle");
    assert_eq!(
        node.held.lock().unwrap().orders,
        [
            "UpgradeRequest { image: \"a:1\", preserve: true, stage: true, force: true, \
          reboot_mode: Powercycle }"
        ]
    );
}

#[test]
fn cmd_027_cmd_028_cmd_030_cmd_034_cmd_037_the_tables_of_etcd_are_those_of_the_documents() {
    let (_desk, _node, out) = ordered("etcd status");
    assert_eq!(
        out,
        "NODE       MEMBER             DB SIZE   IN USE            LEADER             RAFT INDEX   RAFT TERM   RAFT APPLIED INDEX   LEARNER   ERRORS\n\
         10.0.0.2   a49c021e76e707db   17 MB     4.4 MB (26.10%)   ecebb05b59a776f1   53391        4           53391                false\n"
    );
    let (_desk, _node, out) = ordered("etcd members");
    assert_eq!(
        out,
        "NODE       ID                 HOSTNAME   PEER URLS                 CLIENT URLS               LEARNER\n\
         10.0.0.2   a49c021e76e707db   node-1     https://172.20.0.2:2380   https://172.20.0.2:2379   false\n"
    );
    let (_desk, _node, out) = ordered("etcd alarm list");
    assert_eq!(
        out,
        "NODE       MEMBER             ALARM\n10.0.0.2   a49c021e76e707db   NOSPACE\n"
    );
}

#[test]
fn cmd_035_cmd_036_members_are_removed_by_their_id_and_snapshots_are_files() {
    let (desk, _node, out) = ordered("etcd snapshot copy.snapshot");
    assert_eq!(out, "etcd snapshot saved to \"copy.snapshot\" (8 bytes)\n");
    assert_eq!(desk.read("copy.snapshot"), "snapshot");
    // Every secret of the cluster is in it.
    let mode = std::fs::metadata(desk.folder.join("copy.snapshot"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let (_desk, node, out) = ordered("etcd remove-member a49c021e76e707db");
    assert_eq!(out, "10.0.0.2: removed a49c021e76e707db\n");
    let order = "EtcdRemoveMemberByIdRequest { member_id: 11861357848454170587 }";
    assert_eq!(node.held.lock().unwrap().orders, [order]);
}

#[test]
fn cmd_029_cmd_031_cmd_032_cmd_033_cmd_080_what_a_node_does_not_have_is_passed_on_as_it_says_it() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    for line in [
        "rollback",
        "etcd leave",
        "etcd defrag",
        "etcd forfeit-leadership",
        "etcd alarm disarm",
        "etcd remove-member node-1",
    ] {
        let error = desk
            .run(&format!("-e {} -n 10.0.0.2 {line}", node.address))
            .failed();
        assert!(error.contains("(Unimplemented)"), "{line}: {error}");
    }
}

#[test]
fn cmd_054_default_images_are_one_in_a_line() {
    let out = Desk::empty().run("image default").done();
    for image in [
        "ghcr.io/siderolabs/kubelet:v1.29.3",
        "registry.k8s.io/kube-apiserver:v1.29.3",
        "gcr.io/etcd-development/etcd:v3.5.11",
    ] {
        assert!(out.lines().any(|line| line == image), "{out}");
    }
}

#[test]
fn what_is_sent_and_fetched_says_how_far_it_is() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.write("db.snapshot", vec![7; 200_000]);
    for (line, says) in [
        ("bootstrap --recover-from db.snapshot", " of 200 kB\n"),
        ("etcd snapshot copy.snapshot", "copy.snapshot: 4 B\n"),
        ("copy /var out", "10.0.0.2: /var: 50 B\n"),
    ] {
        let said = desk.run_telling(&format!("-e {} -n 10.0.0.2 {line}", node.address));
        assert!(said.err.contains(says), "{line}: {said:?}");
        said.done();
    }
}

#[test]
fn a_refusal_of_one_node_in_maintenance_mode_does_not_keep_the_order_from_the_next() {
    let desk = Desk::with_cluster();
    let (refusing, taking) = (Node::maintenance(), Node::maintenance());
    refusing.held.lock().unwrap().refuses = true;
    for (line, order) in [("reset", "ResetRequest"), ("upgrade", "UpgradeRequest")] {
        let nodes = format!("{},{}", refusing.address, taking.address);
        let said = desk.run(&format!("-n {nodes} {line} --insecure"));

        assert_eq!(said.out, "127.0.0.1: the order is accepted\n");
        let why = format!("error: {}: not now (FailedPrecondition)", refusing.address);
        assert!(said.err.contains(&why), "{said:?}");
        said.failed();
        let orders = taking.held.lock().unwrap().orders.clone();
        assert!(orders.last().unwrap().starts_with(order), "{orders:?}");
    }
}
