// SPDX-License-Identifier: MPL-2.0
//! Waiting for nodes that reboot, go off, or lose what they have.
//!
//! Owns: that each node is looked at for itself, and what is told of each.
//! Never: believes a node that did not go down.

use ichorctl::Outcome;

use api::common::Error;
use api::machine::{PhaseEvent, SequenceEvent, phase_event, sequence_event};

use crate::desk::{Desk, Said};
use crate::double::Node;
use crate::lives::Step::{Away, Bare, Gone, Mute, Up};
use crate::lives::{Life, event};

/// Runs an order against nodes with these lives; what they did not live yet must be their last step.
fn order(line: &str, lives: impl IntoIterator<Item = (&'static str, Life)>) -> Said {
    let desk = Desk::with_cluster();
    let node = Node::running(&desk.authority());
    for (name, life) in lives {
        let old = node
            .held
            .lock()
            .unwrap()
            .lives
            .insert(name.to_owned(), life);
        assert!(old.is_none());
    }
    let said = desk.run(&format!("-e {} {line}", node.address));
    for (name, life) in &node.held.lock().unwrap().lives {
        assert_eq!(life.steps.len(), 1, "{name}: {said:?}");
    }
    said
}

#[test]
fn cmd_077_reboot_waits_until_the_node_answers_in_another_boot() {
    let life = Life::of([Up("a"), Up("a"), Up("a"), Away, Away, Up("b")]);
    let said = order("-n 10.0.0.2 reboot", [("10.0.0.2", life)]);

    assert_eq!(
        said.err,
        "10.0.0.2: the order is accepted; waiting\n10.0.0.2: went down\n"
    );
    assert_eq!(said.done(), "10.0.0.2: back\n");
}

#[test]
fn cmd_077_a_node_is_not_back_because_its_endpoint_answers() {
    let never = Life::of([Up("a"), Away]);
    let said = order(
        "-n 10.0.0.2,10.0.0.3,10.0.0.9 reboot --timeout 1s",
        [
            ("10.0.0.2", Life::of([Up("a"), Away, Up("b")])),
            ("10.0.0.3", never),
        ],
    );

    assert_eq!(said.out, "10.0.0.2: back\n");
    assert!(said.err.contains("10.0.0.3: went down"), "{said:?}");
    let late = "error: 10.0.0.3: not done within 1s\n";
    assert!(said.err.contains(late), "{said:?}");
    assert!(!said.err.contains("10.0.0.2: not done"), "{said:?}");
    let refused = "error: 10.0.0.9: no route to it (Unavailable)";
    assert_eq!(said.err.matches("10.0.0.9").count(), 1, "{said:?}");
    assert!(said.err.contains(refused), "{said:?}");
    assert_eq!(said.outcome, Outcome::Failed);
}

#[test]
fn cmd_077_without_nodes_the_endpoint_is_waited_for() {
    let said = order(
        "reboot",
        [("", Life::of([Up("a"), Up("a"), Away, Up("b")]))],
    );

    assert_eq!(said.done(), "127.0.0.1: back\n");
}

#[test]
fn cmd_077_who_may_not_read_the_boot_goes_by_the_end_of_the_stream() {
    let said = order("-n 10.0.0.2 reboot", [("10.0.0.2", Life::of([Mute]))]);
    assert_eq!(said.done(), "10.0.0.2: back\n");

    let silent = Life {
        hangs_up: false,
        ..Life::of([Mute, Mute, Away, Away, Away, Mute])
    };
    let said = order("-n 10.0.0.2 reboot", [("10.0.0.2", silent)]);
    assert_eq!(said.done(), "10.0.0.2: back\n");
}

#[test]
fn cmd_077_the_kernel_log_is_shown_and_a_node_that_goes_away_is_no_error() {
    let life = Life::of([Up("a"), Away, Up("b")]);
    let said = order(
        "-n 10.0.0.2 reboot --debug --wait=false",
        [("10.0.0.2", life)],
    );

    let out = said.done();
    assert!(out.contains("10.0.0.2: kern: info: the last\n"), "{out}");
    assert!(out.ends_with("10.0.0.2: back\n"), "{out}");
}

#[test]
fn cmd_082_shutdown_waits_until_the_node_is_silent_though_its_endpoint_answers() {
    let said = order(
        "-n 10.0.0.2 shutdown",
        [(
            "10.0.0.2",
            Life::of([Up("a"), Up("a"), Away, Up("a"), Away]),
        )],
    );

    assert!(said.err.contains("10.0.0.2: went down"), "{said:?}");
    assert_eq!(said.done(), "10.0.0.2: off\n");
}

#[test]
fn cmd_082_an_endpoint_that_is_the_node_is_off_when_nobody_answers() {
    for node in ["", "-n 127.0.0.1", "-n 10.0.0.2"] {
        let name = node.trim_start_matches("-n ");
        let mut lives = vec![(name, Life::of([Up("a"), Up("a"), Gone]))];
        if name == "10.0.0.2" {
            // The same machine under the name that it was dialled by.
            lives.push(("", Life::of([Up("a")])));
        }
        let said = order(&format!("{node} shutdown"), lives);

        let name = if name.is_empty() { "127.0.0.1" } else { name };
        assert_eq!(said.done(), format!("{name}: off\n"));
    }
}

#[test]
fn cmd_082_a_node_that_cannot_be_seen_any_more_is_an_error() {
    let said = order(
        "-n 10.0.0.2,127.0.0.1 shutdown",
        [
            ("10.0.0.2", Life::of([Up("b")])),
            ("127.0.0.1", Life::of([Up("a"), Up("a"), Gone])),
        ],
    );

    assert_eq!(said.out, "127.0.0.1: off\n");
    let why = "error: 10.0.0.2: whether it is off cannot be seen: the endpoint went down, too";
    assert!(said.failed().contains(why));
}

#[test]
fn cmd_078_reset_waits_until_the_node_is_off_or_back_without_its_configuration() {
    let said = order(
        "-n 10.0.0.2 reset",
        [("10.0.0.2", Life::of([Up("a"), Up("a"), Away]))],
    );
    assert_eq!(said.done(), "10.0.0.2: off\n");

    let said = order(
        "-n 10.0.0.2 reset --reboot",
        [("10.0.0.2", Life::of([Up("a"), Up("a"), Away, Bare]))],
    );
    assert_eq!(
        said.done(),
        "10.0.0.2: back, but without its configuration: it waits in maintenance mode\n"
    );

    let said = order(
        "-n 10.0.0.2 reset",
        [("10.0.0.2", Life::of([Up("a"), Away, Bare]))],
    );
    assert!(
        said.failed()
            .contains("it started again instead of staying off")
    );
}

#[test]
fn cmd_086_upgrade_waits_until_the_node_is_back() {
    let said = order(
        "-n 10.0.0.2 upgrade",
        [("10.0.0.2", Life::of([Up("a"), Up("a"), Away, Up("b")]))],
    );

    assert_eq!(said.done(), "10.0.0.2: back\n");
}

fn phase(phase: &str, action: phase_event::Action) -> api::machine::Event {
    let phase = phase.to_owned();
    let action = action.into();
    event("PhaseEvent", &PhaseEvent { phase, action })
}

#[test]
fn the_phases_of_each_node_are_told_while_it_goes_down() {
    use phase_event::Action::{Start, Stop};
    let says = ["stopServices", "unmount"].map(|name| [phase(name, Start), phase(name, Stop)]);
    let mut others = phase("drain", Start);
    others.actor_id = "somebody else".to_owned();
    let says = std::iter::once(others).chain(says.into_iter().flatten());
    let life = Life::of([Up("a"), Up("a"), Away, Up("b")]).saying(says.collect());
    let said = order("-n 10.0.0.2 reboot", [("10.0.0.2", life)]);

    assert_eq!(
        said.err,
        "10.0.0.2: the order is accepted; waiting\n\
         10.0.0.2: phase 1: stopServices\n\
         10.0.0.2: phase 2: unmount\n\
         10.0.0.2: went down\n"
    );
    assert_eq!(said.done(), "10.0.0.2: back\n");
}

#[test]
fn a_sequence_that_fails_is_the_error_of_its_node() {
    let failed = SequenceEvent {
        sequence: "shutdown".to_owned(),
        action: sequence_event::Action::Noop.into(),
        error: Some(Error {
            message: "cannot unmount /var".to_owned(),
            ..Default::default()
        }),
    };
    let life = Life {
        hangs_up: false,
        ..Life::of([Up("a")]).saying(vec![event("SequenceEvent", &failed)])
    };
    let said = order(
        "-n 10.0.0.2,10.0.0.3 shutdown",
        [("10.0.0.2", life), ("10.0.0.3", Life::of([Up("b"), Away]))],
    );

    assert_eq!(said.out, "10.0.0.3: off\n");
    let why = "error: 10.0.0.2: the shutdown sequence failed: cannot unmount /var\n  see what";
    assert!(said.failed().contains(why));
}
