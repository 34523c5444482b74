// SPDX-License-Identifier: MPL-2.0
//! The wizard on a real terminal, against a node in maintenance mode.
//!
//! Owns: the promises of `apply-config --mode interactive`.
//! Never: sends a key before the form is there.
use std::io::Write as _;
use std::process::{Command, Stdio};

use config::{ClientConfig, SecretsBundle};

use crate::desk::Desk;
use crate::double::Node;
use crate::terminal::Terminal;

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
