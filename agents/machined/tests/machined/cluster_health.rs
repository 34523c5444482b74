// SPDX-License-Identifier: MPL-2.0
//! What machined promises of the health of its cluster.
//!
//! Owns: the order of checks, what is waited for, and that nothing is called healthy that was not looked
//! at.
//! Never: needs a cluster.

use ::api::cluster::{ClusterInfo, HealthCheckRequest};
use proto::service::State;
use tokio::net::TcpListener;
use tonic::{Code, Status, Streaming};

use crate::api::{run, running};
use crate::clients::{Client, as_admin, with_role};
use crate::life::unmet;
use crate::node::{DEADLINE, TestNode, status};

fn asked(seconds: i64, control_plane: &[&str]) -> HealthCheckRequest {
    HealthCheckRequest {
        wait_timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
        cluster_info: Some(ClusterInfo {
            control_plane_nodes: control_plane
                .iter()
                .map(|node| (*node).to_owned())
                .collect(),
            ..Default::default()
        }),
    }
}

/// What is told, and how it ends.
async fn told(node: &TestNode, request: HealthCheckRequest) -> (Vec<String>, Status) {
    let stream = node.cluster().await.health_check(as_admin(request)).await;
    let mut stream: Streaming<_> = match stream {
        Ok(stream) => stream.into_inner(),
        Err(refused) => return (Vec::new(), refused),
    };
    let mut told = Vec::new();
    loop {
        let next = tokio::time::timeout(DEADLINE, stream.message()).await;
        match next.unwrap() {
            Ok(Some(progress)) => told.push(progress.message),
            Ok(None) => panic!("it ends as if all were well: {told:?}"),
            Err(ended) => return (told, ended),
        }
    }
}

/// A node whose apid and trustd run and listen, as their checks see it.
async fn well() -> (TestNode, Client, [TcpListener; 2]) {
    let apid = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trustd = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut node = TestNode::new("");
    node.apid_port = apid.local_addr().unwrap().port();
    node.trustd = trustd.local_addr().unwrap();
    let (node, client) = run(node).await;
    node.set_service(status("trustd", State::Running, 10));
    (node, client, [apid, trustd])
}

#[tokio::test(flavor = "current_thread")]
async fn diag_03_every_check_is_named_and_what_is_not_built_is_no_health() {
    let (node, _client, _doors) = well().await;

    let (told, ended) = told(&node, asked(20, &["10.5.0.9", "10.5.0.2"])).await;

    let good: Vec<&String> = told.iter().filter(|line| line.ends_with(": OK")).collect();
    assert_eq!(
        good,
        [
            "waiting for the machine to run: OK",
            "waiting for the addresses of the node: OK",
            "waiting for the node to be one of the cluster: OK",
            "waiting for apid to be ready: OK",
            "waiting for all services to be healthy: OK",
        ]
    );
    let unbuilt = told.iter().filter(|line| line.contains("not built yet"));
    assert_eq!(unbuilt.count(), 6);
    assert!(
        told.iter()
            .any(|line| line.starts_with("waiting for etcd to be healthy: not checked"))
    );
    assert_eq!(ended.code(), Code::Unimplemented);
    assert!(
        ended
            .message()
            .starts_with("this node is healthy; etcd and Kubernetes"),
        "{ended}"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_well_is_waited_for_and_is_the_reason_in_the_end() {
    let (node, _client, _doors) = well().await;
    node.set_service(status("udevd", State::BackingOff, 0));
    let reason = "waiting for all services to be healthy: udevd is ";
    node.until("udevd is down", async || {
        let (_, ended) = told(&node, asked(0, &[])).await;
        ended.message().starts_with(reason).then_some(())
    })
    .await;

    let mut cluster = node.cluster().await;
    let stream = cluster.health_check(as_admin(asked(20, &[]))).await;
    let mut stream = stream.unwrap().into_inner();
    let mut lines = Vec::new();
    while let Ok(Some(progress)) = stream.message().await {
        if progress.message.starts_with(reason) {
            node.set_service(status("udevd", State::Running, 6));
        }
        lines.push(progress.message);
    }

    assert!(lines[0].contains("only this node is checked"), "{lines:?}");
    let last = "waiting for all services to be healthy: OK".to_owned();
    assert!(lines.contains(&last), "{lines:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn the_machine_and_its_cluster_are_told_the_same_of_services() {
    let (node, mut client, _doors) = well().await;

    for (state, expected) in [
        (State::Running, None),
        (State::BackingOff, Some("agent is not running")),
        // It waits for what it needs.
        (State::Waiting, None),
        (State::Failed, Some("agent is not running")),
    ] {
        node.set_service(status("agent", state, 0));
        node.until("the machine says so", async || {
            let unmet = unmet(&mut client).await?;
            let said = unmet.iter().find_map(|one| one.strip_prefix("services: "));
            (said == expected).then_some(())
        })
        .await;
        let (_, ended) = told(&node, asked(0, &[])).await;
        let said = ended.message();
        let said = said.strip_prefix("waiting for all services to be healthy: ");
        assert_eq!(said, expected);
        assert_eq!(ended.code() == Code::Unimplemented, expected.is_none());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_that_nobody_named_is_not_of_the_cluster_and_wrong_requests_are_refused() {
    let (node, _client) = running().await;

    let (_, ended) = told(&node, asked(0, &["10.5.0.9", "other"])).await;
    assert_eq!(ended.code(), Code::DeadlineExceeded);
    assert!(
        ended.message().contains("none of the named nodes"),
        "{ended}"
    );
    let (_, ended) = told(&node, asked(0, &["box"])).await;
    assert!(ended.message().contains("apid"), "{ended}");

    let many: Vec<String> = (0..1025).map(|number| format!("n{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (request, field) in [
        (asked(-1, &[]), "wait_timeout"),
        (asked(i64::MAX, &[]), "wait_timeout"),
        (asked(0, &["a b"]), "control_plane_nodes[0]"),
        (asked(0, &["a", ""]), "control_plane_nodes[1]"),
        (asked(0, &many), "control_plane_nodes"),
    ] {
        let (told, refused) = told(&node, request).await;
        assert_eq!(
            (refused.code(), told.len()),
            (Code::InvalidArgument, 0),
            "{field}"
        );
        assert!(refused.message().contains(field), "{refused}");
    }
    let mut cluster = node.cluster().await;
    let refused = cluster.health_check(with_role("os:none", asked(0, &[])));
    assert_eq!(refused.await.unwrap_err().code(), Code::PermissionDenied);
}
