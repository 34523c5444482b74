// SPDX-License-Identifier: MPL-2.0
//! The program itself: its outputs and its exit codes.
//!
//! Owns: a process for each test.
//! Never: waits for a node.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use crate::desk::Desk;

/// The program at a desk.
fn program(desk: &Desk, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ichorctl"));
    command
        .args(line.split_whitespace())
        .current_dir(&desk.folder)
        .env("HOME", desk.folder.join("home"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
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
