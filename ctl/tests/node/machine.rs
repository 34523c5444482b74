// SPDX-License-Identifier: MPL-2.0
//! `disks`, `containers`, `stats`, `restart` and `time` against the double.
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
fn cmd_021_containers_are_a_table_and_those_of_a_pod_stand_below_it() {
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
