// SPDX-License-Identifier: MPL-2.0
//! Tables, letter by letter.
//!
//! Owns: what each command shows of the double's answers.
//! Never: tolerates another column.

use ichorctl::Outcome;

use crate::desk::{Desk, Said};
use crate::double::Node;

/// Runs a command against a node of the desk's cluster.
fn ask(line: &str) -> Said {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.run(&format!("-e {} {line}", node.address))
}

#[test]
fn cmd_081_logs_02_svc_10_services_are_a_table() {
    assert_eq!(
        ask("-n 10.0.0.2 services").done(),
        "NODE       SERVICE   STATE     HEALTH   LAST CHANGE   LAST EVENT\n\
         10.0.0.2   apid      Running   OK       2h0m5s ago    ready\n\
         10.0.0.2   broken    Failed    Fail     2h0m5s ago    ready\n\
         10.0.0.2   udevd     Running   ?        2h0m5s ago    ready\n"
    );
}

#[test]
fn cmd_081_one_service_is_a_list() {
    assert_eq!(
        ask("-n 10.0.0.2 service apid").done(),
        "NODE     10.0.0.2\n\
         ID       apid\n\
         STATE    Running\n\
         HEALTH   OK\n\
         EVENTS   [Running]: ready (2h0m5s ago)\n"
    );
}

#[test]
fn a_service_that_is_not_there_is_an_error() {
    let error = ask("-n 10.0.0.2 service nobody").failed();

    assert!(
        error.contains("10.0.0.2: there is no service \"nobody\""),
        "{error}"
    );
}

#[test]
fn cmd_081_control_of_a_service_shows_each_nodes_response() {
    assert_eq!(
        ask("-n 10.0.0.2,10.0.0.3 service apid restart").done(),
        "NODE       RESPONSE\n\
         10.0.0.2   service apid is restarted\n\
         10.0.0.3   service apid is restarted\n"
    );
}

#[test]
fn cmd_067_memory_is_in_mebibytes() {
    assert_eq!(
        ask("-n 10.0.0.2 memory").done(),
        "NODE       TOTAL   USED   FREE   SHARED   BUFFERS   CACHE   AVAILABLE\n\
         10.0.0.2   128     47     64     2        1         16      96\n"
    );
}

#[test]
fn verbose_memory_has_every_number() {
    let out = ask("memory -v").done();

    assert!(
        out.starts_with("NODE: 127.0.0.1\nMemTotal: 131072 kB\n"),
        "{out}"
    );
    assert_eq!(out.lines().count(), 49);
    assert!(out.contains("\nHugePagesFree: 0\n"), "{out}");
    assert!(out.contains("\nHugepagesize: 0 kB\n"), "{out}");
}

#[test]
fn cmd_071_mounts_are_in_gigabytes_and_those_without_a_size_stay() {
    assert_eq!(
        ask("-n 10.0.0.2 mounts").done(),
        "NODE       FILESYSTEM   SIZE(GB)   USED(GB)   AVAILABLE(GB)   PERCENT USED   MOUNTED ON\n\
         10.0.0.2   /dev/loop0   0.01       0.01       0.00            100.00%        /\n\
         10.0.0.2   tmpfs        64.00      16.00      48.00           25.00%         /run\n\
         10.0.0.2   proc         0.00       0.00       0.00            -              /proc\n"
    );
}

#[test]
fn cmd_075_processes_are_ordered_by_memory_or_time() {
    assert_eq!(
        ask("-n 10.0.0.2 processes").done(),
        "NODE       PID   STATE   THREADS   CPU-TIME   VIRTMEM   RESMEM   COMMAND\n\
         10.0.0.2   7     S       1         0.50       2.0 MB    3.9 MB   /usr/lib/ichor/apid\n\
         10.0.0.2   1     S       1         1.25       2.0 MB    400 kB   /sbin/init\n\
         10.0.0.2   2     S       1         9.50       2.0 MB    0 B      [kthreadd]\n"
    );
    let out = ask("processes --sort cpu").done();
    let pids: Vec<&str> = out
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(pids, ["2", "1", "7"]);
    let two = ask("-n 10.0.0.2,10.0.0.3 processes").done();
    let rows: Vec<Vec<&str>> = two
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().take(2).collect())
        .collect();
    let row = |node, pid| vec![node, pid];
    assert_eq!(
        rows,
        [
            row("10.0.0.2", "7"),
            row("10.0.0.2", "1"),
            row("10.0.0.2", "2"),
            row("10.0.0.3", "7"),
            row("10.0.0.3", "1"),
            row("10.0.0.3", "2"),
        ]
    );
}

#[test]
fn cmd_090_version_shows_client_and_server() {
    let out = ask("-n 10.0.0.2 version").done();

    let (client, server) = out.split_once("Server:\n").unwrap();
    assert!(client.starts_with("Client:\n\tTag:         v"), "{client}");
    assert_eq!(
        server,
        "\tNODE:        10.0.0.2\n\tTag:         v9.8.7\n\tOS/Arch:     linux/arm64\n"
    );
    let short = ask("-n 10.0.0.2 version --short").done();
    assert!(short.ends_with("10.0.0.2: v9.8.7\n"), "{short}");
}

