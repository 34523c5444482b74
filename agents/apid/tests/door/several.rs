// SPDX-License-Identifier: MPL-2.0
//! Calls for several nodes (metadata `nodes`).
//!
//! Owns: labels, order, and that one node's trouble is not the others'.
//! Never: tests the hop itself; `routing` does.

use api::common::{Data, Metadata};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::Code;

use crate::double::{SNAPSHOT_MIB, snapshot};
use crate::house::PATIENCE;
use crate::passing::{collect, logs, with};
use crate::town::{Town, line};

fn hosts(messages: &[Data]) -> Vec<&str> {
    messages
        .iter()
        .map(|m| m.metadata.as_ref().unwrap().hostname.as_str())
        .collect()
}

fn code(metadata: Option<&Metadata>) -> Option<i32> {
    metadata.unwrap().status.as_ref().map(|status| status.code)
}

#[tokio::test]
async fn ctl_02_each_reply_is_labelled_and_a_failed_node_is_said_inside() {
    let town = Town::of(3).await;
    town.put("node-8", {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    });
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let nodes = "node-8,10.0.0.3,node-1,node-9,node-3:22,node-3,10.0.0.3";

    let reply = client.version(with((), &[("nodes", nodes)])).await;

    let messages = reply.unwrap().into_inner().messages;
    let told: Vec<_> = messages
        .iter()
        .map(|message| {
            let metadata = message.metadata.as_ref().unwrap();
            let os = message.version.as_ref().map(|v| v.os.clone());
            (metadata.hostname.as_str(), os, code(Some(metadata)))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("node-8", None, Some(14)),
            ("10.0.0.3", Some(town.folder(1)), None),
            ("node-1", Some(town.folder(0)), None),
            ("node-9", None, Some(14)),
            ("node-3:22", None, Some(3)),
            ("node-3", Some(town.folder(2)), None),
        ]
    );
    assert!(
        messages[0]
            .metadata
            .as_ref()
            .unwrap()
            .error
            .contains("node-8")
    );
    for message in messages.iter().filter_map(|m| m.version.as_ref()) {
        assert_eq!(message.tag, "os:reader");
    }
}

#[tokio::test]
async fn what_a_node_refuses_is_said_inside_under_its_name() {
    let town = Town::of(2).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;

    let reply = client.memory(with((), &[("nodes", "node-1,node-2")])).await;

    let messages = reply.unwrap().into_inner().messages;
    for (message, name) in messages.iter().zip(["node-1", "node-2"]) {
        let metadata = message.metadata.as_ref().unwrap();
        assert_eq!(metadata.hostname, name);
        assert_eq!(metadata.error, "no memory today: 100 %");
        assert_eq!(code(Some(metadata)), Some(9));
    }
    assert_eq!(messages.len(), 2);
}

#[tokio::test]
async fn streams_of_several_nodes_interleave_and_each_message_is_labelled() {
    let town = Town::of(3).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let nodes = [
        ("nodes", "node-2"),
        ("nodes", "node-9"),
        ("nodes", "node-1"),
    ];
    for id in ["lines", "slow"] {
        let stream = client.logs(logs(id, &nodes)).await.unwrap().into_inner();
        let (messages, end) = collect(stream).await;

        assert_eq!(end, None);
        let mut names = hosts(&messages);
        names.sort_unstable();
        let expected = [["node-1"; 3], ["node-2"; 3]].concat();
        assert_eq!(names, [&expected[..], &["node-9"]].concat(), "{id}");
        for message in &messages {
            let metadata = message.metadata.as_ref();
            let failed = metadata.unwrap().hostname == "node-9";
            assert_eq!(code(metadata), failed.then_some(14));
        }
    }
}

