// SPDX-License-Identifier: MPL-2.0
//! What machined promises of its checks of the other agents.
//!
//! Owns: agents that do not answer, or answer late.
//! Never: looks inside machined.
use ::api::machine;
use proto::service::State;
use proto::udev;

use crate::api::run;
use crate::clients::{Client, as_admin, events};
use crate::node::{TestNode, status};
use crate::stand_ins::answer_as_udevd;
use prost::Message as _;

/// A udevd that greets and then never comes to rest.
fn never_settles(bytes: &[u8], out: &mut [u8]) -> usize {
    match udev::Request::decode(bytes).unwrap() {
        udev::Request::Hello(_) => answer_as_udevd(bytes, out),
        udev::Request::Settle(()) | udev::Request::Changed(_) | udev::Request::Load(_) => 0,
    }
}

async fn health_of(client: &mut Client, id: &str) -> machine::ServiceHealth {
    let list = client.service_list(as_admin(())).await.unwrap();
    let services = &list.into_inner().messages[0].services;
    let found = services.iter().find(|service| service.id == id).unwrap();
    found.health.clone().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_check_that_hangs_holds_up_no_other() {
    // Settling may take 50 s, which is longer than any wait here.
    let (node, mut client) = run(TestNode::with_udevd("", never_settles)).await;
    for pid in [107, 207] {
        node.until("netd is well", async || {
            health_of(&mut client, "netd").await.healthy.then_some(())
        })
        .await;
        node.set_service(status("netd", State::BackingOff, 0));
        node.until("netd is not known to be well", async || {
            health_of(&mut client, "netd").await.unknown.then_some(())
        })
        .await;
        node.set_service(status("netd", State::Running, pid));
    }
    node.until("netd is well again", async || {
        health_of(&mut client, "netd").await.healthy.then_some(())
    })
    .await;

    assert!(health_of(&mut client, "udevd").await.unknown);
}

#[tokio::test(flavor = "current_thread")]
async fn a_service_that_stays_unwell_is_told_once() {
    let (node, mut client) = run(TestNode::new("")).await;

    // Nobody listens at apid's port; its check fails again and again.
    node.until("apid is unwell", async || {
        let health = health_of(&mut client, "apid").await;
        (!health.healthy && !health.unknown).then_some(())
    })
    .await;
    node.until("udevd is well", async || {
        health_of(&mut client, "udevd").await.healthy.then_some(())
    })
    .await;

    let told: Vec<String> = events(&mut client, "ServiceStateEvent")
        .await
        .iter()
        .map(|value| machine::ServiceStateEvent::decode(&value[..]).unwrap())
        .filter(|event| event.service == "apid" && event.message.contains("Health"))
        .map(|event| event.message)
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("connect to 127.0.0.1:1"), "{told:?}");
}