#[test]
fn the_version_of_the_client_needs_no_node() {
    let out = Desk::empty().run("version --client --short").done();

    assert_eq!(out, concat!("Client: v", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn cmd_063_logs_03_lines_of_logs_have_their_node_in_front() {
    assert_eq!(
        ask("-n 10.0.0.2,10.0.0.3 logs machined").done(),
        "10.0.0.2: one\n10.0.0.2: two\n10.0.0.3: one\n10.0.0.3: two\n\
         10.0.0.2: three\n10.0.0.3: three\n"
    );
}

#[test]
fn cmd_025_records_of_the_kernel_have_their_node_in_front() {
    assert_eq!(
        ask("dmesg").done(),
        "127.0.0.1: kern: info: the first\n127.0.0.1: kern: info: the last\n"
    );
}

#[test]
fn logs_of_containers_are_not_built_and_said_so() {
    let error = ask("logs -k kube-system/x").failed();

    assert!(error.contains("not built yet (Unimplemented)"), "{error}");
}

#[test]
fn a_failed_node_does_not_hide_the_answers_of_the_others() {
    for (command, expected) in [
        ("services", "10.0.0.3   apid      Running"),
        ("memory", "10.0.0.3   128"),
        ("mounts", "10.0.0.3   tmpfs"),
        ("processes", "10.0.0.3   7"),
        ("version", "NODE:        10.0.0.3"),
        ("logs machined", "10.0.0.3: two"),
    ] {
        let said = ask(&format!("-n 10.0.0.9 -n 10.0.0.3 {command}"));

        assert_eq!(said.outcome, Outcome::Failed, "{command}");
        assert!(said.out.contains(expected), "{command}: {}", said.out);
        assert!(
            said.err
                .contains("error: 10.0.0.9: no route to it (Unavailable)"),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_table_without_rows_is_left_out_when_an_error_says_why() {
    let said = ask("-n 10.0.0.9 services");

    assert_eq!(said.out, "");
    assert!(said.failed().contains("no route to it"));
}

#[test]
fn without_nodes_the_endpoint_is_the_node() {
    let out = ask("memory").done();

    assert!(out.contains("\n127.0.0.1   128"), "{out}");
}

#[test]
fn reboot_without_waiting_says_that_the_order_is_accepted() {
    assert_eq!(
        ask("-n 10.0.0.2 reboot --wait=false").done(),
        "10.0.0.2: the order is accepted\n"
    );
}

#[test]
fn every_command_has_a_manual_page_with_its_flags_and_examples() {
    let desk = Desk::empty();
    let said = desk.run("man pages");
    assert!(said.err.contains(" pages in "), "{}", said.err);
    said.done();
    let page = |name: &str| desk.read(&format!("pages/{name}.1"));

    let first = page("ichorctl");
    for word in ["apply\\-config", "EXAMPLES", "talosconfig"] {
        assert!(first.contains(word), "{word}: {first}");
    }
    let deep = page("ichorctl-config-add");
    for word in [
        "\\-\\-crt",
        "\\-\\-talosconfig",
        "ichorctl config add home",
        "SEE ALSO",
    ] {
        assert!(deep.contains(word), "{word}: {deep}");
    }
}

#[test]
fn help_of_every_command_has_an_example() {
    for command in [
        "",
        "apply-config",
        "completion",
        "config",
        "config merge",
        "copy",
        "dmesg",
        "events",
        "gen",
        "gen config",
        "gen secrets",
        "list",
        "logs",
        "memory",
        "mounts",
        "processes",
        "read",
        "reboot",
        "service",
        "shutdown",
        "usage",
        "version",
    ] {
        let out = Desk::empty().run(&format!("{command} --help")).done();
        assert!(out.contains("Example"), "{command}: {out}");
    }
    assert!(
        Desk::empty()
            .run("--version")
            .done()
            .starts_with("ichorctl ")
    );
}

#[test]
fn cmd_055_images_are_a_table_and_a_node_that_fails_hides_none() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let line = "-n 10.0.0.2,10.0.0.9 image list --namespace system";
    let said = desk.run(&format!("-e {} {line}", node.address));

    assert_eq!(
        said.out,
        "NODE       IMAGE           DIGEST     SIZE     CREATED\n\
         10.0.0.2   a.example/b:1   sha256:0   1.2 MB   2026-09-21T16:13:25Z\n\
         10.0.0.2   c:2             sha256:0   7 B      2026-09-21T16:13:25Z\n"
    );
    assert!(said.err.contains("10.0.0.9: no route to it"), "{said:?}");
    assert_eq!(said.outcome, Outcome::Failed);
}

#[test]
fn cmd_053_images_are_those_of_kubernetes_unless_it_is_said() {
    for line in ["image ls", "images l", "image --namespace cri list"] {
        let error = ask(&format!("-n 10.0.0.2 {line}")).failed();
        assert!(error.contains("namespace \"cri\""), "{error}");
    }
    assert!(ask("image --namespace system ls").done().contains("c:2"));
}

#[test]
fn cmd_056_each_node_that_pulled_an_image_is_named() {
    let said = ask("-n 10.0.0.2,10.0.0.3 image pull a:1 --namespace system");
    assert_eq!(said.outcome, Outcome::Done);
    for node in ["10.0.0.2", "10.0.0.3"] {
        assert!(
            said.err.contains(&format!("{node}: pulled a:1")),
            "{said:?}"
        );
    }
    let error = ask("-n 10.0.0.2 image pull a:2 --namespace system").failed();
    assert!(error.contains("has no such manifest (404)"), "{error}");
}

#[test]
fn a_list_of_images_that_goes_on_and_on_is_cut_and_that_is_an_error() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    node.held.lock().unwrap().floods = true;
    let said = desk.run(&format!(
        "-e {} image list --namespace system",
        node.address
    ));

    assert_eq!(said.out.lines().count(), 10_001);
    let why = "error: 127.0.0.1: the list is more than 10000 images";
    assert!(said.failed().contains(why));
}
