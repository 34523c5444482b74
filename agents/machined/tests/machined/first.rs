// SPDX-License-Identifier: MPL-2.0
//! What machined promises of a node that waits for its first configuration and is given one on trial:
//! it stays when it is confirmed, and otherwise the node waits again.
//!
//! Owns: mode try and confirmation in maintenance mode, and their ends.
//! Never: looks inside machined.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use ::api::wire::CONFIRM;
use proto::supervisor::{Action, Mounting};
use tonic::{Code, Request};

use crate::api::apply;
use crate::clients::Client;
use crate::configurations::configuration;
use crate::front::through;
use crate::node::TestNode;
use crate::staging::has_state;
use crate::trust::{admin, authority};

const STATE: &str = "system/state";
const STORED: &str = "system/state/config.yaml";

/// A node that waits for its first configuration, with or without a STATE partition.
async fn waiting(mounting: Mounting) -> (TestNode, String) {
    let mut node = TestNode::new("");
    if mounting == Mounting::Done {
        has_state(&node, mounting);
    }
    node.start();
    node.until_maintenance().await;
    (node, configuration("box.lab.example"))
}

/// As anybody sends it who has no certificate yet.
fn given(
    text: &str,
    mode: Mode,
    within: Option<&str>,
) -> Request<machine::ApplyConfigurationRequest> {
    let mut request = Request::new(apply(text, mode).into_inner());
    if let Some(within) = within {
        request
            .metadata_mut()
            .insert(CONFIRM, within.parse().unwrap());
    }
    request
}

fn tried(text: &str, seconds: i64) -> Request<machine::ApplyConfigurationRequest> {
    let mut request = given(text, Mode::Try, None);
    request.get_mut().try_mode_timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    request
}

async fn confirm(node: &TestNode, text: &str) -> Result<(), tonic::Status> {
    let mut request = apply(text, Mode::Auto);
    request
        .metadata_mut()
        .insert(CONFIRM, "now".parse().unwrap());
    let mut client = node.client().await;
    client.apply_configuration(request).await.map(drop)
}

async fn send(node: &TestNode, request: Request<machine::ApplyConfigurationRequest>) -> String {
    let mut client = node.client().await;
    let reply = client.apply_configuration(request).await.unwrap();
    reply.get_ref().messages[0].mode_details.clone()
}

async fn until_host(node: &TestNode, name: &str) {
    node.until(&format!("host name {name}"), async || {
        (node.read("proc/sys/kernel/hostname") == name).then_some(())
    })
    .await;
}

async fn until_in_force(node: &TestNode) {
    node.until_stage(MachineStage::Running).await;
    until_host(node, "box").await;
}

/// Waits until the machine is told to start again, starts it, and waits until it waits.
async fn until_it_waits_again(node: &mut TestNode) {
    node.until("a reboot", async || {
        let mut init = node.init.lock().unwrap();
        (std::mem::take(&mut init.downs) == [Action::Reboot]).then_some(())
    })
    .await;
    node.cut_power();
    waits(node).await;
}

/// Waits until it waits for its first configuration, and looks whether anything is left. Who the node
/// is does not come from a configuration.
async fn waits(node: &TestNode) {
    node.until_maintenance().await;
    let left = std::fs::read_dir(node.path(STATE)).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name != "node-identity.yaml").collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!node.path("run/ichor/machined.trial").exists());
}

