// SPDX-License-Identifier: MPL-2.0
//! `list`, `read`, `usage`, `copy` and `netstat` against the double.
//!
//! Owns: their columns, their flags, and what an archive may do to a folder.
//! Never: writes outside of the desk.

use std::os::unix::fs::PermissionsExt as _;

use ichorctl::Outcome;

use crate::desk::{Desk, Said};
use crate::double::Node;

fn ask(line: &str) -> Said {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    desk.run(&format!("-e {} {line}", node.address))
}

#[test]
fn cmd_062_names_are_a_table_for_every_spelling() {
    for command in ["list", "l", "ls"] {
        assert_eq!(
            ask(&format!("-n 10.0.0.2 {command} /etc")).done(),
            "NODE       NAME\n\
             10.0.0.2   .\n\
             10.0.0.2   hosts\n\
             10.0.0.2   resolv.conf\n"
        );
    }
}

#[test]
fn cmd_062_long_rows_have_everything_and_humanize_makes_it_short() {
    assert_eq!(
        ask("-n 10.0.0.2 list -l /etc").done(),
        "NODE       MODE         UID   GID   SIZE(B)   LASTMOD                NAME\n\
         10.0.0.2   drwxr-xr-x   0     50    160       Sep 20 2026 16:13:25   .\n\
         10.0.0.2   -rw-r--r--   0     50    1200      Sep 20 2026 16:13:25   hosts\n\
         10.0.0.2   lrwxrwxrwx   0     50    27        Sep 20 2026 16:13:25   \
         resolv.conf -> /system/etc/resolv.conf\n"
    );
    let out = ask("-n 10.0.0.2 list -lH /etc").done();
    assert!(out.contains("SIZE     LASTMOD     NAME\n"), "{out}");
    assert!(out.contains("1.2 kB   1 day ago   hosts\n"), "{out}");
}

#[test]
fn cmd_062_flags_reach_the_node_and_the_default_is_one_folder() {
    for (flags, asked) in [
        ("", "false 1 []"),
        ("-r", "true 0 []"),
        ("-d 3", "true 3 []"),
        ("-d -1", "true -1 []"),
        ("-r --depth 2 -t f,d --type L", "true 2 [0, 1, 2]"),
    ] {
        let out = ask(&format!("-n 10.0.0.2 list /asked {flags}")).done();
        assert!(out.ends_with(&format!("10.0.0.2   {asked}\n")), "{out}");
    }
}

#[test]
fn cmd_062_an_entry_that_failed_is_an_error_and_the_others_are_shown() {
    let said = ask("-n 10.0.0.2,10.0.0.9 list /broken");

    assert_eq!(said.outcome, Outcome::Failed);
    assert!(said.out.contains("10.0.0.2   hosts\n"), "{}", said.out);
    assert!(
        said.err
            .contains("error: 10.0.0.2: cannot list /broken/x: gone")
    );
    assert!(
        said.err
            .contains("error: 10.0.0.9: no route to it (Unavailable)")
    );
    let gone = ask("-n 10.0.0.2 list /gone");
    assert_eq!(gone.out, "");
    assert!(gone.failed().contains("cannot list /gone (NotFound)"));
}

#[test]
fn cmd_088_sums_are_a_table_and_several_paths_keep_their_names() {
    assert_eq!(
        ask("-n 10.0.0.2 usage /var").done(),
        "NODE       SIZE      NAME\n\
         10.0.0.2   1500000   log\n\
         10.0.0.2   1504096   .\n"
    );
    let two = ask("-n 10.0.0.2 du -H /var /gone /opt");
    assert_eq!(two.outcome, Outcome::Failed);
    assert_eq!(
        two.out,
        "NODE       SIZE     NAME\n\
         10.0.0.2   1.5 MB   /var/log\n\
         10.0.0.2   1.5 MB   /var\n\
         10.0.0.2   1.5 MB   /opt/log\n\
         10.0.0.2   1.5 MB   /opt\n"
    );
    assert!(two.err.contains("error: 10.0.0.2: cannot look at /gone"));
    let asked = ask("-n 10.0.0.2 usage -a -d 2 -t -10 /asked").done();
    assert!(asked.ends_with("2 true -10\n"), "{asked}");
}

#[test]
fn cmd_076_a_file_is_written_as_it_is_and_only_of_one_node() {
    assert_eq!(
        ask("-n 10.0.0.2 read /etc/hosts").done(),
        "127.0.0.1 localhost\n\x1b[2J"
    );
    let broken = ask("read /broken");
    assert_eq!(broken.out, "half");
    assert!(
        broken
            .failed()
            .contains("cannot read /broken: an error of the disk")
    );
    let error = ask("-n 10.0.0.2,10.0.0.3 read /etc/hosts").failed();
    assert!(
        error.contains("`read` is for one node at a time"),
        "{error}"
    );
    let error = ask("-n 10.0.0.2 read /nothing").failed();
    assert!(
        error.contains("10.0.0.2: cannot read /nothing (NotFound)"),
        "{error}"
    );
}

