// SPDX-License-Identifier: MPL-2.0
//! What machined promises of configurations that come into force with a start of the machine.
//!
//! Owns: modes staged and reboot, confirmation over a reboot, power cuts in between.
//! Never: looks inside machined.

use std::sync::atomic::{AtomicU32, Ordering};

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use ::api::wire::CONFIRM;
use proto::supervisor::{Action, Mounting};
use proto::{Greeting, Refusal, udev};
use tonic::{Code, Request};

use crate::api::{apply, run};
use crate::clients::Client;
use crate::configurations::configuration;
use crate::node::TestNode;

const STORED: &str = "system/state/config.yaml";
const PREVIOUS: &str = "system/state/config.previous.yaml";
const TRIED: &str = "system/state/config.tried.yaml";
const TO_COME: [&str; 2] = [
    "system/state/config.staged.yaml",
    "system/state/config.trial.yaml",
];

/// A node that runs and has a STATE partition, and its configuration.
async fn prepared() -> (TestNode, Client, String) {
    let node = TestNode::new("");
    has_state(&node, Mounting::Done);
    let (node, client) = run(node).await;
    let text = node.read(STORED);
    (node, client, text)
}

/// Gives the machine the partition; `mounting` is how mounting it goes.
pub(crate) fn has_state(node: &TestNode, mounting: Mounting) {
    node.init.lock().unwrap().state_volume = mounting;
    std::fs::create_dir_all(node.path("dev/disk/by-partlabel")).unwrap();
    node.write("dev/disk/by-partlabel/STATE", "");
}

fn renamed(text: &str, name: &str) -> String {
    text.replace("box.lab.example", name)
}

fn confirmed(text: &str, mode: Mode, value: &str) -> Request<machine::ApplyConfigurationRequest> {
    let mut request = apply(text, mode);
    request
        .metadata_mut()
        .insert(CONFIRM, value.parse().unwrap());
    request
}

async fn until_host(node: &TestNode, name: &str) {
    node.until(&format!("host name {name}"), async || {
        (node.read("proc/sys/kernel/hostname") == name).then_some(())
    })
    .await;
}

/// Waits for orders to init to bring the machine down, and takes note of them.
async fn until_rebooted(node: &mut TestNode) {
    node.until("a reboot", async || {
        let mut init = node.init.lock().unwrap();
        (std::mem::take(&mut init.downs) == [Action::Reboot]).then_some(())
    })
    .await;
    node.cut_power();
    node.until_stage(MachineStage::Running).await;
}

async fn cut_power(node: &mut TestNode) {
    node.cut_power();
    node.until_stage(MachineStage::Running).await;
}

