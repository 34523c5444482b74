// SPDX-License-Identifier: MPL-2.0
//! What machined promises of META over its API.
//!
//! Owns: values on a partition (here a file), in memory, and from the command line; who may change
//! them, and what is refused.
//! Never: needs a disk.

use ::api::machine::{MetaDeleteRequest, MetaWriteRequest};
use ::api::talos::resource::definitions::runtime::{MetaKeySpec, UniqueMachineTokenSpec};
use prost::Message as _;
use tonic::{Code, Status};

use super::{all, id, list, read};
use crate::api::run;
use crate::clients::{Client, as_admin, with_role};
use crate::node::TestNode;

const KEYS: &str = "MetaKeys.runtime.talos.dev";
const LOADS: &str = "MetaLoads.runtime.talos.dev";
const TOKENS: &str = "UniqueMachineTokens.runtime.talos.dev";
const MIB: usize = 1024 * 1024;

/// A node, not started, with a META partition.
fn with_partition(bytes: &[u8]) -> TestNode {
    let node = TestNode::new("");
    std::fs::create_dir_all(node.path("dev/disk/by-partlabel")).unwrap();
    std::fs::write(node.path("dev/disk/by-partlabel/META"), bytes).unwrap();
    node
}

async fn write(client: &mut Client, key: u32, value: &[u8]) -> Result<usize, Status> {
    let value = value.to_vec();
    let written = client.meta_write(as_admin(MetaWriteRequest { key, value }));
    Ok(written.await?.into_inner().messages.len())
}

async fn delete(client: &mut Client, key: u32) -> Result<usize, Status> {
    let deleted = client.meta_delete(as_admin(MetaDeleteRequest { key }));
    Ok(deleted.await?.into_inner().messages.len())
}

