// SPDX-License-Identifier: MPL-2.0
//! Calls for one other node (metadata `node`).
//!
//! Owns: the hop: who is told what, what fails how, whom it holds up.
//! Never: asks more than one node; `several` does.

use pki::Authority;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

use crate::double::{SNAPSHOT_MIB, snapshot};
use crate::house::{House, PATIENCE, now};
use crate::passing::{collect, logs, seen, with};
use crate::town::{Town, line, route_with, told};

const TO_2: &[(&str, &str)] = &[("node", "node-2")];

async fn refusal(house: &House, roles: &[&str], node: &str) -> Status {
    let mut client = house.admitted(roles).await;
    let call = client.version(with((), &[("node", node)]));
    timeout(PATIENCE, call).await.unwrap().unwrap_err()
}

#[tokio::test]
async fn svc_01_a_call_for_another_node_is_answered_by_it_and_passes_as_it_is() {
    let town = Town::of(2).await;
    let mut client = town.houses[0].admitted(&["os:reader", "os:operator"]).await;
    for name in ["node-2", "NODE-2", "10.0.0.3"] {
        if name == "NODE-2" {
            town.put(name, town.houses[1].address);
        }
        let metadata = [("node", name), ("x-mine", "kept")];

        let response = client.version(with((), &metadata)).await.unwrap();

        assert_eq!(response.metadata().get("x-theirs").unwrap(), "1");
        let message = &response.get_ref().messages[0];
        assert_eq!(message.metadata, None);
        let version = message.version.as_ref().unwrap();
        assert_eq!(version.os, town.folder(1));
        assert_eq!(version.tag, "os:operator,os:reader");
        assert_eq!(version.built, "", "node and nodes end here");
        assert_eq!(version.go_version, "kept");
    }
}

#[tokio::test]
async fn a_stream_passes_the_hop_with_its_trailers_and_so_does_a_refusal() {
    let town = Town::of(2).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;

    let stream = client.logs(logs("lines", TO_2)).await.unwrap();
    let (messages, code) = collect(stream.into_inner()).await;
    assert_eq!((messages.len(), code), (3, None));
    assert_eq!(messages[0].metadata, None);
    let stream = client.logs(logs("fails", TO_2)).await.unwrap();
    let (messages, code) = collect(stream.into_inner()).await;
    assert_eq!((messages.len(), code), (3, Some(Code::DataLoss)));

    let status = client.logs(logs("refused", TO_2)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let status = client.memory(with((), TO_2)).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "no memory today: 100 %")
    );
}

#[tokio::test]
async fn a_message_of_5_mib_and_a_stream_of_2_mib_pass_the_hop() {
    let town = Town::of(2).await;
    let client = town.houses[0].admitted(&["os:admin"]).await;
    let mut client = client.max_decoding_message_size(1 << 26);

    let reply = client.hostname(with((), TO_2)).await.unwrap().into_inner();
    assert_eq!(reply.messages[0].hostname.len(), 5 * 1024 * 1024);

    let stream = snapshot(SNAPSHOT_MIB);
    client.etcd_recover(with(stream, TO_2)).await.unwrap();
}

