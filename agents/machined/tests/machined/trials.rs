// SPDX-License-Identifier: MPL-2.0
//! What machined promises of configurations that are tried: in force at once, gone by themselves.
//!
//! Owns: mode try, confirmation, dry runs.
//! Never: looks inside machined.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::wire::CONFIRM;
use prost::Message as _;
use tonic::{Code, Request};

use crate::api::{apply, running};
use crate::clients::{Client, events, with_role};
use crate::configurations::configuration;
use crate::node::TestNode;
use crate::trust::authority;

const STORED: &str = "system/state/config.yaml";

pub(crate) fn tried(text: &str, seconds: i64) -> Request<machine::ApplyConfigurationRequest> {
    let mut request = apply(text, Mode::Try);
    request.get_mut().try_mode_timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    request
}

fn confirmed(text: &str, value: &str) -> Request<machine::ApplyConfigurationRequest> {
    let mut request = apply(text, Mode::Auto);
    request
        .metadata_mut()
        .insert(CONFIRM, value.parse().unwrap());
    request
}

/// The same configuration with another host name and one kernel parameter more.
fn changed(text: &str) -> String {
    text.replace("box.lab.example", "tried").replace(
        "kernel.panic: \"77\"",
        "kernel.panic: \"77\"\n        kernel.hung: \"5\"",
    )
}

/// A node that runs and has a kernel parameter that only the changed configuration sets.
async fn prepared() -> (TestNode, Client, String, String) {
    let (node, client) = running().await;
    node.write("proc/sys/kernel/hung", "1\n");
    let text = node.read(STORED);
    let other = changed(&text);
    assert!(
        other.contains("kernel.hung") && other.contains("tried"),
        "{other}"
    );
    (node, client, text, other)
}

async fn until_host(node: &TestNode, name: &str, hung: &str) {
    node.until(&format!("host name {name}"), async || {
        let host = node.read("proc/sys/kernel/hostname");
        (host == name && node.read("proc/sys/kernel/hung").trim() == hung).then_some(())
    })
    .await;
}

