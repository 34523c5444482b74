// SPDX-License-Identifier: MPL-2.0
//! What machined promises when the machine or machined itself ends and begins.
//!
//! Owns: reboots, shutdowns, restarts, boots that must not go on.
//! Never: looks inside machined.

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use prost::Message as _;
use proto::net;
use proto::service::State;
use proto::supervisor::Action;

use crate::api::{apply, run, running};
use crate::clients::{Client, as_admin, events, stages};
use crate::configurations::configuration;
use crate::node::{TestNode, eth0, status};
use crate::state::{read, yaml};

#[tokio::test(flavor = "current_thread")]
async fn rpc_035_a_reboot_is_followed_by_its_actor_id_and_ends_at_init() {
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
async fn rpc_043_a_shutdown_turns_the_machine_off_or_halts_it() {
    for (arguments, action) in [
        ("", Action::PowerOff),
        ("talos.shutdown=halt", Action::Halt),
    ] {
        let (node, mut client) = run(TestNode::new(arguments)).await;

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

/// The conditions that the last event about the machine calls unmet.
pub(crate) async fn unmet(client: &mut Client) -> Option<Vec<String>> {
    let last = events(client, "MachineStatusEvent").await.pop()?;
    let status = machine::MachineStatusEvent::decode(&last[..])
        .ok()?
        .status?;
    let unmet: Vec<String> = status
        .unmet_conditions
        .iter()
        .map(|unmet| format!("{}: {}", unmet.name, unmet.reason))
        .collect();
    assert_eq!(status.ready, unmet.is_empty());
    Some(unmet)
}

#[tokio::test(flavor = "current_thread")]
async fn rsrc_116_117_what_keeps_the_machine_from_being_ready_is_shown_and_told() {
    let doors = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [apid, trustd] = doors.each_ref().map(|door| door.local_addr().unwrap());
    let mut node = TestNode::new("");
    (node.apid_port, node.trustd) = (apid.port(), trustd);
    let (node, mut client) = run(node).await;
    node.until("trustd is missed", async || {
        let unmet = unmet(&mut client).await?;
        let missed = "services: trustd is not running".to_owned();
        unmet.contains(&missed).then_some(())
    })
    .await;
    node.set_service(status("trustd", State::Running, 10));

    // Nothing sets its clock, and no way leads out of its network.
    node.until("one condition", async || {
        let unmet = unmet(&mut client).await?;
        (unmet == ["network: not ready: connectivity"]).then_some(())
    })
    .await;
    let route = net::Reply::Route(net::Route {
        destination: "0.0.0.0".parse().unwrap(),
        prefix_len: 0,
        gateway: Some("10.5.0.1".parse().unwrap()),
        source: None,
        link_index: 2,
        link_name: "eth0".try_into().unwrap(),
        priority: 1024,
        protocol: 16,
        scope: 0,
        table: 254,
        flags: 0,
        mtu: 0,
    });
    node.net.send_modify(|net| net.news.push(route));
    node.until("it is ready", async || {
        unmet(&mut client).await?.is_empty().then_some(())
    })
    .await;
    node.set_service(status("netd", State::Failed, 0));
    node.until("it is not ready any more", async || {
        let unmet = unmet(&mut client).await?;
        (unmet == ["services: netd is not running"]).then_some(())
    })
    .await;

    let mut state = node.state().await;
    let shown = read(
        &mut state,
        "runtime",
        "MachineStatuses.runtime.talos.dev",
        "machine",
    );
    let shown = shown.await.unwrap();
    assert_eq!(
        yaml(&shown),
        "stage: running\nstatus:\n  ready: false\n  unmetConditions:\n  - name: services\n    \
         reason: netd is not running\n"
    );
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
