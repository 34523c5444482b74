// SPDX-License-Identifier: MPL-2.0
//! What machined promises of time servers, with servers on loopback that tell the truth and lie.
//!
//! Owns: one exchange over UDP, on both families, and each kind of answer that does not count.
//! Never: asks a server of the network, or depends on the clock of the machine.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ::api::machine::apply_configuration_request::Mode;
use ::api::time::{Time, TimeRequest};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::api::{apply, run};
use crate::clients::{as_admin, with_role};
use crate::configurations::configuration;
use crate::node::TestNode;

/// How far the server's clock is ahead of ours.
const AHEAD: Duration = Duration::from_secs(3600);

/// What a good server answers to a question: its clock is an hour ahead.
fn good(question: &[u8]) -> Vec<u8> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        + AHEAD;
    let seconds = (since.as_secs() + 2_208_988_800) & 0xffff_ffff;
    let stamp = (seconds << 32) | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000);
    let mut answer = vec![0; 48];
    answer[0] = 0x24;
    answer[1] = 2;
    answer[24..32].copy_from_slice(&question[40..48]);
    answer[32..40].copy_from_slice(&stamp.to_be_bytes());
    answer[40..48].copy_from_slice(&stamp.to_be_bytes());
    answer
}

struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that answers each question with what `answers` makes of it.
async fn server(at: &str, answers: fn(&[u8]) -> Vec<Vec<u8>>) -> Server {
    let socket = UdpSocket::bind((at, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 256];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            for answer in answers(&buffer[..len]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    Server { address, task }
}

/// A node that runs, whose time servers are at this port; `127.0.0.1` is the configured one.
async fn node(port: u16) -> TestNode {
    let mut node = TestNode::new("");
    node.ntp_port = port;
    node.start();
    node.until_maintenance().await;
    let text = configuration("box").replace(
        "\nmachine:\n",
        "\nmachine:\n    time:\n        servers:\n            - 127.0.0.1\n",
    );
    assert!(text.contains("127.0.0.1"), "{text}");
    let mut client = node.client().await;
    client
        .apply_configuration(apply(&text, Mode::Auto))
        .await
        .unwrap();
    node.until_stage(::api::machine::machine_status_event::MachineStage::Running)
        .await;
    node
}

async fn check(node: &TestNode, server: &str) -> Result<Time, Status> {
    let server = server.to_owned();
    let request = as_admin(TimeRequest { server });
    let answer = node.time().await.time_check(request).await?.into_inner();
    Ok(answer.messages.into_iter().next().unwrap())
}

/// How far the server is ahead, in milliseconds.
fn ahead_ms(time: &Time) -> i64 {
    let millis = |at: &prost_types::Timestamp| at.seconds * 1000 + i64::from(at.nanos) / 1_000_000;
    millis(time.remotetime.as_ref().unwrap()) - millis(time.localtime.as_ref().unwrap())
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_059_rpc_060_the_time_is_compared_with_the_configured_server() {
    let server = server("127.0.0.1", |question| vec![good(question)]).await;
    let node = node(server.address.port()).await;

    let request = with_role("os:reader", ());
    let answer = node.time().await.time(request).await.unwrap().into_inner();

    let time = &answer.messages[0];
    assert_eq!(time.server, "127.0.0.1");
    // The way there and back is shorter than a second.
    assert!((3_599_000..3_601_000).contains(&ahead_ms(time)), "{time:?}");
    let refused = node.time().await.time(with_role("os:none", ())).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

/// `Time` asked the servers of the configuration, or the default one, whatever else named some.
#[tokio::test(flavor = "current_thread")]
async fn rpc_060_servers_that_others_name_are_asked_where_the_configuration_names_none() {
    let server = server("127.0.0.1", |question| vec![good(question)]).await;
    let mut node = TestNode::new("ip=10.5.0.2::10.5.0.1:255.255.255.0::eth0:off:::127.0.0.1");
    node.ntp_port = server.address.port();
    let (node, _) = run(node).await;

    let request = with_role("os:reader", ());
    let answer = node.time().await.time(request).await.unwrap().into_inner();

    assert_eq!(answer.messages[0].server, "127.0.0.1");
    assert!((3_599_000..3_601_000).contains(&ahead_ms(&answer.messages[0])));
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_061_any_server_is_asked_by_address_of_both_families_and_by_name() {
    let server = server("::1", |question| vec![good(question)]).await;
    let node = node(server.address.port()).await;
    for name in ["::1", "[::1]", "localhost"] {
        let time = check(&node, name).await.unwrap();
        assert_eq!(time.server, name);
        assert!(
            (3_599_000..3_601_000).contains(&ahead_ms(&time)),
            "{time:?}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_061_servers_that_lie_are_not_believed_and_the_answer_says_why() {
    type Case = (fn(&[u8]) -> Vec<Vec<u8>>, &'static str);
    fn with(question: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<Vec<u8>> {
        let mut answer = good(question);
        change(&mut answer);
        vec![answer]
    }
    let cases: [Case; 8] = [
        (|_| Vec::new(), "no answer within"),
        (|q| with(q, |a| a[24] ^= 1), "no answer within"),
        (|q| with(q, |a| a.truncate(47)), "no answer within"),
        (|q| vec![q.to_vec()], "no answer within"),
        (|q| vec![vec![0; 256]; q.len() + 100], "none is an answer"),
        (
            |q| {
                with(q, |a| {
                    a[1] = 0;
                    a[12..16].copy_from_slice(b"RATE");
                })
            },
            "refuses to answer: RATE",
        ),
        (|q| with(q, |a| a[1] = 16), "does not know the time itself"),
        (|q| with(q, |a| a[32] ^= 0x40), "cannot be"),
    ];
    for (answers, reason) in cases {
        let server = server("127.0.0.1", answers).await;
        let node = node(server.address.port()).await;

        let refused = check(&node, "127.0.0.1").await.unwrap_err();

        assert_eq!(refused.code(), Code::Unavailable, "{reason}: {refused}");
        assert!(refused.message().contains(reason), "{reason}: {refused}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn strangers_who_answer_first_are_passed_over() {
    let server = server("127.0.0.1", |question| {
        let mut forged = good(question);
        forged[24] ^= 1;
        vec![forged, vec![1, 2, 3], Vec::new(), good(question)]
    })
    .await;
    let node = node(server.address.port()).await;

    assert!(check(&node, "127.0.0.1").await.is_ok());
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_no_server_is_refused_before_anybody_is_asked() {
    let node = node(1).await;
    let long = "a".repeat(3000);
    for server in [
        "",
        " ",
        "a b",
        "http://x",
        "*.pool",
        "fe80::1%eth0",
        "[",
        "a\nb",
        &long,
    ] {
        let refused = check(&node, server).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{server:?}");
        assert!(refused.message().len() < 200, "{refused}");
    }
    // No name server is known.
    let refused = check(&node, "ntp.example").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().starts_with("time server ntp.example: "),
        "{refused}"
    );
}
