// SPDX-License-Identifier: MPL-2.0
//! The program itself: its outputs, its exit codes and its signals.
//!
//! Owns: a process for each test, and the wait for what it does.
//! Never: waits without a deadline.
#![expect(
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::double::Node;

const PATIENCE: Duration = Duration::from_secs(30);

/// The program at a desk.
fn program(desk: &Desk, line: &str) -> Command {
    let mut command = Command::new("env");
    command
        // Tests may run where these are ignored, as with nohup.
        .arg("--default-signal=HUP,INT,TERM")
        .arg(env!("CARGO_BIN_EXE_ichorctl"))
        .args(line.split_whitespace())
        .current_dir(&desk.folder)
        .env("HOME", desk.folder.join("home"))
        .env("TMPDIR", temporary(desk))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn temporary(desk: &Desk) -> PathBuf {
    desk.folder.with_extension("tmp")
}

/// Looks until there is something.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::yield_now();
    }
}

/// The files of a folder whose names begin so.
fn beginning(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(start)
    };
    paths.filter(is_meant).collect()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn code(mut child: Child) -> i32 {
    let status = until("end", || child.try_wait().unwrap());
    status.code().unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn a_disk_that_is_full_is_an_error_that_is_told_once() {
    let desk = Desk::empty();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    for line in ["image default", "--help"] {
        let said = program(&desk, line)
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();

        assert_eq!(said.status.code(), Some(1), "{line}");
        let err = String::from_utf8(said.stderr).unwrap();
        let why = "error: cannot write to standard output: No space left on device";
        assert_eq!(err.matches(why).count(), 1, "{line}: {err}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let desk = Desk::empty();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let said = program(&desk, "image default").stdout(writer).output();

    let said = said.unwrap();
    assert_eq!(said.status.code(), Some(0));
    assert_eq!(said.stderr, b"");
}

const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

#[test]
fn a_signal_ends_a_command_that_waits_and_nothing_is_left_behind() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    node.held.lock().unwrap().snapshot_hangs = true;
    for (name, expected) in SIGNALS {
        let line = format!("-e {} -n 10.0.0.2 etcd snapshot copy", node.address);
        let child = program(&desk, &line).spawn().unwrap();
        until("temporary file", || beginning(&desk.folder, ".copy.").pop());

        signal(&child, name);

        assert_eq!(code(child), expected, "{name}");
        assert!(beginning(&desk.folder, ".copy.").is_empty());
        assert!(!desk.folder.join("copy").exists());
    }
}

/// A desk whose configuration is edited with a script: it says that it runs, and goes on `while`.
fn edited(condition: &str) -> (Desk, Node, Child) {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    node.held
        .lock()
        .unwrap()
        .give("10.0.0.2", &desk.read("worker.yaml"));
    desk.write(
        "editor.sh",
        format!("touch runs\nwhile {condition}; do sleep 0.02; done\n"),
    );
    let editor = format!("sh {}", desk.folder.join("editor.sh").display());
    let line = format!("-e {} -n 10.0.0.2 edit mc", node.address);
    let child = program(&desk, &line)
        .env("TALOS_EDITOR", editor)
        .spawn()
        .unwrap();
    until("editor", || desk.folder.join("runs").exists().then_some(()));
    (desk, node, child)
}

#[test]
fn the_interrupt_key_is_the_editors_while_one_runs() {
    let (desk, _node, child) = edited("[ ! -e stop ]");
    assert_eq!(beginning(&temporary(&desk), "ichorctl-").len(), 1);

    signal(&child, "INT");
    desk.write("stop", "");

    // The text was not changed, which is no error.
    assert_eq!(code(child), 0);
    assert_eq!(beginning(&temporary(&desk), "").len(), 0);
}

#[test]
fn a_command_that_is_too_busy_to_notice_is_ended_and_nothing_is_left_behind() {
    // As long as there is something to edit.
    let (desk, _node, child) = edited("[ -e \"$1\" ]");

    signal(&child, "TERM");

    assert_eq!(code(child), 143);
    assert_eq!(beginning(&temporary(&desk), "").len(), 0);
}
