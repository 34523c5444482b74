// SPDX-License-Identifier: MPL-2.0
//! What machined promises of whose logs are meant, who may read how many, and of events about the node
//! itself.
//!
//! Owns: names, drivers and namespaces of logs; the event of the node's addresses.
//! Never: reads a log, but to see what a reader is told that was too slow.

use ::api::{common, machine};
use prost::Message as _;
use proto::service::State;
use tonic::Code;

use crate::api::{run, running};
use crate::clients::{as_admin, events, with_role};
use crate::logbook::Logbook;
use crate::node::{DEADLINE, TestNode, status};

#[tokio::test(flavor = "current_thread")]
async fn rpc_029_a_container_is_found_by_its_own_name_and_kubernetes_is_refused_by_name() {
    let (node, mut client) = running().await;
    node.set_service(status("ctr-web", State::Running, 40));
    let mut ask = async |id: &str, driver: common::ContainerDriver, namespace: &str| {
        let request = machine::LogsRequest {
            id: id.to_owned(),
            driver: driver.into(),
            namespace: namespace.to_owned(),
            ..Default::default()
        };
        client.logs(as_admin(request)).await.err()
    };
    let containerd = common::ContainerDriver::Containerd;

    // The stand-in for logd knows no such log, and says which one it was asked for.
    node.until("the container", async || {
        let refused = ask("web", containerd, "system").await.unwrap();
        refused.message().contains("\"ctr-web\"").then_some(())
    })
    .await;
    assert!(ask("apid", containerd, "system").await.is_none());
    // No container takes the name of a log that is no service's.
    node.set_service(status("ctr-controller-runtime", State::Running, 41));
    node.set_service(status("ctr-last", State::Running, 42));
    node.until("the last container", async || {
        let refused = ask("last", containerd, "system").await.unwrap();
        refused.message().contains("\"ctr-last\"").then_some(())
    })
    .await;
    assert!(ask("controller-runtime", containerd, "").await.is_none());
    let cri = ask("web", common::ContainerDriver::Cri, "k8s.io").await;
    assert_eq!(cri.unwrap().code(), Code::Unimplemented);
    let cri = ask("apid", common::ContainerDriver::Cri, "system").await;
    assert!(cri.unwrap().message().contains("driver cri"));
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_010_rpc_029_a_reader_that_is_too_slow_is_told_how_much_it_lost() {
    let mut node = TestNode::new("");
    let book = Logbook::of(&mut node);
    let (_node, mut client) = run(node).await;
    book.say("apid", "one");
    book.say_as_kernel(1, "one");
    let logs = machine::LogsRequest {
        id: "apid".to_owned(),
        driver: common::ContainerDriver::Containerd.into(),
        namespace: "system".to_owned(),
        follow: true,
        tail_lines: -1,
    };
    let dmesg = machine::DmesgRequest {
        follow: true,
        tail: false,
    };
    let logs = client.logs(as_admin(logs)).await.unwrap().into_inner();
    let dmesg = client.dmesg(as_admin(dmesg)).await.unwrap().into_inner();

    for (log, mut stream) in [("apid", logs), ("kernel", dmesg)] {
        assert!(next(&mut stream).await.ends_with("one\n"));
        // The stand-in for logd answers nobody meanwhile: it has no thread of its own.
        for number in 0..2000 {
            book.say(log, &format!("line {number} {}", "-".repeat(20)));
        }
        book.say(log, "last");

        let mut text = String::new();
        while !text.ends_with("last\n") {
            text.push_str(&next(&mut stream).await);
        }
        let lines: Vec<&str> = text.lines().collect();
        let is_remark = |line: &&str| line.contains("bytes of this log were lost");
        assert!(is_remark(&lines[0]), "{log}: {}", lines[0]);
        assert!(lines[1].starts_with("line 1"), "{log}: {}", lines[1]);
        let remarks = lines.iter().copied().filter(is_remark).count();
        assert_eq!(remarks, 1, "{log}");
    }
}

async fn next(stream: &mut tonic::Streaming<common::Data>) -> String {
    let piece = tokio::time::timeout(DEADLINE, stream.message()).await;
    String::from_utf8(piece.unwrap().unwrap().unwrap().bytes).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn readers_who_follow_logs_keep_no_administrator_from_them() {
    let (_node, mut client) = running().await;
    let follow = || machine::LogsRequest {
        id: "apid".to_owned(),
        driver: common::ContainerDriver::Containerd.into(),
        namespace: "system".to_owned(),
        follow: true,
        ..Default::default()
    };

    let mut followed = Vec::new();
    let refused = loop {
        match client.logs(with_role("os:reader", follow())).await {
            Ok(stream) => followed.push(stream),
            Err(refused) => break refused,
        }
        assert!(followed.len() < 160, "logd has no more room");
    };

    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(followed.len() >= 100, "{}", followed.len());
    assert!(client.logs(as_admin(follow())).await.is_ok());
    let kernel = machine::DmesgRequest::default();
    let refused = client.dmesg(with_role("os:reader", kernel)).await;
    assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_011_followers_hear_of_the_nodes_name_and_addresses() {
    let (node, mut client) = running().await;

    let last = node
        .until("the event of addresses", async || {
            let all = events(&mut client, "AddressEvent").await;
            let last = machine::AddressEvent::decode(&all.last()?[..]).unwrap();
            (last.hostname == "box.lab.example").then_some(last)
        })
        .await;

    assert_eq!(last.addresses, ["10.5.0.2"]);
}
