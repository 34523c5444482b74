// SPDX-License-Identifier: MPL-2.0
//! What passes the door, and what it looks like on the other side.
//!
//! Owns: metadata, labels, streams, limits of calls that are let in.
//! Never: tests what machined does.

use api::common::Data;
use api::machine::LogsRequest;
use api::machine::machine_service_client::MachineServiceClient;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Streaming};

use crate::double::{SNAPSHOT_MIB, snapshot};
use crate::house::{House, PATIENCE};

pub(crate) fn with<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (key, value) in metadata {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    request
}

pub(crate) fn logs(id: &str, metadata: &[(&'static str, &str)]) -> Request<LogsRequest> {
    with(
        LogsRequest {
            id: id.to_owned(),
            ..Default::default()
        },
        metadata,
    )
}

pub(crate) async fn seen(
    client: &mut MachineServiceClient<Channel>,
    metadata: &[(&'static str, &str)],
) -> api::machine::VersionInfo {
    let reply = client
        .version(with((), metadata))
        .await
        .unwrap()
        .into_inner();
    reply.messages[0].version.clone().unwrap()
}

pub(crate) async fn collect(mut stream: Streaming<Data>) -> (Vec<Data>, Option<Code>) {
    let mut messages = Vec::new();
    loop {
        match timeout(PATIENCE, stream.message()).await.unwrap() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(status) => return (messages, Some(status.code())),
        }
    }
}

#[tokio::test]
async fn machined_is_told_the_roles_and_the_address_and_nothing_a_client_made_up() {
    let house = House::running().await;
    let mut client = house
        .admitted(&["os:reader", "os:etcd:backup", "os:other"])
        .await;

    let version = seen(
        &mut client,
        &[
            ("talos-role", "os:admin"),
            ("proxyfrom", "10.9.9.9"),
            ("x-mine", "kept"),
        ],
    )
    .await;

    assert_eq!(version.tag, "os:reader,os:etcd:backup");
    assert_eq!(version.sha, "127.0.0.1");
    assert_eq!(version.go_version, "kept");
}

#[tokio::test]
async fn an_impersonator_names_the_roles() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:impersonator"]).await;

    let version = seen(&mut client, &[("talos-role", "os:operator")]).await;

    assert_eq!(version.tag, "os:operator");
    let refused = client
        .version(with((), &[("talos-role", "os:none")]))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_call_that_another_apid_routed_is_answered_here() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:impersonator"]).await;

    let version = seen(
        &mut client,
        &[
            ("talos-role", "os:reader"),
            ("proxyfrom", "node-7"),
            ("node", "10.1.1.1"),
        ],
    )
    .await;

    assert_eq!(version.tag, "os:reader");
    assert_eq!(version.sha, "127.0.0.1");
}

#[tokio::test]
async fn node_that_is_this_node_passes_unlabelled() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    for name in ["10.0.0.2", "NODE-1", "127.0.0.1"] {
        let response = client.version(with((), &[("node", name)])).await.unwrap();
        assert_eq!(response.metadata().get("x-theirs").unwrap(), "1");
        let message = &response.get_ref().messages[0];
        assert_eq!(message.metadata, None);
        assert_eq!(message.version.as_ref().unwrap().built, "");
    }
}

#[tokio::test]
async fn nodes_turns_a_refusal_of_machined_into_a_message() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;

    let reply = client
        .memory(with((), &[("nodes", "10.0.0.2")]))
        .await
        .unwrap()
        .into_inner();

    let metadata = reply.messages[0].metadata.as_ref().unwrap();
    assert_eq!(metadata.hostname, "10.0.0.2");
    assert_eq!(metadata.error, "no memory today: 100 %");
    assert_eq!(metadata.status.as_ref().unwrap().code, 9);
    let status = client.memory(()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "no memory today: 100 %")
    );
}

#[tokio::test]
async fn the_end_of_a_labelled_stream_is_a_message_when_it_is_an_error() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    for (id, count, expected) in [("fails", 4, 15), ("refused", 1, 5)] {
        let request = logs(id, &[("nodes", "node-1")]);
        let (messages, code) = collect(client.logs(request).await.unwrap().into_inner()).await;

        assert_eq!((messages.len(), code), (count, None), "{id}");
        let metadata = messages[count - 1].metadata.as_ref().unwrap();
        assert_eq!(metadata.status.as_ref().unwrap().code, expected);
        assert_eq!(metadata.hostname, "node-1");
    }
}

#[tokio::test]
async fn a_stream_passes_with_its_trailers() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;

    let (messages, code) =
        collect(client.logs(logs("lines", &[])).await.unwrap().into_inner()).await;
    assert_eq!((messages.len(), code), (3, None));
    assert_eq!(messages[0].metadata, None);

    let (messages, code) =
        collect(client.logs(logs("fails", &[])).await.unwrap().into_inner()).await;
    assert_eq!((messages.len(), code), (3, Some(Code::DataLoss)));

    let status = client.logs(logs("refused", &[])).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_client_stream_passes_in_both_forms() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:admin"]).await;
    for metadata in [&[][..], &[("nodes", "10.0.0.2")]] {
        let stream = snapshot(SNAPSHOT_MIB);

        let reply = client
            .etcd_recover(with(stream, metadata))
            .await
            .unwrap()
            .into_inner();

        assert_eq!(reply.messages[0].metadata.is_some(), !metadata.is_empty());
    }
}

#[tokio::test]
async fn a_reply_too_long_to_label_passes_without_a_label() {
    let house = House::running().await;
    let mut client = house
        .admitted(&["os:reader"])
        .await
        .max_decoding_message_size(1 << 26);

    let reply = client
        .hostname(with((), &[("nodes", "10.0.0.2")]))
        .await
        .unwrap()
        .into_inner();
    let metadata = reply.messages[0].metadata.as_ref().unwrap();
    assert_eq!(metadata.status.as_ref().unwrap().code, 8);

    let reply = client.hostname(()).await.unwrap().into_inner();
    assert_eq!(reply.messages[0].hostname.len(), 5 * 1024 * 1024);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_neither_its_connection_nor_others() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    let mut floods = Vec::new();
    for metadata in [&[][..], &[("nodes", "10.0.0.2")]] {
        floods.push(
            client
                .logs(logs("flood", metadata))
                .await
                .unwrap()
                .into_inner(),
        );
    }
    for flood in &mut floods {
        flood.message().await.unwrap().unwrap();
    }

    for _ in 0..20 {
        timeout(PATIENCE, client.version(()))
            .await
            .unwrap()
            .unwrap();
    }
    let mut other = house.admitted(&["os:reader"]).await;
    timeout(PATIENCE, other.version(())).await.unwrap().unwrap();
}

#[tokio::test]
async fn many_calls_at_once_are_all_answered() {
    let house = House::running().await;
    let client = house.admitted(&["os:reader"]).await;
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.version(()).await.map(drop) })
        })
        .collect();

    for call in calls {
        timeout(PATIENCE, call).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_cancelled_stream_leaves_the_connection_alone() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    for _ in 0..100 {
        let mut stream = client
            .logs(logs("endless", &[]))
            .await
            .unwrap()
            .into_inner();
        stream.message().await.unwrap();
    }

    client.version(()).await.unwrap();
}
