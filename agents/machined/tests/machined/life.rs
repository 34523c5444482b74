// SPDX-License-Identifier: MPL-2.0
//! What machined promises when the machine or machined itself ends and begins.
//!
//! Owns: reboots, shutdowns, restarts, boots that must not go on.
//! Never: looks inside machined.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use prost::Message as _;
use proto::supervisor::Action;

use crate::api::{apply, running};
use crate::clients::{as_admin, events, stages};
use crate::configurations::configuration;
use crate::node::{TestNode, eth0};

#[tokio::test(flavor = "current_thread")]
async fn a_reboot_is_followed_by_its_actor_id_and_ends_at_init() {
    let (node, mut client) = running().await;

    let request = as_admin(machine::RebootRequest::default());
    let answer = client.reboot(request).await.unwrap().into_inner();
    let actor = answer.messages[0].actor_id.clone();
    assert_eq!(actor.len(), 20);
    node.until("init reboots", async || {
        node.init.lock().unwrap().downs.first().copied()
    })
    .await;

    assert_eq!(node.init.lock().unwrap().downs, [Action::Reboot]);
    let request = as_admin(machine::EventsRequest {
        tail_events: -1,
        with_actor_id: actor.clone(),
        ..Default::default()
    });
    let mut mine = client.events(request).await.unwrap().into_inner();
    let hello = mine.message().await.unwrap().unwrap();
    assert_eq!(hello.actor_id, actor);
    let first = mine.message().await.unwrap().unwrap();
    assert_eq!(first.actor_id, actor);
    let begun = machine::SequenceEvent::decode(&first.data.unwrap().value[..]).unwrap();
    assert_eq!((begun.sequence.as_str(), begun.action), ("reboot", 1));
}

#[tokio::test(flavor = "current_thread")]
async fn a_shutdown_turns_the_machine_off_or_halts_it() {
    for (arguments, action) in [
        ("", Action::PowerOff),
        ("talos.shutdown=halt", Action::Halt),
    ] {
        let node = TestNode::started(arguments);
        node.until_maintenance().await;
        let mut client = node.client().await;
        client
            .apply_configuration(apply(&configuration("box"), Mode::Auto))
            .await
            .unwrap();
        node.until_stage(MachineStage::Running).await;

        let request = as_admin(machine::ShutdownRequest { force: true });
        client.shutdown(request).await.unwrap();
        let down = node
            .until("init goes down", async || {
                node.init.lock().unwrap().downs.first().copied()
            })
            .await;

        assert_eq!(down, action);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_restarted_machined_finds_the_node_as_it_is() {
    let (mut node, client) = running().await;
    drop(client);

    node.restart();
    let mut client = node.client().await;
    node.until("it runs again", async || {
        let stages = stages(&mut client).await?;
        (stages == [i32::from(MachineStage::Running)]).then_some(())
    })
    .await;

    let sequences = events(&mut client, "SequenceEvent").await;
    assert!(sequences.is_empty(), "the boot was repeated");
    let list = client
        .service_list(as_admin(()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(list.messages[0].services.len(), 5);
    let hostname = client.hostname(as_admin(())).await.unwrap().into_inner();
    assert_eq!(hostname.messages[0].hostname, "box.lab.example");
}

#[tokio::test(flavor = "current_thread")]
async fn a_service_that_init_forgot_meanwhile_is_gone_after_a_restart() {
    let (mut node, client) = running().await;
    drop(client);

    node.init.lock().unwrap().services.remove("udevd");
    node.restart();
    let mut client = node.client().await;

    node.until("four services", async || {
        let list = client.service_list(as_admin(())).await.ok()?.into_inner();
        (list.messages[0].services.len() == 4).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn no_dhcp_server_is_no_obstacle_to_maintenance_mode() {
    let mut node = TestNode::new("");
    let mut news = eth0("10.5.0.2");
    news.truncate(1);
    node.net.send_modify(|net| net.news = news);
    node.start();

    node.until_maintenance().await;
    let mut client = node.client().await;
    let answer = client
        .apply_configuration(apply(&configuration("box"), Mode::Auto))
        .await;

    assert!(answer.is_ok());
    node.until_stage(MachineStage::Running).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_kernel_started_against_hardening_is_fatal_and_starts_again() {
    let node = TestNode::started("pti=off panic=-1");

    let down = node
        .until("init reboots", async || {
            node.init.lock().unwrap().downs.first().copied()
        })
        .await;

    assert_eq!(down, Action::Reboot);
}
