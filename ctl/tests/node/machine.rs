// SPDX-License-Identifier: MPL-2.0
//! `disks`, `containers`, `stats`, `restart`, `time`, `meta` and `pcap` against the double.
//!
//! Owns: their columns and flags.
//! Never: tolerates another column.

use ichorctl::Outcome;

use crate::desk::{Desk, Said};
use crate::double::Node;

fn ask(line: &str) -> Said {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.run(&format!("-e {} {line}", node.address))
}

#[test]
fn cmd_024_disks_are_a_table_with_what_is_not_known_left_as_a_dash() {
    let said = ask("-n 10.0.0.2,10.0.0.9 disks");

    assert_eq!(said.outcome, Outcome::Failed);
    assert!(
        said.err.contains("10.0.0.9: no route to it"),
        "{}",
        said.err
    );
    assert_eq!(
        said.out,
        "NODE       DEV            MODEL   SERIAL    TYPE   UUID   WWID   MODALIAS                    \
         NAME    SIZE    BUS_PATH                            SUBSYSTEM          READ_ONLY   SYSTEM_DISK\n\
         10.0.0.2   /dev/vda       -       -         HDD    -      -      virtio:d00000002v00001AF4   \
         -       69 GB   /pci0000:00/0000:00:06.0/virtio2/   /sys/class/block               *\n\
         10.0.0.2   /dev/mmcblk0   -       0x [2J1   SD     -      -      -                           \
         SC16G   16 GB   -                                   -                  *\n"
    );
}

#[test]
fn cmd_024_one_node_in_maintenance_is_not_named_in_its_table() {
    let desk = Desk::with_cluster();
    let node = Node::maintenance();

    let said = desk.run(&format!("disks --insecure -n {}", node.address));

    assert_eq!(
        said.done(),
        "DEV        MODEL   SERIAL   TYPE   UUID   WWID   MODALIAS                    NAME   SIZE    \
         BUS_PATH                            SUBSYSTEM          READ_ONLY   SYSTEM_DISK\n\
         /dev/vda   -       -        HDD    -      -      virtio:d00000002v00001AF4   -      69 GB   \
         /pci0000:00/0000:00:06.0/virtio2/   /sys/class/block               *\n"
    );
}

#[test]
fn cmd_021_diag_18_containers_are_a_table_and_those_of_a_pod_stand_below_it() {
    assert_eq!(
        ask("-n 10.0.0.2 containers").done(),
        "NODE       NAMESPACE   ID          IMAGE       PID    STATUS\n\
         10.0.0.2   system      ctr-web     busybox:1   1773   RUNNING\n\
         10.0.0.2   system      ext-hello   -           0      STOPPED\n"
    );
    assert_eq!(
        ask("-n 10.0.0.2 containers --kubernetes").done(),
        "NODE       NAMESPACE   ID                                        IMAGE       PID    STATUS\n\
         10.0.0.2   k8s.io      kube-system/flannel                       pause:3.8   1773   SANDBOX_READY\n\
         10.0.0.2   k8s.io      └─ kube-system/flannel:install-cni:bc39   cni:1       0      CONTAINER_EXITED\n"
    );
}

#[test]
fn cmd_083_stats_are_a_table_in_megabytes_and_nanoseconds() {
    assert_eq!(
        ask("-n 10.0.0.2 stats").done(),
        "NODE       NAMESPACE   ID        MEMORY(MB)   CPU\n\
         10.0.0.2   system      ctr-web   12.35        1500000\n"
    );
}

#[test]
fn cmd_079_a_restart_says_on_which_nodes_it_was_done() {
    let said = ask("-n 10.0.0.2,10.0.0.3 restart ctr-web");

    assert_eq!(said.out, "");
    assert_eq!(
        said.err,
        "10.0.0.2: restarted ctr-web\n10.0.0.3: restarted ctr-web\n"
    );
    let refused = ask("-n 10.0.0.2 restart machined").failed();
    assert!(
        refused.contains("it is no container (FailedPrecondition)"),
        "{refused}"
    );
}

#[test]
fn cmd_085_time_is_that_of_the_node_beside_that_of_the_server() {
    assert_eq!(
        ask("-n 10.0.0.2 time").done(),
        "NODE       NTP-SERVER     NODE-TIME                     NTP-SERVER-TIME\n\
         10.0.0.2   pool.ntp.org   2026-09-21T16:13:25.000000Z   2026-09-21T16:13:25.000250Z\n"
    );
    let checked = ask("-n 10.0.0.2 time --check ntp.example").done();
    assert!(
        checked.contains("10.0.0.2   ntp.example   2026"),
        "{checked}"
    );
    let refused = ask("-n 10.0.0.2 time -c nobody").failed();
    assert!(
        refused.contains("time server nobody: no answer (Unavailable)"),
        "{refused}"
    );
}

