// SPDX-License-Identifier: MPL-2.0
//! What init promises when the machine goes down.
//!
//! Owns: the order of stopping, and what asks for it.
//! Never: lets the machine of the test go down.

use proto::Refusal;
use proto::service::State;
use proto::supervisor::{Action, Named, Reply, Request};

use crate::bench::Node;
use crate::{define_and_start, shell};

#[test]
fn going_down_stops_services_in_reverse_order_and_ends() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();

    assert_eq!(client.ask(&Request::Down(Action::Reboot)), Reply::Done(()));
    node.wait_for_end();

    let console = node.console();
    let place = |line: &str| {
        console
            .find(line)
            .unwrap_or_else(|| panic!("no {line:?} in:\n{console}"))
    };
    for name in ["udevd", "netd", "machined", "apid"] {
        let stopped = place(&format!("service {name}: stopped"));
        assert!(
            stopped < place("service logd: stopping"),
            "logd outlives {name}"
        );
    }
    assert!(place("going down: Reboot") < place("rebooting"));
    assert!(!console.contains("cannot be killed"), "{console}");
}

#[test]
fn a_second_request_to_go_down_changes_nothing() {
    let node = Node::start(&[]);
    let client = node.client();
    client.wait_for_core();
    let mut slow = shell("slow", "trap '' TERM; while :; do sleep 1000; done");
    slow.stop_timeout_ms = 500;
    define_and_start(&client, &slow);
    client.wait_for("slow", State::Running);

    assert_eq!(
        client.ask(&Request::Down(Action::PowerOff)),
        Reply::Done(())
    );
    assert_eq!(client.ask(&Request::Down(Action::Reboot)), Reply::Done(()));
    let refused = client.ask(&Request::Start(Named { name: "apid" }));
    assert_eq!(refused, Reply::Refused(Refusal::WrongState));
    node.wait_for_end();

    let console = node.console();
    assert!(console.contains("going down: PowerOff"), "{console}");
    assert!(console.contains("powering off"), "{console}");
    assert!(!console.contains("rebooting"), "{console}");
}

#[test]
fn ctrl_alt_del_reboots_and_the_power_button_powers_off() {
    for (signal, word) in [("-INT", "rebooting"), ("-TERM", "powering off")] {
        let node = Node::start(&[]);
        node.client().wait_for_core();

        node.signal_init(signal);
        node.wait_for_end();

        assert!(
            node.console().contains(word),
            "{signal}: {}",
            node.console()
        );
    }
}
