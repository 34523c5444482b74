// SPDX-License-Identifier: MPL-2.0
//! machined is away, or talks nonsense.
//!
//! Owns: what the door does then.
//! Never: kills a process; a double that is gone is as gone as a machined that was killed.

use api::machine::LogsRequest;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use proto::door::{MAX_MESSAGE, Mode};
use tokio::time::timeout;
use tonic::Code;

use crate::double;
use crate::house::{House, PATIENCE, tell};

#[tokio::test]
async fn without_machined_a_call_is_unavailable_and_says_what_to_do() {
    let mut house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    house.machined.kill();
    std::fs::remove_file(house.folder.join("api")).unwrap();

    let status = client.version(()).await.unwrap_err();

    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("try again"), "{status}");
}

#[tokio::test]
async fn a_stream_that_machined_abandons_ends_with_a_status() {
    let mut house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    let request = || LogsRequest {
        id: "endless".to_owned(),
        ..Default::default()
    };
    let mut plain = client.logs(request()).await.unwrap().into_inner();
    let mut labelled = tonic::Request::new(request());
    labelled
        .metadata_mut()
        .insert("nodes", "10.0.0.2".parse().unwrap());
    let mut labelled = client.logs(labelled).await.unwrap().into_inner();
    for _ in 0..3 {
        plain.message().await.unwrap().unwrap();
        labelled.message().await.unwrap().unwrap();
    }

    house.machined.kill();

    let status = timeout(PATIENCE, plain.message())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let last = timeout(PATIENCE, labelled.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(last.metadata.unwrap().status.unwrap().code, 14);
    assert!(labelled.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_restarted_machined_is_found_by_the_same_connection() {
    let mut house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    for _ in 0..5 {
        client.version(()).await.unwrap();
        house.machined.kill();
        house.machined = double::machined(&house.folder.join("api"));

        timeout(PATIENCE, async {
            while client.version(()).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn the_door_stays_as_it_was_while_machined_restarts_and_follows_the_new_one() {
    let mut house = House::running().await;
    // The old one is gone with its socket; the new one listens under the same name.
    house.door = double::door(&house.folder.join("door"));

    let mut client = house.admitted(&["os:reader"]).await;
    client.version(()).await.unwrap();

    house.tell(&tell(&house.authority, Mode::Maintenance));
    house.serves_strangers().await;
}

#[tokio::test]
async fn ten_thousand_malformed_door_messages_change_nothing_and_the_next_good_one_counts() {
    let house = House::running().await;
    let good = house.told.encode();
    let mut runner = TestRunner::deterministic();
    let anything = proptest::collection::vec(proptest::num::u8::ANY, 1..2000);
    let door = house.door.clone();
    let messages: Vec<Vec<u8>> = (0..10_000_usize)
        .map(|n| match n % 5 {
            0 => good[..1 + n % (good.len() - 1)].to_vec(),
            1 => [&good[..], &[0; 3]].concat(),
            2 => vec![3; MAX_MESSAGE + 1 + n % 1000],
            3 => {
                let mut bytes = good.clone();
                let at = n * 7 % bytes.len();
                bytes[at] ^= 0x15;
                // A changed letter of a name is no malformed message; a changed PEM is.
                bytes[60] = 0xff;
                bytes
            }
            _ => {
                let mut bytes = anything.new_tree(&mut runner).unwrap().current();
                bytes[0] = if n % 2 == 0 { 1 } else { bytes[0].max(4) };
                bytes
            }
        })
        .collect();
    let sender = tokio::task::spawn_blocking(move || {
        for message in messages {
            door.send(message).unwrap();
        }
    });

    let mut client = house.admitted(&["os:reader"]).await;
    client.version(()).await.unwrap();
    sender.await.unwrap();
    client.version(()).await.unwrap();

    house.tell(&tell(&house.authority, Mode::Maintenance));
    house.serves_strangers().await;
    assert!(!house.apid.is_finished());
}