#[tokio::test(flavor = "current_thread")]
async fn cfg_03_edit_06_a_first_configuration_that_is_tried_goes_and_the_node_waits_again() {
    for mounting in [Mounting::Done, Mounting::Failed(2)] {
        let (mut node, text) = waiting(mounting).await;
        let hostname = node.read("proc/sys/kernel/hostname");

        let details = send(&node, tried(&text, 3)).await;
        assert!(details.contains("not stored"), "{details}");
        assert!(details.contains("starts again and waits"), "{details}");
        until_in_force(&node).await;
        assert!(!node.path(STORED).exists());

        until_host(&node, &hostname).await;
        until_it_waits_again(&mut node).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_first_configuration_that_is_confirmed_in_time_stays() {
    for mode in [Mode::Auto, Mode::Reboot, Mode::NoReboot] {
        let (mut node, text) = waiting(Mounting::Done).await;
        let details = send(&node, given(&text, mode, Some("1h"))).await;
        assert!(details.contains("until it is confirmed"), "{details}");
        until_in_force(&node).await;
        assert!(!node.path(STORED).exists(), "{mode:?}");

        confirm(&node, "").await.unwrap();

        assert_eq!(node.read(STORED), text);
        // A reply that was lost is asked for again.
        confirm(&node, &text).await.unwrap();
        node.restart();
        until_in_force(&node).await;
        node.cut_power();
        until_in_force(&node).await;
        assert!(node.init.lock().unwrap().downs.is_empty());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_first_configuration_that_nobody_confirms_goes_and_can_be_given_again() {
    for mode in [Mode::Auto, Mode::Reboot, Mode::NoReboot] {
        let (mut node, text) = waiting(Mounting::Done).await;
        send(&node, given(&text, mode, Some("2s"))).await;
        until_in_force(&node).await;

        until_it_waits_again(&mut node).await;
        let late = confirm(&node, &text).await.unwrap_err();
        assert_eq!(late.code(), Code::FailedPrecondition, "{late:?}");

        send(&node, given(&text, Mode::Auto, None)).await;
        until_in_force(&node).await;
        assert_eq!(node.read(STORED), text);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_power_cut_or_a_crash_during_the_trial_of_a_first_configuration_ends_it() {
    for request in [
        |text: &str| tried(text, 3600),
        |text: &str| given(text, Mode::Auto, Some("1h")),
    ] {
        let (mut node, text) = waiting(Mounting::Done).await;
        send(&node, request(&text)).await;
        until_in_force(&node).await;

        node.cut_power();
        waits(&node).await;

        send(&node, request(&text)).await;
        until_in_force(&node).await;
        node.restart();
        until_it_waits_again(&mut node).await;
        assert!(!node.path(STORED).exists());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_that_goes_back_to_nothing_takes_no_configuration_until_it_waits() {
    let (mut node, text) = waiting(Mounting::Done).await;
    send(&node, tried(&text, 3600)).await;
    until_in_force(&node).await;

    node.restart();
    for request in [
        given(&text, Mode::Auto, None),
        given(&text, Mode::Staged, Some("1m")),
        tried(&text, 60),
    ] {
        let mut client = node.client().await;
        let refused = client.apply_configuration(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
        assert!(refused.message().contains("starts again"), "{refused:?}");
    }

    until_it_waits_again(&mut node).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_first_configuration_can_be_left_to_the_next_start_on_trial() {
    for confirmed in [true, false] {
        let (mut node, text) = waiting(Mounting::Done).await;
        let within = if confirmed { "1h" } else { "2s" };
        let details = send(&node, given(&text, Mode::Staged, Some(within))).await;
        assert!(details.contains("after the next reboot"), "{details}");
        assert!(!node.path(STORED).exists());
        node.restart();
        node.until_maintenance().await;

        node.cut_power();
        until_in_force(&node).await;
        assert!(!node.path(STORED).exists());
        if confirmed {
            confirm(&node, &text).await.unwrap();
            node.cut_power();
            until_in_force(&node).await;
            assert_eq!(node.read(STORED), text);
        } else {
            until_it_waits_again(&mut node).await;
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_power_cut_during_the_trial_that_a_start_began_leaves_nothing() {
    let (mut node, text) = waiting(Mounting::Done).await;
    send(&node, given(&text, Mode::Staged, Some("1h"))).await;
    node.cut_power();
    until_in_force(&node).await;

    node.cut_power();

    waits(&node).await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_be_tried_in_maintenance_mode_is_refused_and_changes_nothing() {
    let (node, text) = waiting(Mounting::Failed(2)).await;
    let wrong = text.replace("    token:", "    tokn:");
    let cases = [
        (tried(&wrong, 60), Code::InvalidArgument),
        (tried(&text, 0), Code::InvalidArgument),
        (given(&wrong, Mode::Auto, Some("1m")), Code::InvalidArgument),
        (
            given(&text, Mode::Auto, Some("soon")),
            Code::InvalidArgument,
        ),
        (given(&text, Mode::Try, Some("1m")), Code::InvalidArgument),
        (
            given(&text, Mode::Auto, Some("now")),
            Code::FailedPrecondition,
        ),
        // It could not be kept over a reboot: the node has no STATE partition.
        (
            given(&text, Mode::Staged, Some("1m")),
            Code::FailedPrecondition,
        ),
        (given(&text, Mode::Staged, None), Code::Unimplemented),
        (given(&text, Mode::NoReboot, None), Code::Unimplemented),
    ];
    for (request, code) in cases {
        let mut client: Client = node.client().await;
        let refused = client.apply_configuration(request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
    }
    let mut dry = given(&text, Mode::Auto, Some("1m"));
    dry.get_mut().dry_run = true;
    let details = send(&node, dry).await;
    assert!(details.starts_with("Dry run: "), "{details}");
    assert!(details.contains("waits for one"), "{details}");

    waits(&node).await;
    assert_ne!(node.read("proc/sys/kernel/hostname"), "box");
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_has_the_certificate_of_the_first_configuration_confirms_it_through_the_door() {
    let (mut node, text) = waiting(Mounting::Done).await;
    let door = node.open_door().await;
    let own = authority(&text);
    send(&node, given(&text, Mode::Auto, Some("1h"))).await;
    until_in_force(&node).await;

    let mut client = node
        .until("the door opens", async || {
            through(door, &own, &admin(&own)).await
        })
        .await;
    let mut now = Request::new(machine::ApplyConfigurationRequest {
        mode: Mode::Auto.into(),
        ..Default::default()
    });
    now.metadata_mut().insert(CONFIRM, "now".parse().unwrap());
    client.apply_configuration(now).await.unwrap();

    assert_eq!(node.read(STORED), text);
}