/// What events say of a task, in order: `true` begins, `false` ends.
async fn told(client: &mut Client, task: &str) -> Vec<bool> {
    let events = events(client, "TaskEvent").await;
    let events = events
        .iter()
        .map(|event| machine::TaskEvent::decode(&event[..]).unwrap());
    let ours = events.filter(|event| event.task == task);
    ours.map(|event| event.action == 0).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn cfg_03_edit_06_a_tried_configuration_is_in_force_at_once_and_goes_by_itself() {
    let (node, mut client, text, other) = prepared().await;

    let reply = client.apply_configuration(tried(&other, 1)).await.unwrap();
    let answer = &reply.get_ref().messages[0];
    assert_eq!(answer.mode, i32::from(Mode::Try));
    assert!(answer.mode_details.contains("not stored"), "{answer:?}");
    until_host(&node, "tried", "5").await;
    assert_eq!(node.read(STORED), text);

    until_host(&node, "box", "1").await;
    assert_eq!(node.read(STORED), text);
    assert_eq!(told(&mut client, "tryConfiguration").await, [true, false]);
    assert!(!node.path("run/ichor/machined.trial").exists());
}

#[tokio::test(flavor = "current_thread")]
async fn a_later_apply_of_another_mode_ends_the_trial_and_stays() {
    let (node, mut client, text, other) = prepared().await;
    client.apply_configuration(tried(&other, 1)).await.unwrap();

    client
        .apply_configuration(apply(&other, Mode::NoReboot))
        .await
        .unwrap();
    assert_eq!(told(&mut client, "tryConfiguration").await, [true, false]);
    // A trial that begins later and ends by itself shows that the first one's end has passed.
    let third = other.replace("hostname: tried", "hostname: third");
    client.apply_configuration(tried(&third, 2)).await.unwrap();
    until_host(&node, "third", "5").await;
    until_host(&node, "tried", "5").await;

    assert_eq!(node.read(STORED), other);
    assert_eq!(node.read("system/state/config.previous.yaml"), text);
}

#[tokio::test(flavor = "current_thread")]
async fn a_trial_in_place_of_a_trial_goes_back_to_what_is_stored() {
    let (node, mut client, text, other) = prepared().await;
    client
        .apply_configuration(tried(&other, 3600))
        .await
        .unwrap();

    let third = other.replace("hostname: tried", "hostname: third");
    client.apply_configuration(tried(&third, 1)).await.unwrap();

    until_host(&node, "third", "5").await;
    until_host(&node, "box", "1").await;
    assert_eq!(node.read(STORED), text);
}

#[tokio::test(flavor = "current_thread")]
async fn a_machined_that_is_killed_during_a_trial_comes_back_with_what_is_stored() {
    for purpose in ["try", "confirm"] {
        let (mut node, mut client, text, other) = prepared().await;
        let request = match purpose {
            "try" => tried(&other, 3600),
            _ => confirmed(&other, "1h"),
        };
        client.apply_configuration(request).await.unwrap();
        until_host(&node, "tried", "5").await;
        drop(client);

        node.restart();

        until_host(&node, "box", "1").await;
        assert_eq!(node.read(STORED), text);
        assert!(!node.path("run/ichor/machined.trial").exists());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn trials_that_cannot_be_are_refused_and_change_nothing() {
    let (node, mut client, text, other) = prepared().await;
    let wrong = other.replace("    token:", "    tokn:");

    for (request, code) in [
        (tried(&other, 0), Code::InvalidArgument),
        (tried(&other, -60), Code::InvalidArgument),
        (tried(&other, i64::MIN), Code::InvalidArgument),
        (tried(&other, 86_401), Code::InvalidArgument),
        (tried(&wrong, 60), Code::InvalidArgument),
        (tried("", 60), Code::InvalidArgument),
        (confirmed(&other, "soon"), Code::InvalidArgument),
        (confirmed(&other, "0s"), Code::InvalidArgument),
        (confirmed(&wrong, "1m"), Code::InvalidArgument),
        (confirmed(&other, "now"), Code::FailedPrecondition),
        (confirmed("", "now"), Code::FailedPrecondition),
    ] {
        let refused = client.apply_configuration(request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
    }
    let mut dry = confirmed(&text, "now");
    dry.get_mut().dry_run = true;
    let refused = client.apply_configuration(dry).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut reader = with_role("os:reader", confirmed("", "now").into_inner());
    reader
        .metadata_mut()
        .insert(CONFIRM, "now".parse().unwrap());
    let refused = client.apply_configuration(reader).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    assert_eq!(node.read(STORED), text);
    assert_eq!(node.read("proc/sys/kernel/hostname"), "box");
    let fresh = TestNode::started("");
    fresh.until_maintenance().await;
    let mut client = fresh.client().await;
    let text = configuration("box");
    let refused = client.apply_configuration(confirmed(&text, "now")).await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    assert!(!fresh.path(STORED).exists());
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_that_is_confirmed_in_time_stays() {
    let (node, mut client, text, other) = prepared().await;
    let reply = client
        .apply_configuration(confirmed(&other, "2s"))
        .await
        .unwrap();
    let details = &reply.get_ref().messages[0].mode_details;
    assert!(details.contains("until it is confirmed"), "{details}");
    until_host(&node, "tried", "5").await;
    assert_eq!(node.read(STORED), text);

    // The connection that it came over proves nothing about who can still come in.
    let old = client.apply_configuration(confirmed("", "now")).await;
    assert_eq!(old.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(node.read(STORED), text);
    let mut again = node.client().await;
    let third = other.replace("hostname: tried", "hostname: third");
    let another = again.apply_configuration(confirmed(&third, "now")).await;
    assert_eq!(another.unwrap_err().code(), Code::FailedPrecondition);
    again
        .apply_configuration(confirmed(&other, "now"))
        .await
        .unwrap();

    assert_eq!(node.read(STORED), other);
    assert_eq!(node.read("system/state/config.previous.yaml"), text);
    assert_eq!(
        told(&mut again, "confirmConfiguration").await,
        [true, false]
    );
    // A reply that was lost is asked for again.
    again
        .apply_configuration(confirmed(&other, "now"))
        .await
        .unwrap();
    // The time of the first trial passes with the second.
    again.apply_configuration(tried(&third, 3)).await.unwrap();
    until_host(&node, "third", "5").await;
    until_host(&node, "tried", "5").await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_that_nobody_confirms_goes_and_the_same_again_confirms_it() {
    let (node, mut client, text, other) = prepared().await;
    client
        .apply_configuration(confirmed(&other, "1s"))
        .await
        .unwrap();
    until_host(&node, "tried", "5").await;
    until_host(&node, "box", "1").await;
    assert_eq!(node.read(STORED), text);
    let late = node
        .client()
        .await
        .apply_configuration(confirmed("", "now"))
        .await;
    assert_eq!(late.unwrap_err().code(), Code::FailedPrecondition);

    client
        .apply_configuration(confirmed(&other, "1h"))
        .await
        .unwrap();
    client
        .apply_configuration(apply(&other, Mode::Auto))
        .await
        .unwrap();

    assert_eq!(node.read(STORED), other);
    assert!(!node.path("run/ichor/machined.trial").exists());
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_004_a_dry_run_says_what_would_differ_and_shows_no_secret() {
    let (node, mut client, text, other) = prepared().await;
    let key = authority(&text).key().to_pem().unwrap();
    // The cluster's: the machine's cannot be tried without a reboot.
    let token = text.lines().rfind(|line| line.contains("token:")).unwrap();
    let token = token.split_once(": ").unwrap().1.trim();
    let other = other.replace(token, "abcdef.0123456789abcdef");

    for (mode, answered) in [(Mode::Auto, Mode::NoReboot), (Mode::Try, Mode::Try)] {
        let mut request = apply(&other, mode);
        request.get_mut().dry_run = true;
        let reply = client.apply_configuration(request).await.unwrap();

        let answer = &reply.get_ref().messages[0];
        let details = &answer.mode_details;
        assert_eq!(answer.mode, i32::from(answered));
        assert!(details.starts_with("Dry run: "), "{details}");
        for line in [
            "-    hostname: box.lab.example",
            "+    hostname: tried",
            "-  token: '******'",
        ] {
            assert!(details.contains(line), "{line}: {details}");
        }
        for secret in [
            token,
            "0123456789abcdef",
            str::from_utf8(key.expose()).unwrap(),
        ] {
            assert!(!details.contains(secret), "{details}");
        }
    }

    let mut same = apply(&text, Mode::Auto);
    same.get_mut().dry_run = true;
    let reply = client.apply_configuration(same).await.unwrap();
    let details = &reply.get_ref().messages[0].mode_details;
    assert!(details.contains("nothing would change"), "{details}");
    assert_eq!(node.read(STORED), text);
    assert_eq!(node.read("proc/sys/kernel/hostname"), "box");
}