#[tokio::test]
async fn a_reader_stays_a_reader_over_the_hop_whatever_it_says() {
    let town = Town::of(2).await;
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let claims = [
        ("node", "node-2"),
        ("talos-role", "os:admin"),
        ("proxyfrom", "10.0.0.9"),
    ];

    let version = seen(&mut client, &claims).await;
    assert_eq!(
        (version.os, version.tag),
        (town.folder(1), "os:reader".to_owned())
    );
    let status = client
        .reboot(with(api::machine::RebootRequest::default(), &claims))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_node_that_is_no_impersonator_passes_on_its_own_roles_alone() {
    let mut town = Town::of(1).await;
    let (certificate, key) = town.houses[0].authority.to_pem().unwrap();
    let authority = Authority::from_pem(&certificate, key.expose()).unwrap();
    let mut third = told(&authority, 3);
    third.route = route_with(&authority, &["os:reader"]);
    town.build(&authority, third, 3).await;

    let mut client = town.houses[1].admitted(&["os:admin"]).await;
    let version = seen(&mut client, &[("node", "node-1")]).await;

    assert_eq!(
        (version.os, version.tag),
        (town.folder(0), "os:reader".to_owned())
    );
}

#[tokio::test]
async fn a_node_that_calls_itself_by_a_strange_name_answers_and_does_not_go_round() {
    let mut town = Town::of(1).await;
    let (certificate, key) = town.houses[0].authority.to_pem().unwrap();
    let authority = Authority::from_pem(&certificate, key.expose()).unwrap();
    let mut second = told(&authority, 2);
    // Its certificate has these names, but it does not know them as its own.
    second.names = vec!["box".to_owned()];
    town.build(&authority, second, 2).await;

    let mut client = town.houses[1].admitted(&["os:reader"]).await;
    let version = seen(&mut client, TO_2).await;
    assert_eq!(version.os, town.folder(1));
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let version = seen(&mut client, TO_2).await;
    assert_eq!(version.os, town.folder(1));
}

#[tokio::test]
async fn ctl_03_a_worker_passes_nothing_on_and_answers_for_itself() {
    let mut town = Town::of(1).await;
    let (certificate, key) = town.houses[0].authority.to_pem().unwrap();
    let authority = Authority::from_pem(&certificate, key.expose()).unwrap();
    let mut worker = told(&authority, 2);
    worker.route = Default::default();
    town.build(&authority, worker, 2).await;

    let status = refusal(&town.houses[1], &["os:admin"], "node-1").await;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(
        status.message().starts_with("no request forwarding"),
        "{status}"
    );
    let mut client = town.houses[1].admitted(&["os:reader"]).await;
    let nodes = client
        .version(with((), &[("nodes", "node-2,node-1")]))
        .await;
    assert_eq!(nodes.unwrap_err().code(), Code::PermissionDenied);

    assert_eq!(seen(&mut client, TO_2).await.os, town.folder(1));
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    assert_eq!(seen(&mut client, TO_2).await.os, town.folder(1));
}

#[tokio::test]
async fn in_maintenance_nothing_is_passed_on() {
    let house = House::maintenance().await;
    let channel = house.channel(None).await.unwrap();
    let mut stranger = api::machine::machine_service_client::MachineServiceClient::new(channel);

    let request = api::machine::ApplyConfigurationRequest::default();
    let status = stranger.apply_configuration(with(request, TO_2)).await;

    assert_eq!(status.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_node_that_cannot_be_had_is_unavailable_and_named() {
    let mut town = Town::of(1).await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    town.put("node-7", closed);
    // Another cluster's node, and one whose certificate has another name.
    let other = Authority::machine(now()).unwrap();
    let stranger = told(&other, 3);
    town.build(&other, stranger, 3).await;
    town.put("node-8", town.houses[0].address);

    for (name, why) in [
        ("node-7", "refused"),
        ("node-9", "no address is known"),
        ("node-3", "certificate"),
        ("node-8", "certificate"),
    ] {
        let status = refusal(&town.houses[0], &["os:admin"], name).await;

        assert_eq!(status.code(), Code::Unavailable, "{name}: {status}");
        let message = status.message();
        assert!(message.contains(name) && message.contains(why), "{message}");
        assert!(message.contains("look whether"), "{message}");
    }
    for name in ["10.0.0.3:22", "node-2:50001", "*", "a b"] {
        let status = refusal(&town.houses[0], &["os:admin"], name).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{name}: {status}");
    }
}

#[tokio::test]
async fn a_node_that_accepts_and_never_answers_is_given_up_in_time() {
    let town = Town::of(1).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    town.put("node-7", silent.local_addr().unwrap());
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    tokio::time::pause();
    let began_at = Instant::now();

    let calls = (0..8).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move { client.version(with((), &[("node", "node-7")])).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let status = call.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("no answer"), "{status}");
    }
    // All that came at the same time heard of one try.
    let took = began_at.elapsed();
    assert!((4..10).contains(&took.as_secs()), "{took:?}");
    tokio::time::resume();
    client.version(()).await.unwrap();
}

#[tokio::test]
async fn a_node_that_dies_in_the_middle_of_a_stream_ends_it_and_is_found_again() {
    let town = Town::of(2).await;
    let (address, line) = line(town.houses[1].address).await;
    town.put("node-2", address);
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let mut stream = client
        .logs(logs("endless", TO_2))
        .await
        .unwrap()
        .into_inner();
    for _ in 0..3 {
        stream.message().await.unwrap().unwrap();
    }

    line.abort();

    let status = timeout(PATIENCE, stream.message())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("node-2 went away"), "{status}");
    town.put("node-2", town.houses[1].address);
    assert_eq!(seen(&mut client, TO_2).await.os, town.folder(1));
}

#[tokio::test]
async fn what_a_client_breaks_off_is_called_off_at_the_other_node() {
    let town = Town::of(2).await;
    let mut endless = town.houses[1].machined.endless.clone();
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    let mut other = town.houses[0].admitted(&["os:reader"]).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let stream = client.logs(logs("endless", TO_2)).await.unwrap();
        streams.push(stream.into_inner());
    }
    let mut kept = other
        .logs(logs("endless", TO_2))
        .await
        .unwrap()
        .into_inner();
    kept.message().await.unwrap().unwrap();

    // One by one, then by leaving.
    streams.truncate(5);
    let six = endless.wait_for(|count| *count == 6);
    drop(timeout(PATIENCE, six).await.unwrap().unwrap());
    drop((streams, client));
    let one = endless.wait_for(|count| *count == 1);
    drop(timeout(PATIENCE, one).await.unwrap().unwrap());

    kept.message().await.unwrap().unwrap();
}