#[test]
fn cmd_070_a_value_of_meta_is_written_on_each_node_and_not_shown() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let address = node.address.to_string();
    let words = [
        "-e",
        &address,
        "-n",
        "10.0.0.2,10.0.0.9",
        "meta",
        "write",
        "0xa",
        "-x y",
    ];

    let said = desk.run_words(&words);

    assert_eq!(said.outcome, Outcome::Failed);
    assert!(
        said.err.contains("10.0.0.2: META 0x0a is written\n"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("10.0.0.9: no route to it"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("-x y") && said.out.is_empty());
}

#[test]
fn cmd_069_a_value_of_meta_is_deleted_and_one_that_is_not_there_is_an_error() {
    let said = ask("-n 10.0.0.2 meta delete 10");
    assert_eq!(said.err, "10.0.0.2: META 0x0a is deleted\n");

    let refused = ask("-n 10.0.0.2 meta delete 0x0c").failed();
    assert!(
        refused.contains("0x0c: has no value (NotFound)"),
        "{refused}"
    );
}

#[test]
fn cmd_068_meta_of_a_node_in_maintenance_is_written_without_a_certificate() {
    let desk = Desk::with_cluster();
    let node = Node::maintenance();
    let address = node.address.to_string();

    let said = desk.run_words(&["meta", "-i", "write", "10", "-x y", "-n", &address]);

    assert!(
        said.err.contains("127.0.0.1: META 0x0a is written"),
        "{said:?}"
    );
}

#[test]
fn cmd_074_packets_are_a_line_each() {
    assert_eq!(
        ask("-n 10.0.0.2 pcap").done(),
        "00:00:01.000002 ARP who has 10.0.0.2 tell 10.0.0.1, length 60\n\
         00:00:02.000003 truncated, length 14\n"
    );
}

#[test]
fn cmd_074_packets_are_saved_as_they_are_and_the_filter_reaches_the_node() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let address = node.address.to_string();
    let filter = "{ 0x28, 0, 0, 0xc },\n{ 0x6, 0, 0, 1 }";
    let words = |output| {
        let flags = [
            "-e",
            &address,
            "-n",
            "10.0.0.2",
            "pcap",
            "--promiscuous",
            "--bpf-filter",
        ];
        [&flags[..], &[filter, "-o", output]].concat()
    };

    desk.run_words(&words("a.pcap")).done();

    let saved = std::fs::read(desk.folder.join("a.pcap")).unwrap();
    assert_eq!((saved.len(), &saved[..4]), (98, &b"\xd4\xc3\xb2\xa1"[..]));
}

#[test]
fn cmd_074_a_capture_ends_when_its_time_is_up_and_is_of_one_node() {
    let said = ask("-n 10.0.0.2 pcap -i eth1 --duration 300ms");
    assert_eq!(said.done().lines().count(), 2);

    let refused = ask("-n 10.0.0.2 pcap -i none0 -o x.pcap").failed();
    assert!(refused.contains("there is none (NotFound)"), "{refused}");
    let two = ask("-n 10.0.0.2,10.0.0.3 pcap").failed();
    assert!(two.contains("one node at a time"), "{two}");
}

#[test]
fn cmd_052_a_node_checks_with_what_the_flags_say_and_no_health_is_made_up() {
    let said = ask(
        "-n 10.0.0.2 health --control-plane-nodes 10.0.0.2 --init-node 10.0.0.4 --worker-nodes a,b \
         --k8s-endpoint https://c:6443 --wait-timeout 30s",
    );

    assert_eq!(
        said.out,
        "waiting for apid: OK [2J\n\
         30 s, [\"10.0.0.2\", \"10.0.0.4\"], [\"a\", \"b\"], \"https://c:6443\"\n"
    );
    let error = said.failed();
    assert!(
        error.contains("this node is healthy; the rest is not built yet (Unimplemented)"),
        "{error}"
    );
    let tests = ask("-n 10.0.0.2 health --run-e2e").failed();
    assert!(tests.contains("--run-e2e: not built yet"), "{tests}");
}

#[test]
fn diag_03_from_here_every_named_node_is_asked_and_one_that_is_cut_off_is_the_reason() {
    let said = ask(
        "-n 10.0.0.7 health --server=false --control-plane-nodes 10.0.0.2 --worker-nodes 10.0.0.9 \
         --wait-timeout 0s",
    );

    assert_eq!(
        said.out,
        "waiting for all nodes to be ready: ...\n\
         waiting for all nodes to be ready: 10.0.0.2: services: broken is not running\n\
         waiting for all nodes to be ready: 10.0.0.9: no route to it (Unavailable)   try again; the node \
         may be restarting\n"
    );
    let error = said.failed();
    assert!(
        error.contains(
            "waiting for all nodes to be ready: 10.0.0.2: services: broken is not running; 10.0.0.9"
        ),
        "{error}"
    );
}

#[test]
fn diag_03_from_here_nodes_that_lack_nothing_by_their_own_judgement_are_ready() {
    let said = ask("-n 10.0.0.3 health --server=false --wait-timeout 0s");

    assert!(
        said.out.contains("waiting for all nodes to be ready: OK\n"),
        "{said:?}"
    );
    let error = said.failed();
    assert!(
        error.contains("etcd and Kubernetes are not checked"),
        "{error}"
    );
}
