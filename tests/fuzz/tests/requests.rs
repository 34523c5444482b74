// SPDX-License-Identifier: MPL-2.0
//! Requests of every method, damaged, to the machined that serves them.
//!
//! Owns: that each is answered in time with a status of gRPC, and what machined is afterwards.
//! Never: minds what the answer is.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test fails by panicking"
)]
// They are machined's tests' and have more than is needed here.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::wildcard_enum_match_arm,
    reason = "modules of other tests"
)]

#[path = "../../../agents/machined/tests/machined/clients.rs"]
mod clients;
#[path = "../../../agents/machined/tests/machined/configurations.rs"]
mod configurations;
#[path = "../../../agents/machined/tests/machined/node.rs"]
mod node;
#[path = "../../../agents/machined/tests/machined/process.rs"]
mod process;
#[path = "../../../agents/machined/tests/machined/stand_ins.rs"]
mod stand_ins;

use std::time::Duration;

use api::machine;
use api::methods::{METHODS, Method, Streams};
use http_body_util::{BodyExt as _, Full};
use ichor_fuzz::messages::{Schema, framed};
use ichor_fuzz::mutate::Dice;
use ichor_fuzz::watched::{Memory, panics, seeds};
use tokio::time::timeout;
use tonic::body::Body;
use tower_service::Service as _;

use clients::{Client, Transport, as_admin};
use configurations::configuration;
use node::{DEADLINE, TestNode};

/// Requests of each method, twice.
const RUNS: u64 = 30;
/// How long a stream may say nothing until it is left.
const SILENCE: Duration = Duration::from_millis(5);
/// How many pieces of a stream are read.
const PIECES_MAX: usize = 8;
/// What a second storm may add to memory that a first one did not, in KiB: what the allocator makes of it.
const GROWTH_KIB: u64 = 24 * 1024;
/// What a storm may take while it goes on, in KiB: what machined may have, for the test makes the messages in the
/// same process.
const PEAK_KIB: u64 = 48 * 1024;

/// A node that runs, with its configuration.
async fn running(configuration: &str) -> TestNode {
    let node = TestNode::started("");
    node.until_maintenance().await;
    let request = machine::ApplyConfigurationRequest {
        data: configuration.into(),
        ..Default::default()
    };
    let mut client = node.client().await;
    client.apply_configuration(as_admin(request)).await.unwrap();
    node.until_stage(machine::machine_status_event::MachineStage::Running)
        .await;
    node
}

/// Calls a method with bytes as an administrator, and returns what the status says.
async fn call(transport: &mut Transport, method: &Method, bytes: Vec<u8>) -> Option<String> {
    let request = http::Request::post(format!("http://machined{}", method.path))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("talos-role", "os:admin")
        .body(Body::new(Full::new(bytes::Bytes::from(bytes))))
        .unwrap();
    let answer = timeout(DEADLINE, transport.call(request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{}: no answer", method.path));
    let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", method.path));
    let (head, mut body) = answer.into_parts();
    assert_eq!(head.status, 200, "{}", method.path);
    let mut status = head.headers.get("grpc-status").cloned();
    let patience = match method.streams {
        Streams::ServerStream => SILENCE,
        Streams::Unary | Streams::ClientStream => DEADLINE,
    };
    for _ in 0..PIECES_MAX {
        match timeout(patience, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(trailers) = frame.into_trailers() {
                    status = trailers.get("grpc-status").cloned();
                }
            }
            Ok(Some(Err(error))) => panic!("{}: {error}", method.path),
            Ok(None) => break,
            Err(_) => {
                assert_eq!(method.streams, Streams::ServerStream, "{}", method.path);
                return None;
            }
        }
    }
    status.map(|status| status.to_str().unwrap().to_owned())
}

/// Sends requests; another client is served between them.
async fn storm(
    schema: &Schema,
    method: &Method,
    seeds: std::ops::Range<u64>,
    node: &TestNode,
    other: &mut Client,
) {
    let mut transport = node.transport().await;
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let message = schema.request(method.path, &mut dice);
        let bytes = framed(&message, &mut dice);

        let status = call(&mut transport, method, bytes).await;

        let code: Option<u8> = status.map(|status| status.parse().unwrap());
        assert!(
            code.is_none_or(|code| code <= 16),
            "{}: {code:?}",
            method.path
        );
        assert_eq!(panics(), 0, "{}, seed {seed}: {message:02x?}", method.path);
        let served = timeout(DEADLINE, other.version(as_admin(()))).await;
        served.unwrap().unwrap_or_else(|status| {
            panic!("{}, seed {seed}: the other is told {status}", method.path)
        });
    }
}

#[tokio::test]
async fn requests_of_every_method_are_answered_whatever_is_in_them() {
    assert_eq!(panics(), 0);
    let configuration = configuration("box.lab.example");
    let patch = b"machine:\n  network:\n    hostname: other\n".to_vec();
    let texts = vec![configuration.clone().into_bytes(), patch];
    let schema = Schema::of_api(texts).unwrap();
    for method in METHODS {
        assert!(schema.fields(method.path).is_some(), "{}", method.path);
        let node = running(&configuration).await;
        let mut other = node.client().await;
        let seeds = seeds(RUNS);
        let again = seeds.end..seeds.end + (seeds.end - seeds.start);
        storm(&schema, method, seeds, &node, &mut other).await;
        let before = Memory::mark();

        storm(&schema, method, again, &node, &mut other).await;

        let after = Memory::read();
        let (grown, peak) = (after.now, after.peak);
        assert!(
            grown <= before.now + GROWTH_KIB,
            "{}: {before:?} {after:?}",
            method.path
        );
        assert!(
            peak <= before.now + PEAK_KIB,
            "{}: {before:?} {after:?}",
            method.path
        );
    }
}

#[tokio::test]
async fn a_request_longer_than_any_may_be_is_refused_unread() {
    let configuration = configuration("box.lab.example");
    let node = running(&configuration).await;
    let mut transport = node.transport().await;
    for method in METHODS {
        // The head alone: what it announces never comes.
        let mut bytes = vec![0];
        bytes.extend((u32::try_from(method.request_max()).unwrap() + 1).to_be_bytes());

        let status = call(&mut transport, method, bytes).await;

        // OUT_OF_RANGE is tonic's; a method that is not built, or for nobody, does not look.
        let status = status.unwrap();
        assert!(
            ["7", "11", "12"].contains(&status.as_str()),
            "{}: {status}",
            method.path
        );
    }
}