#[tokio::test]
async fn the_end_of_one_stream_is_a_message_and_the_others_go_on() {
    let town = Town::of(2).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    for (id, count, expected) in [("fails", 8, 15), ("refused", 2, 5)] {
        let request = logs(id, &[("nodes", "node-1,node-2")]);
        let stream = client.logs(request).await.unwrap().into_inner();
        let (messages, end) = collect(stream).await;

        assert_eq!((messages.len(), end), (count, None), "{id}");
        let failed = messages
            .iter()
            .filter(|m| code(m.metadata.as_ref()) == Some(expected));
        assert_eq!(failed.count(), 2);
    }
}

#[tokio::test]
async fn a_node_that_says_nothing_does_not_hold_up_the_streams_of_others() {
    let town = Town::of(2).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    town.put("node-7", silent.local_addr().unwrap());
    let mut client = town.houses[0].admitted(&["os:reader"]).await;

    let request = logs("endless", &[("nodes", "node-7,node-1,node-2")]);
    let mut stream = client.logs(request).await.unwrap().into_inner();
    let mut messages = Vec::new();
    for _ in 0..6 {
        let next = timeout(PATIENCE, stream.message()).await.unwrap();
        messages.push(next.unwrap().unwrap());
    }

    assert!(!hosts(&messages).contains(&"node-7"));
}

#[tokio::test]
async fn long_messages_of_several_nodes_come_whole() {
    let town = Town::of(3).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;

    let request = logs("long", &[("nodes", "node-1,node-2,node-3")]);
    let stream = client.logs(request).await.unwrap().into_inner();
    let (messages, end) = collect(stream).await;

    assert_eq!((messages.len(), end), (15, None));
    assert!(messages.iter().all(|m| m.bytes == [b'l'; 300 * 1024]));
    for name in ["node-1", "node-2", "node-3"] {
        assert_eq!(hosts(&messages).iter().filter(|n| **n == name).count(), 5);
    }
}

#[tokio::test]
async fn a_node_that_dies_among_several_is_a_message_and_the_others_go_on() {
    let town = Town::of(2).await;
    let (address, line) = line(town.houses[1].address).await;
    town.put("node-2", address);
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let request = logs("endless", &[("nodes", "node-1,node-2")]);
    let mut stream = client.logs(request).await.unwrap().into_inner();
    for _ in 0..6 {
        timeout(PATIENCE, stream.message())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    line.abort();

    let last = timeout(PATIENCE, stream.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let metadata = last.metadata.unwrap();
    assert_eq!(
        (metadata.hostname.as_str(), code(Some(&metadata))),
        ("node-2", Some(14))
    );
    assert_eq!(*town.houses[0].machined.endless.borrow(), 1);
    drop(stream);
    let mut endless = town.houses[0].machined.endless.clone();
    let none = endless.wait_for(|count| *count == 0);
    drop(timeout(PATIENCE, none).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_request_for_several_nodes_reaches_each_of_them_whole() {
    let town = Town::of(3).await;
    let mut client = town.houses[0].admitted(&["os:admin"]).await;
    let request = |mib| with(snapshot(mib), &[("nodes", "node-1,node-2,node-3")]);

    let reply = client
        .etcd_recover(request(SNAPSHOT_MIB))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply.messages.len(), 3);
    for message in &reply.messages {
        assert_eq!(code(message.metadata.as_ref()), None);
    }

    let status = client.etcd_recover(request(6)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn replies_that_are_too_long_together_are_said_to_be_so() {
    let town = Town::of(3).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;

    let request = with((), &[("nodes", "node-1,node-2,node-3")]);
    let reply = client.hostname(request).await.unwrap().into_inner();

    let codes: Vec<_> = reply
        .messages
        .iter()
        .map(|m| code(m.metadata.as_ref()))
        .collect();
    assert_eq!(codes, [Some(8); 3]);
    // What was held is free again.
    let request = with((), &[("nodes", "node-1,node-2,node-3")]);
    let reply = client.version(request).await.unwrap().into_inner();
    assert!(reply.messages.iter().all(|m| m.version.is_some()));
}
