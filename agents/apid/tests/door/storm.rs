// SPDX-License-Identifier: MPL-2.0
//! Bytes that are no calls, from clients that passed TLS.
//!
//! Owns: that whatever comes, the door stays open for others and gives back what it lent.
//! Never: differs from run to run: the same seed gives the same bytes.

use api::machine::LogsRequest;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tokio::time::timeout;

use crate::frames::{PREFACE, call, frame, send};
use crate::house::{House, PATIENCE};
use crate::passing::{seen, with};
use crate::town::Town;

#[tokio::test]
async fn arbitrary_bytes_instead_of_http_harm_nobody() {
    let house = House::running().await;
    let mut runner = TestRunner::deterministic();
    let anything = proptest::collection::vec(proptest::num::u8::ANY, 0..400);
    let mut client = house.admitted(&["os:reader"]).await;
    for number in 0..300_u32 {
        let bytes = anything.new_tree(&mut runner).unwrap().current();
        let bytes = match number % 3 {
            0 => bytes,
            1 => [PREFACE, &bytes].concat(),
            _ => [PREFACE, &frame(4, 0, 0, &[]), &bytes].concat(),
        };

        send(&house, &bytes).await;
    }

    client.version(()).await.unwrap();
    assert!(!house.apid.is_finished());
}

#[tokio::test]
async fn damaged_frames_and_frames_of_any_kind_harm_nobody() {
    let town = Town::of(2).await;
    let house = &town.houses[0];
    let mut runner = TestRunner::deterministic();
    let anything = proptest::collection::vec(proptest::num::u8::ANY, 8..80);
    let targets: [&[(&str, &str)]; 3] = [&[], &[("node", "node-2")], &[("nodes", "node-1,node-2")]];
    for number in 0..300_usize {
        let random = anything.new_tree(&mut runner).unwrap().current();
        let good = call(1, targets[number % 3], &[0; 5]);
        let bytes = match number % 4 {
            // One byte of a good call differs.
            0 => {
                let mut bytes = good;
                let at = usize::from(random[0]) * 256 + usize::from(random[1]);
                let at = at % bytes.len();
                bytes[at] ^= random[2] | 1;
                bytes
            }
            // It ends too early.
            1 => good[..usize::from(random[0]) % good.len()].to_vec(),
            // A frame of any kind comes between.
            2 => {
                let stream = u32::from(random[2] % 4);
                [frame(random[0] % 12, random[1], stream, &random[3..]), good].concat()
            }
            // The body is no message.
            _ => call(1, targets[number % 3], &random),
        };

        send(house, &[PREFACE, &frame(4, 0, 0, &[]), &bytes].concat()).await;
    }

    let mut client = house.admitted(&["os:reader"]).await;
    for name in ["node-1", "node-2"] {
        seen(&mut client, &[("node", name)]).await;
    }
    assert!(town.houses.iter().all(|house| !house.apid.is_finished()));
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_at_once_leave_nothing_behind() {
    let town = Town::of(2).await;
    let house = &town.houses[0];
    for metadata in [
        &[][..],
        &[("node", "node-2")],
        &[("nodes", "node-1,node-2")],
    ] {
        let mut bytes = [PREFACE, &frame(4, 0, 0, &[])].concat();
        for number in 0..200_u32 {
            let stream = number * 2 + 1;
            bytes.extend(call(stream, metadata, &[0; 5]));
            // CANCEL.
            bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
        }

        send(house, &bytes).await;
    }

    let mut client = house.admitted(&["os:reader"]).await;
    seen(&mut client, &[("node", "node-2")]).await;
    let request = LogsRequest {
        id: "lines".to_owned(),
        ..Default::default()
    };
    let logs = client.logs(with(request, &[("nodes", "node-1,node-2")]));
    timeout(PATIENCE, logs).await.unwrap().unwrap();
}
