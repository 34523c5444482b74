// SPDX-License-Identifier: MPL-2.0
//! The wizard on a real terminal, against a node in maintenance mode.
//!
//! Owns: the promises of `apply-config --mode interactive`.
//! Never: sends a key before the form is there.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use config::{ClientConfig, SecretsBundle};

use crate::desk::Desk;
use crate::double::Node;

const PATIENCE: Duration = Duration::from_secs(30);

/// The command on a terminal of 30 lines.
struct Terminal {
    child: std::process::Child,
    pieces: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    fn open(desk: &Desk, line: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_ichorctl");
        let command = format!("stty rows 30 cols 100; exec {program} {line}");
        let mut child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(&desk.folder)
            .env("HOME", &desk.folder)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let (send, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            pieces,
            shown: String::new(),
        }
    }

    /// Waits until `text` is on the screen.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !screen(&self.shown).contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(why) => panic!("no {text:?} ({why}) on:\n{}", screen(&self.shown)),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// The exit code and all that was shown.
    fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.shown),
            }
        }
        (self.child.wait().unwrap().code().unwrap(), self.shown)
    }
}

/// What stands on a terminal of 30 lines after all this was written to it: only what changed is
/// written, at places that escape sequences name (ECMA-48).
fn screen(written: &str) -> String {
    let mut cells = vec![vec![' '; 100]; 30];
    let (mut row, mut column) = (0, 0);
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                let mut place = String::new();
                let end = letters.by_ref().skip(1).find(|c| {
                    place.push(*c);
                    c.is_ascii_alphabetic()
                });
                if end != Some('H') {
                    continue;
                }
                place.pop();
                let mut numbers = place
                    .split(';')
                    .map(|n| n.parse::<usize>().unwrap_or(1) - 1);
                row = numbers.next().unwrap_or(0);
                column = numbers.next().unwrap_or(0);
            }
            letter => {
                if let Some(cell) = cells.get_mut(row).and_then(|line| line.get_mut(column)) {
                    *cell = letter;
                }
                column += 1;
            }
        }
    }
    let lines = cells.into_iter().map(|line| line.into_iter().collect());
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn strt_20_the_wizard_configures_a_node_and_keeps_the_secrets() {
    let desk = Desk::empty();
    let node = Node::maintenance();
    let line = format!("apply-config -i -n {} -m interactive", node.address);

    let mut terminal = Terminal::open(&desk, &line);
    terminal.wait_for("Send to the node");
    terminal.press("\x15lab\r\x15nowhere !\r\r\r\r\r\r\r\r");
    terminal.wait_for("This cannot be");
    // Back from the button to the endpoint.
    terminal.press(&"\x1b[A".repeat(7));
    terminal.press("\x1510.0.0.2\r\r\r\r\r\r\r\r");
    let (code, shown) = terminal.end();

    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("127.0.0.1: mode 1, dry run false"),
        "{shown}"
    );
    let secrets = desk.read("secrets.yaml");
    SecretsBundle::load(secrets.as_bytes())
        .unwrap()
        .check()
        .unwrap();
    let client = ClientConfig::load(desk.read("talosconfig").as_bytes()).unwrap();
    assert_eq!(client.context, "lab");
    assert_eq!(client.current().unwrap().endpoints, ["127.0.0.1"]);

    let mut second = Terminal::open(&desk, &line);
    second.wait_for("Send to the node");
    second.press("\r\r\r\r\r\r\r\r\r");
    let (code, shown) = second.end();
    assert_eq!(code, 0, "{shown}");
    assert_eq!(desk.read("secrets.yaml"), secrets);
}

#[test]
fn strt_20_who_leaves_the_wizard_sends_and_writes_nothing() {
    let desk = Desk::empty();
    let node = Node::maintenance();
    let line = format!("apply-config -i -n {} -m interactive", node.address);
    for key in ["\x03", "\x1b"] {
        let mut terminal = Terminal::open(&desk, &line);
        terminal.wait_for("Send to the node");
        terminal.press(key);
        let (code, shown) = terminal.end();

        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains("error: nothing is sent"), "{shown}");
    }
    assert_eq!(std::fs::read_dir(&desk.folder).unwrap().count(), 0);
}

#[test]
fn the_wizard_does_not_open_for_a_node_that_is_away_or_over_foreign_secrets() {
    let desk = Desk::empty();
    let terminal = Terminal::open(&desk, "apply-config -i -n 127.0.0.1:1 -m interactive");
    let (code, shown) = terminal.end();
    assert!(code == 1 && shown.contains("Connection refused"), "{shown}");

    let node = Node::maintenance();
    desk.write("talosconfig", "context: other\n");
    let line = format!("apply-config -i -n {} -m interactive", node.address);
    let (code, shown) = Terminal::open(&desk, &line).end();
    assert!(
        code == 1 && shown.contains("talosconfig exists already"),
        "{shown}"
    );
    assert_eq!(desk.read("talosconfig"), "context: other\n");
}

#[test]
fn patch_02_a_patch_from_standard_input_reaches_both_kinds_of_nodes() {
    let desk = Desk::empty();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ichorctl"))
        .args(["gen", "config", "home", "10.0.0.2", "--config-patch", "@-"])
        .current_dir(&desk.folder)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"machine: {network: {hostname: patched}}\n")
        .unwrap();
    drop(stdin);

    assert!(child.wait().unwrap().success());
    for name in ["controlplane.yaml", "worker.yaml"] {
        assert!(desk.read(name).contains("hostname: patched"), "{name}");
    }
}