/// The values as readers see them.
async fn shown(node: &TestNode) -> Vec<(String, String)> {
    let mut state = node.state().await;
    let request = with_role("os:reader", list("runtime", KEYS));
    let found = all(&mut state, request).await.unwrap();
    let value = |resource: &::api::cosi::resource::Resource| {
        let spec = &resource.spec.as_ref().unwrap().proto_spec[..];
        MetaKeySpec::decode(spec).unwrap().value
    };
    found
        .iter()
        .map(|resource| (id(resource).to_owned(), value(resource)))
        .collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_051_rpc_052_values_are_on_the_partition_and_outlive_the_machine() {
    let (mut node, mut client) = run(with_partition(&vec![0; MIB])).await;
    assert_eq!(shown(&node).await, []);

    assert_eq!(
        write(&mut client, 0x0a, b"addresses: []\n").await.unwrap(),
        1
    );
    write(&mut client, 12, b"mine").await.unwrap();
    write(&mut client, 255, b"\xff\0").await.unwrap();
    assert_eq!(delete(&mut client, 12).await.unwrap(), 1);

    let expected = pairs(&[("0x0a", "addresses: []\n"), ("0xff", "\u{fffd}\0")]);
    assert_eq!(shown(&node).await, expected);
    let bytes = std::fs::read(node.path("dev/disk/by-partlabel/META")).unwrap();
    assert_eq!(bytes[..4], [0x5a, 0x4b, 0x3c, 0x2d]);
    assert_eq!(bytes[..MIB / 4], bytes[MIB / 4..MIB / 2]);
    node.cut_power();
    node.until("META is loaded", async || {
        (shown(&node).await == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn meta_11_meta_is_shown_as_resources_and_so_is_that_it_was_loaded() {
    let (node, mut client) = run(with_partition(&vec![0; MIB])).await;
    let mut state = node.state().await;

    let loaded = read(&mut state, "runtime", LOADS, "meta-loaded")
        .await
        .unwrap();
    assert_eq!(loaded.spec.unwrap().yaml_spec, "done: true\n");
    write(&mut client, 0x10, b"token-1").await.unwrap();

    node.until("the token is shown", async || {
        let token = read(&mut state, "runtime", TOKENS, "unique-machine-token");
        let spec = token.await.ok()?.spec?;
        let token = UniqueMachineTokenSpec::decode(&spec.proto_spec[..]).ok()?;
        (token.token == "token-1").then_some(())
    })
    .await;
    let key = read(&mut state, "runtime", KEYS, "0x10").await.unwrap();
    assert_eq!(key.spec.unwrap().yaml_spec, "value: token-1\n");
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_partition_values_outlive_machined_and_not_the_machine() {
    let mut node = TestNode::new("talos.environment=INSTALLER_META_BASE64=MHhhPWZvbw==");
    node.start();
    let (mut node, mut client) = run_started(node).await;
    assert_eq!(shown(&node).await, pairs(&[("0x0a", "foo")]));

    write(&mut client, 0x0c, b"mine").await.unwrap();
    let both = pairs(&[("0x0a", "foo"), ("0x0c", "mine")]);
    assert_eq!(shown(&node).await, both);
    node.restart();
    node.until("machined is back", async || {
        (shown(&node).await == both).then_some(())
    })
    .await;

    node.cut_power();
    node.until("the command line counts again", async || {
        (shown(&node).await == pairs(&[("0x0a", "foo")])).then_some(())
    })
    .await;
}

/// Waits until a node that was started is in maintenance, and configures it.
async fn run_started(node: TestNode) -> (TestNode, Client) {
    node.until_maintenance().await;
    let mut client = node.client().await;
    let text = crate::configurations::configuration("box");
    let mode = ::api::machine::apply_configuration_request::Mode::Auto;
    let applied = client.apply_configuration(crate::api::apply(&text, mode));
    applied.await.unwrap();
    let running = ::api::machine::machine_status_event::MachineStage::Running;
    node.until_stage(running).await;
    (node, client)
}

#[tokio::test(flavor = "current_thread")]
async fn keys_and_values_that_cannot_be_are_refused_and_change_nothing() {
    let (node, mut client) = run(with_partition(&vec![0; MIB])).await;
    write(&mut client, 1, b"one").await.unwrap();
    let before = std::fs::read(node.path("dev/disk/by-partlabel/META")).unwrap();

    for key in [0, 256, u32::MAX] {
        let refused = write(&mut client, key, b"x").await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{key}");
        let refused = delete(&mut client, key).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{key}");
    }
    let missing = delete(&mut client, 2).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert!(missing.message().contains("0x02"), "{missing}");
    let long = write(&mut client, 2, &vec![b'x'; 300_000])
        .await
        .unwrap_err();
    assert_eq!(long.code(), Code::InvalidArgument);
    assert!(long.message().contains("262104"), "{long}");

    let after = std::fs::read(node.path("dev/disk/by-partlabel/META")).unwrap();
    assert_eq!(before, after);
    assert_eq!(shown(&node).await, pairs(&[("0x01", "one")]));
    for role in ["os:reader", "os:operator"] {
        let request = with_role(role, MetaDeleteRequest { key: 1 });
        let refused = client.meta_delete(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_partition_with_something_else_on_it_is_empty_until_it_is_written() {
    let (node, mut client) = run(with_partition(&vec![b'x'; MIB])).await;
    assert_eq!(shown(&node).await, []);

    write(&mut client, 0x0c, b"mine").await.unwrap();

    let bytes = std::fs::read(node.path("dev/disk/by-partlabel/META")).unwrap();
    assert_eq!(bytes[..4], [0x5a, 0x4b, 0x3c, 0x2d]);
    // What is behind the copies is not ours.
    assert!(bytes[MIB / 2..].iter().all(|byte| *byte == b'x'));
}

#[tokio::test(flavor = "current_thread")]
async fn a_partition_that_is_too_small_is_left_alone() {
    let (node, mut client) = run(with_partition(b"small")).await;

    write(&mut client, 0x0c, b"mine").await.unwrap();

    assert_eq!(shown(&node).await, pairs(&[("0x0c", "mine")]));
    assert_eq!(node.read("dev/disk/by-partlabel/META"), "small");
}

#[tokio::test(flavor = "current_thread")]
async fn a_write_that_fails_is_an_error_and_the_old_value_stays() {
    let (node, mut client) = run(with_partition(&vec![0; MIB])).await;
    write(&mut client, 0x0c, b"old").await.unwrap();
    std::fs::remove_file(node.path("dev/disk/by-partlabel/META")).unwrap();

    let failed = write(&mut client, 0x0c, b"new").await.unwrap_err();

    assert_eq!(failed.code(), Code::Unavailable);
    assert!(!failed.message().contains("new"), "{failed}");
    assert_eq!(shown(&node).await, pairs(&[("0x0c", "old")]));
}

#[tokio::test(flavor = "current_thread")]
async fn changes_at_the_same_time_lose_none_and_too_many_are_refused() {
    let (node, client) = run(with_partition(&vec![0; MIB])).await;
    let mut writes = tokio::task::JoinSet::new();
    for key in 1..=32_u32 {
        let mut client = client.clone();
        writes.spawn(async move { (key, write(&mut client, key, b"x").await) });
    }
    let mut written = Vec::new();
    while let Some(done) = writes.join_next().await {
        match done.unwrap() {
            (key, Ok(_)) => written.push((format!("{key:#04x}"), "x".to_owned())),
            (_, Err(refused)) => assert_eq!(refused.code(), Code::ResourceExhausted),
        }
    }
    written.sort();

    assert!(written.len() >= 8, "{written:?}");
    assert_eq!(shown(&node).await, written);
}

#[tokio::test(flavor = "current_thread")]
async fn a_container_has_no_meta() {
    let (_node, mut client) = run(TestNode::new("talos.platform=container")).await;

    let refused = write(&mut client, 0x0c, b"x").await.unwrap_err();

    assert_eq!(refused.code(), Code::FailedPrecondition);
}