#[tokio::test]
async fn two_hundred_streams_at_once_go_over_few_connections() {
    let town = Town::of(2).await;
    let mut endless = town.houses[1].machined.endless.clone();
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut client = town.houses[0].admitted(&["os:reader"]).await;
        for _ in 0..50 {
            let mut stream = client
                .logs(logs("endless", TO_2))
                .await
                .unwrap()
                .into_inner();
            stream.message().await.unwrap().unwrap();
            streams.push(stream);
        }
    }

    let all = endless.wait_for(|count| *count == 200);
    drop(timeout(PATIENCE, all).await.unwrap().unwrap());
    // One carries them; one more is made before it is needed.
    assert!(*town.houses[1].machined.connections.borrow() <= 2);
    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    streams.clear();
    let none = endless.wait_for(|count| *count == 0);
    drop(timeout(PATIENCE, none).await.unwrap().unwrap());
    seen(&mut client, TO_2).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_over_the_same_connection() {
    let town = Town::of(2).await;
    let mut floods = Vec::new();
    for _ in 0..8 {
        // Each its own, because what one does not read fills the window of its connection.
        let mut lazy = town.houses[0].admitted(&["os:reader"]).await;
        let mut flood = lazy.logs(logs("flood", TO_2)).await.unwrap().into_inner();
        flood.message().await.unwrap().unwrap();
        floods.push(flood);
    }

    let mut client = town.houses[0].admitted(&["os:reader"]).await;
    for _ in 0..50 {
        let call = seen(&mut client, TO_2);
        timeout(PATIENCE, call).await.unwrap();
    }
    assert!(*town.houses[1].machined.connections.borrow() <= 2);
}

#[tokio::test]
async fn a_call_that_confirms_goes_over_a_connection_of_its_own() {
    let town = Town::of(2).await;
    let mut connections = town.houses[1].machined.connections.clone();
    let mut client = town.houses[0].admitted(&["os:admin"]).await;
    for count in 1..4 {
        let metadata = [("node", "node-2"), (api::wire::CONFIRM, "now")];
        seen(&mut client, &metadata).await;

        let more = connections.wait_for(|known| *known > count);
        drop(timeout(PATIENCE, more).await.unwrap().unwrap());
    }
    for _ in 0..5 {
        seen(&mut client, TO_2).await;
    }
    assert!(*connections.borrow() <= 5);
}
