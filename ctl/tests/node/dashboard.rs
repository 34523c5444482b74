// SPDX-License-Identifier: MPL-2.0
//! The dashboard and other pictures on a real terminal.
//!
//! Owns: that it draws, follows keys, comes back to nodes, and leaves the terminal as it was.
//! Never: presses a key before the screen is there.

use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::double::Node;
use crate::terminal::Terminal;

/// `stty -a` after the end: the terminal shows what is typed, line by line, again.
fn assert_restored(shown: &str) {
    assert!(shown.contains("\x1b[?1049l"), "{shown}");
    let after = shown.rsplit("\x1b[?1049l").next().unwrap();
    for mode in ["icanon", "echo", "isig"] {
        assert!(after.split_whitespace().any(|word| word == mode), "{after}");
    }
}

fn opened(nodes: &str, size: (u16, u16)) -> (Desk, Node, Terminal) {
    opened_after("", nodes, size)
}

fn opened_after(before: &str, nodes: &str, size: (u16, u16)) -> (Desk, Node, Terminal) {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let line = format!(
        "-e {} -n {nodes} --talosconfig talosconfig dashboard -d 250ms",
        node.address
    );
    let terminal = Terminal::after(before, &desk, &line, size);
    (desk, node, terminal)
}

#[test]
fn cmd_023_dash_04_views_nodes_and_logs_follow_the_keys_and_the_terminal_is_restored() {
    let (_desk, _node, mut terminal) = opened("10.0.0.2,10.0.0.3", (100, 30));
    terminal.wait_for("10.0.0.2: version v9.8.7, up 2h0m");
    terminal.wait_for("CPU 4x 1.5GHz Example 9000 25%  load 0.75  RAM 128M 25%  processes 3");
    terminal.wait_for("kern: info: the last");
    terminal.press("\x1bOQ");
    terminal.wait_for("CPU  [#####...............]  25%  user 25%");
    terminal.wait_for("/usr/lib/ichor/apid");
    terminal.press("l");
    terminal.wait_for("10.0.0.3: version v9.8.7");
    terminal.press("4");
    terminal.wait_for("--- kernel log");
    terminal.press("n");
    terminal.wait_for("--- udevd");
    terminal.wait_for("three");
    terminal.press("q");
    let (code, shown) = terminal.end();

    assert_eq!(code, 0, "{shown}");
    assert_restored(&shown);
}

#[test]
fn cmd_023_a_node_that_goes_away_is_told_so_and_comes_back() {
    let (_desk, node, mut terminal) = opened("10.0.0.2", (100, 30));
    terminal.wait_for("10.0.0.2: version v9.8.7");
    node.held.lock().unwrap().is_away = true;
    terminal.wait_for("10.0.0.2 is away (try 1): no route to it");
    node.held.lock().unwrap().is_away = false;
    terminal.wait_for("10.0.0.2: version v9.8.7, up");
    terminal.press("\x03");
    let (code, shown) = terminal.end();

    assert_eq!(code, 0, "{shown}");
    assert_restored(&shown);
}

#[test]
fn cmd_023_a_terminal_that_does_not_know_its_size_is_drawn_on_as_a_usual_one() {
    let (_desk, _node, mut terminal) = opened("10.0.0.2", (0, 0));
    terminal.wait_for("10.0.0.2: version v9.8.7");
    terminal.wait_for("F1 summary");
    terminal.press("q");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn cmd_023_without_a_terminal_it_says_so() {
    let desk = Desk::with_cluster();
    let error = desk.run("-n 10.0.0.2 -e 127.0.0.1:1 dashboard").failed();
    assert!(error.contains("`dashboard` needs a terminal"), "{error}");
    let error = desk
        .run("-n 10.0.0.2 -e 127.0.0.1:1 dashboard -d 0s")
        .failed();
    assert!(error.contains("at least 250 ms"), "{error}");
}

#[test]
fn a_watch_of_processes_fits_the_terminal_and_shows_who_is_away_in_its_place() {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    let line = format!(
        "-e {} -n 10.0.0.2,10.0.0.9 --talosconfig talosconfig processes --watch",
        node.address
    );
    let mut terminal = Terminal::sized(&desk, &line, (40, 4));
    terminal.wait_for("error: 10.0.0.9: no route to it (Unavail");
    terminal.wait_for_count("\x1b[H", 2);
    terminal.press("\x03");
    let (code, shown) = terminal.end();

    assert_eq!(code, 130, "{shown}");
    // Two of the three processes have room between the head and the error.
    let frame = shown.split("\x1b[H").nth(1).unwrap();
    let frame = frame.split("\x1b[J").next().unwrap();
    let lines: Vec<&str> = frame.split("\x1b[K\r\n").collect();
    assert_eq!(lines.len(), 4, "{frame:?}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 40),
        "{frame:?}"
    );
}

#[test]
fn a_signal_ends_the_dashboard_at_once_with_its_number_and_the_terminal_is_restored() {
    let mut fastest = Duration::MAX;
    for (name, expected) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (_desk, _node, mut terminal) = opened("10.0.0.2", (100, 30));
        terminal.wait_for("10.0.0.2: version v9.8.7");
        let begun_at = Instant::now();
        terminal.signal(name);
        let (code, shown) = terminal.end();
        fastest = fastest.min(begun_at.elapsed());

        assert_eq!(code, expected, "{name}: {shown}");
        assert_restored(&shown);
    }
    // A machine that is busy may hold up one of them.
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}

#[test]
fn the_dashboard_goes_on_after_a_signal_that_is_ignored() {
    let (_desk, _node, mut terminal) = opened_after("trap \"\" HUP;", "10.0.0.2", (100, 30));
    terminal.wait_for("10.0.0.2: version v9.8.7");
    terminal.signal("HUP");
    terminal.press("4");
    terminal.wait_for("--- kernel log");
    terminal.press("q");
    let (code, shown) = terminal.end();

    assert_eq!(code, 0, "{shown}");
    assert_restored(&shown);
}