fn nothing_is_to_come(node: &TestNode) {
    for file in TO_COME.iter().chain([&TRIED]) {
        assert!(!node.path(file).exists(), "{file}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn res_03_what_is_stored_outlives_the_machine() {
    let (mut node, mut client, text) = prepared().await;
    let other = renamed(&text, "other");
    client
        .apply_configuration(apply(&other, Mode::Auto))
        .await
        .unwrap();

    cut_power(&mut node).await;

    until_host(&node, "other").await;
    assert_eq!(node.read(STORED), other);
    assert_eq!(node.read(PREVIOUS), text);
}

#[tokio::test(flavor = "current_thread")]
async fn edit_05_cfg_02_staged_configurations_wait_for_the_next_start_and_the_last_one_counts() {
    let (mut node, mut client, text) = prepared().await;

    for name in ["first", "second"] {
        let reply = client
            .apply_configuration(apply(&renamed(&text, name), Mode::Staged))
            .await
            .unwrap();
        let answer = &reply.get_ref().messages[0];
        assert_eq!(answer.mode, i32::from(Mode::Staged));
        assert!(answer.mode_details.contains("next reboot"), "{answer:?}");
    }
    assert_eq!(node.read(STORED), text);
    assert!(node.init.lock().unwrap().downs.is_empty());
    // A machined that starts again is no start of the machine.
    node.restart();
    node.until_stage(MachineStage::Running).await;
    assert_eq!(node.read("proc/sys/kernel/hostname"), "box");

    cut_power(&mut node).await;

    until_host(&node, "second").await;
    assert_eq!(node.read(STORED), renamed(&text, "second"));
    assert_eq!(node.read(PREVIOUS), text);
    nothing_is_to_come(&node);
}

#[tokio::test(flavor = "current_thread")]
async fn a_later_apply_takes_the_place_of_a_staged_configuration() {
    let (mut node, mut client, text) = prepared().await;
    for within in [None, Some("1h")] {
        let mut staged = apply(&renamed(&text, "staged"), Mode::Staged);
        if let Some(within) = within {
            staged = confirmed(&renamed(&text, "staged"), Mode::Staged, within);
        }
        client.apply_configuration(staged).await.unwrap();

        client
            .apply_configuration(apply(&renamed(&text, "later"), Mode::Auto))
            .await
            .unwrap();
        cut_power(&mut node).await;

        until_host(&node, "later").await;
        nothing_is_to_come(&node);
        client = node.client().await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn edit_03_miss_01_mode_reboot_starts_the_machine_with_the_configuration() {
    let (mut node, mut client, text) = prepared().await;
    for (name, mode) in [("other", Mode::Reboot), ("other", Mode::Reboot)] {
        let reply = client
            .apply_configuration(apply(&renamed(&text, name), mode))
            .await
            .unwrap();
        assert_eq!(reply.get_ref().messages[0].mode, i32::from(Mode::Reboot));

        until_rebooted(&mut node).await;

        until_host(&node, name).await;
        assert_eq!(node.read(STORED), renamed(&text, name));
        nothing_is_to_come(&node);
        client = node.client().await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn edit_02_auto_reboots_by_itself_when_a_change_needs_it_and_no_reboot_refuses_it() {
    let (mut node, mut client, text) = prepared().await;
    let other = text.replace("rbac: true", "rbac: false");
    assert_ne!(other, text);

    for mode in [Mode::NoReboot, Mode::Try] {
        let refused = client.apply_configuration(apply(&other, mode)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(
            refused.message().contains("machine.features.rbac"),
            "{refused:?}"
        );
    }
    let mut dry = apply(&other, Mode::Auto);
    dry.get_mut().dry_run = true;
    let reply = client.apply_configuration(dry).await.unwrap();
    let answer = &reply.get_ref().messages[0];
    assert_eq!(answer.mode, i32::from(Mode::Reboot));
    assert!(answer.mode_details.contains("with a reboot"), "{answer:?}");
    assert_eq!(node.read(STORED), text);
    nothing_is_to_come(&node);

    client
        .apply_configuration(apply(&other, Mode::Auto))
        .await
        .unwrap();
    until_rebooted(&mut node).await;

    assert_eq!(node.read(STORED), other);
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_that_is_confirmed_after_the_reboot_stays() {
    for mode in [Mode::Reboot, Mode::Staged] {
        let (mut node, mut client, text) = prepared().await;
        let other = renamed(&text, "other");
        let reply = client
            .apply_configuration(confirmed(&other, mode, "1h"))
            .await
            .unwrap();
        let details = &reply.get_ref().messages[0].mode_details;
        assert!(details.contains("unless it is confirmed"), "{details}");
        // Before the reboot there is nothing to confirm.
        let early = node.client().await;
        let early = confirm(early, "").await;
        assert_eq!(early.unwrap_err().code(), Code::FailedPrecondition);
        match mode {
            Mode::Reboot => until_rebooted(&mut node).await,
            Mode::Auto | Mode::NoReboot | Mode::Staged | Mode::Try => cut_power(&mut node).await,
        }
        until_host(&node, "other").await;
        assert_eq!(node.read(STORED), text);

        confirm(node.client().await, &other).await.unwrap();

        assert_eq!(node.read(STORED), other);
        assert_eq!(node.read(PREVIOUS), text);
        nothing_is_to_come(&node);
        cut_power(&mut node).await;
        until_host(&node, "other").await;
    }
}

async fn confirm(mut client: Client, text: &str) -> Result<(), tonic::Status> {
    let request = confirmed(text, Mode::Auto, "now");
    client.apply_configuration(request).await.map(drop)
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_that_nobody_confirms_after_the_reboot_goes_back_with_another_one() {
    let (mut node, mut client, text) = prepared().await;
    let other = renamed(&text, "other");
    client
        .apply_configuration(confirmed(&other, Mode::Reboot, "2s"))
        .await
        .unwrap();
    until_rebooted(&mut node).await;
    until_host(&node, "other").await;

    // In force at once, and from the beginning of the next start.
    until_host(&node, "box").await;
    until_rebooted(&mut node).await;

    until_host(&node, "box").await;
    assert_eq!(node.read(STORED), text);
    nothing_is_to_come(&node);
    let late = confirm(node.client().await, &other).await;
    assert_eq!(late.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test(flavor = "current_thread")]
async fn a_power_cut_or_a_crash_during_a_trial_ends_it() {
    for crash in [false, true] {
        let (mut node, mut client, text) = prepared().await;
        let other = renamed(&text, "other");
        client
            .apply_configuration(confirmed(&other, Mode::Reboot, "1h"))
            .await
            .unwrap();
        until_rebooted(&mut node).await;
        until_host(&node, "other").await;
        assert!(node.path(TRIED).exists());

        if crash {
            node.restart();
            node.until_stage(MachineStage::Running).await;
        } else {
            cut_power(&mut node).await;
        }

        until_host(&node, "box").await;
        assert_eq!(node.read(STORED), text);
        nothing_is_to_come(&node);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn files_that_no_node_would_take_are_passed_over_at_the_start() {
    let (mut node, client, text) = prepared().await;
    drop(client);
    for (file, content) in [
        (TO_COME[0], "{["),
        (TO_COME[0], "just words"),
        (TO_COME[1], &text[..]),
        (TO_COME[1], ""),
        (TRIED, "anything"),
    ] {
        node.write(file, content);

        cut_power(&mut node).await;

        until_host(&node, "box").await;
        assert_eq!(node.read(STORED), text);
        assert!(!node.path(TRIED).exists());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_partition_that_cannot_be_used_is_no_obstacle_and_nothing_pretends_to_last() {
    for errno in [22, 5] {
        let node = TestNode::new("");
        has_state(&node, Mounting::Failed(errno));
        let (node, mut client) = run(node).await;
        let text = node.read(STORED);

        for mode in [Mode::Reboot, Mode::Staged] {
            let refused = client.apply_configuration(apply(&text, mode)).await;
            let refused = refused.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
            assert!(refused.message().contains("STATE"), "{refused:?}");
        }
        nothing_is_to_come(&node);
    }
}

/// Devices that came since the start.
static DEVICES: AtomicU32 = AtomicU32::new(1);

fn udevd_with_news(bytes: &[u8], out: &mut [u8]) -> usize {
    let settled = udev::Settled {
        events: DEVICES.load(Ordering::Relaxed),
        overruns: 0,
    };
    let reply = match udev::Request::decode(bytes).unwrap() {
        udev::Request::Hello(_) => udev::Reply::Welcome(Greeting::OURS),
        udev::Request::Settle(()) => udev::Reply::Settled(settled),
        udev::Request::Changed(_) => {
            // Whoever asks hears of one more device each time, up to the one with the partition.
            DEVICES.fetch_add(1, Ordering::Relaxed);
            udev::Reply::Settled(settled)
        }
        udev::Request::Load(_) => udev::Reply::Refused(Refusal::NotFound),
    };
    reply.encode(out).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_partition_that_is_found_late_ends_maintenance_mode() {
    let mut node = TestNode::with_udevd("", udevd_with_news);
    std::fs::create_dir_all(node.path("system/state")).unwrap();
    node.start();
    node.until_maintenance().await;

    // The mount brings the file with it.
    node.write(STORED, &configuration("box.lab.example"));
    has_state(&node, Mounting::Done);

    node.until_stage(MachineStage::Running).await;
    until_host(&node, "box").await;
}