#[test]
fn cmd_022_a_folder_is_unpacked_and_secrets_stay_secret() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let copy = |line: &str| desk.run(&format!("-e {} -n 10.0.0.2 {line}", node.address));

    let said = copy("copy /var new/folder");

    assert!(
        said.err.contains("null: left out: a character device"),
        "{}",
        said.err
    );
    assert_eq!(said.done(), "");
    assert_eq!(desk.read("new/folder/log/a"), "one");
    assert_eq!(desk.read("new/folder/log/key"), "two");
    let mode = |name: &str| {
        let file = std::fs::metadata(desk.folder.join(name)).unwrap();
        file.permissions().mode() & 0o7777
    };
    assert_eq!(mode("new/folder/log/key"), 0o600);
    assert_eq!(mode("new/folder/log/a") & 0o7133, 0);
    assert_eq!(mode("new/folder/log") & 0o027, 0);
    let link = std::fs::read_link(desk.folder.join("new/folder/link")).unwrap();
    assert_eq!(link.to_str(), Some("/etc/passwd"));
    assert!(!desk.folder.join("new/folder/null").exists());
    // A second time everything is there already.
    let error = copy("cp /var new/folder").failed();
    assert!(
        error.contains("log/a is there already; nothing is written over"),
        "{error}"
    );
}

#[test]
fn cmd_022_an_archive_cannot_leave_its_folder_or_write_over_anything() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    for (source, reason) in [
        ("/upwards", "a/../../out: the name leads out of the folder"),
        ("/absolute", "/tmp/out: the name is absolute"),
        ("/through", "door/out is there already"),
        ("/twice", "a is there already"),
        ("/nonsense", "the archive of the node"),
        ("/torn", "cannot read the disk (Internal)"),
        ("/half", "cannot write"),
        ("/gone", "cannot copy /gone (NotFound)"),
    ] {
        let target = source.trim_start_matches('/');
        let line = format!("-e {} -n 10.0.0.2 copy {source} in/{target}", node.address);
        let error = desk.run(&line).failed();
        assert!(error.contains(reason), "{source}: {error}");
    }
    assert!(!desk.folder.join("in/out").exists());
    assert!(!desk.folder.join("out").exists());
    assert!(!desk.folder.join("in/gone").exists());
    assert_eq!(desk.read("in/twice/a"), "first");
    // What did not come whole is not there.
    assert!(desk.folder.join("in/half").is_dir());
    assert!(!desk.folder.join("in/half/a").exists());
}

#[test]
fn cmd_022_the_archive_itself_goes_to_standard_output_and_what_is_missing_is_said() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let copy = |line: &str| desk.run(&format!("-e {} {line}", node.address));

    let out = copy("copy /nonsense -").done();
    let short = copy("copy /short whole");
    desk.write("file", "");
    let file = copy("copy /var file").failed();

    assert_eq!(out, "this is no archive at all");
    assert_eq!(desk.read("whole/log/a"), "one");
    assert!(
        short
            .failed()
            .contains("127.0.0.1: cannot copy /short/b: gone")
    );
    assert!(file.contains("file is not a folder"), "{file}");
    let several = copy("-n 10.0.0.2,10.0.0.3 copy /var -").failed();
    assert!(
        several.contains("`copy` is for one node at a time"),
        "{several}"
    );
}

#[test]
fn cmd_072_sockets_are_a_table_with_the_columns_that_are_asked_for() {
    assert_eq!(
        ask("-n 10.0.0.2 netstat").done(),
        "NODE       Proto   Recv-Q   Send-Q   Local Address     Foreign Address   State\n\
         10.0.0.2   tcp     0        10       10.0.2.15:50000   10.0.2.2:258      ESTABLISHED\n\
         10.0.0.2   udp6    0        0        [::]:68           [::]:*\n"
    );
    let out = ask("-n 10.0.0.2 netstat -axpok").done();
    let mut lines = out.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with("State         Uid   Inode   PID/Program name   Pod   Timer"),
        "{out}"
    );
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with("50    1235    77/apid            -     keepalive (10.10/0/0)"),
        "{out}"
    );
    let pod = ask("-n 10.0.0.2 netstat kube-system/x").failed();
    assert!(
        pod.contains("no network of kube-system/x (Unimplemented)"),
        "{pod}"
    );
}
