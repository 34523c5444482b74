// SPDX-License-Identifier: MPL-2.0
//! What machined promises of packet captures, with real frames in a network namespace.
//!
//! Owns: the stream's form, filters, what is refused, and clients that do not read.
//! Never: hears a link of the machine it runs on.

use std::net::UdpSocket;

use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use ::api::machine::{BpfInstruction, PacketCaptureRequest};
use proto::net;
use tonic::{Code, Status, Streaming};

use crate::api::apply;
use crate::clients::{Client, as_admin, with_role};
use crate::configurations::configuration;
use crate::node::{NetState, TestNode};
use crate::source::{INSIDE, run_in_namespace};

type Pieces = Streaming<::api::common::Data>;

/// A link as netd tells it.
fn link(index: u32, name: &str, arp_type: u16) -> net::Reply {
    net::Reply::Link(net::Link {
        index,
        name: name.try_into().unwrap(),
        arp_type,
        flags: 1,
        mtu: 65_536,
        hardware_address: net::HardwareAddress::new(),
        permanent_address: net::HardwareAddress::new(),
        broadcast_address: net::HardwareAddress::new(),
        lower_index: 0,
        master_index: 0,
        queue_discipline: net::Word::new(),
        oper_state: 0,
        kind: net::Word::new(),
        slave_kind: net::Word::new(),
        hardware: net::Hardware::UNKNOWN,
    })
}

/// A node that runs, with `lo` and links that cannot be captured.
async fn node() -> (TestNode, Client) {
    let mut node = TestNode::new("");
    node.net.send_replace(NetState {
        news: vec![
            link(1, "lo", 772),
            link(7000, "gone0", 1),
            link(3, "wlan0", 803),
        ],
    });
    node.start();
    node.until_maintenance().await;
    let mut client = node.client().await;
    let first = apply(&configuration("box"), Mode::Auto);
    client.apply_configuration(first).await.unwrap();
    node.until_stage(MachineStage::Running).await;
    (node, client)
}

fn on(interface: &str) -> PacketCaptureRequest {
    PacketCaptureRequest {
        interface: interface.to_owned(),
        ..Default::default()
    }
}

async fn begin(client: &mut Client, request: PacketCaptureRequest) -> Result<Pieces, Status> {
    Ok(client.packet_capture(as_admin(request)).await?.into_inner())
}

/// The bytes of a stream until there are so many.
async fn bytes(stream: &mut Pieces, at_least: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < at_least {
        let piece = tokio::time::timeout(crate::node::DEADLINE, stream.message()).await;
        bytes.extend(piece.unwrap().unwrap().unwrap().bytes);
    }
    bytes
}

fn send(payload: &[u8], port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(payload, ("127.0.0.1", port)).unwrap();
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// `udp dst port 9`, for frames without IP options, as `tcpdump -dd` would write it.
fn to_port_9() -> Vec<BpfInstruction> {
    let step = |op, jt, jf, k| BpfInstruction { op, jt, jf, k };
    vec![
        step(0x28, 0, 0, 36),
        step(0x15, 0, 1, 9),
        step(0x06, 0, 0, 0x4_0000),
        step(0x06, 0, 0, 0),
    ]
}

#[test]
fn rpc_049_frames_come_in_pcap_form_cut_and_chosen() {
    if std::env::var_os(INSIDE).is_none() {
        let name = "capturing::rpc_049_frames_come_in_pcap_form_cut_and_chosen";
        return run_in_namespace(name);
    }
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let (_node, mut client) = node().await;
        let request = PacketCaptureRequest {
            snap_len: 60,
            bpf_filter: to_port_9(),
            promiscuous: true,
            ..on("lo")
        };
        let mut stream = begin(&mut client, request).await.unwrap();
        // The head comes at once: from here on the filter stands.
        let head = bytes(&mut stream, 24).await;
        send(b"not this one", 10);
        send(&[b'x'; 1000], 9);

        let frame = bytes(&mut stream, 76).await;

        assert_eq!(
            (word(&head, 0), word(&head, 16), word(&head, 20)),
            (0xa1b2_c3d4, 60, 1)
        );
        assert_eq!(frame.len(), 76);
        let (kept, whole) = (word(&frame, 8), word(&frame, 12));
        // Ethernet, IP, UDP.
        assert_eq!((kept, whole), (60, 14 + 20 + 8 + 1000));
        assert_eq!(&frame[16 + 42..], &[b'x'; 18]);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let age = now.unwrap().as_secs().abs_diff(u64::from(word(&frame, 0)));
        assert!(age < 60 && word(&frame, 4) < 1_000_000, "{age}");
    });
}

#[test]
fn a_client_that_does_not_read_costs_frames_and_no_memory() {
    if std::env::var_os(INSIDE).is_none() {
        let name = "capturing::a_client_that_does_not_read_costs_frames_and_no_memory";
        return run_in_namespace(name);
    }
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let (_node, mut client) = node().await;
        let mut stream = begin(&mut client, on("lo")).await.unwrap();
        assert_eq!(bytes(&mut stream, 24).await.len(), 24);

        for _ in 0..4000 {
            send(&[b'x'; 8000], 9);
        }

        // Others are served, and the first frame is still there to be read.
        assert!(client.version(as_admin(())).await.is_ok());
        let frame = bytes(&mut stream, 16).await;
        assert_eq!(word(&frame, 12), 14 + 20 + 8 + 8000);
        drop(stream);
        assert!(begin(&mut client, on("lo")).await.is_ok());
    });
}

#[tokio::test(flavor = "current_thread")]
async fn captures_that_cannot_be_are_refused_with_the_reason() {
    let (_node, mut client) = node().await;
    let step = |op, jt, jf, k| BpfInstruction { op, jt, jf, k };
    let filtered = |bpf_filter: Vec<BpfInstruction>| PacketCaptureRequest {
        bpf_filter,
        ..on("lo")
    };
    let answer = step(0x06, 0, 0, 0);
    let cases = [
        (on(""), Code::NotFound, "interface"),
        (on("eth9"), Code::NotFound, "eth9"),
        (on(&"x".repeat(9000)), Code::NotFound, "interface"),
        (
            on("wlan0"),
            Code::FailedPrecondition,
            "neither Ethernet's nor IP's",
        ),
        (on("gone0"), Code::Internal, "ENODEV"),
        (
            filtered(vec![answer; 4097]),
            Code::InvalidArgument,
            "at most 4096",
        ),
        (
            filtered(vec![step(0x10006, 0, 0, 0)]),
            Code::InvalidArgument,
            "bpf_filter[0]",
        ),
        (
            filtered(vec![answer, step(6, 256, 0, 0)]),
            Code::InvalidArgument,
            "bpf_filter[1]",
        ),
        (
            filtered(vec![step(6, 0, u32::MAX, 0)]),
            Code::InvalidArgument,
            "bpf_filter[0]",
        ),
        // No answer at its end; a jump out of it; an operation that there is not.
        (
            filtered(vec![step(0x28, 0, 0, 12)]),
            Code::InvalidArgument,
            "kernel",
        ),
        (
            filtered(vec![step(0x15, 9, 0, 0), answer]),
            Code::InvalidArgument,
            "kernel",
        ),
        (
            filtered(vec![step(0xffff, 0, 0, 0), answer]),
            Code::InvalidArgument,
            "kernel",
        ),
        (
            PacketCaptureRequest {
                snap_len: u32::MAX,
                ..on("lo")
            },
            Code::InvalidArgument,
            "snap_len",
        ),
    ];
    for (request, code, reason) in cases {
        let refused = begin(&mut client, request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{reason}: {refused}");
        assert!(refused.message().contains(reason), "{reason}: {refused}");
        assert!(refused.message().len() < 300, "{refused}");
    }
    let reader = client
        .packet_capture(with_role("os:reader", on("lo")))
        .await;
    assert_eq!(reader.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "current_thread")]
async fn only_so_many_captures_go_on_and_one_that_ended_makes_room() {
    let (node, mut client) = node().await;
    let nothing = PacketCaptureRequest {
        bpf_filter: vec![BpfInstruction {
            op: 6,
            ..Default::default()
        }],
        ..on("lo")
    };
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(begin(&mut client, nothing.clone()).await.unwrap());
    }

    let refused = begin(&mut client, nothing.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(open.pop());

    node.until("a place is free", async || {
        begin(&mut client, nothing.clone()).await.ok().map(drop)
    })
    .await;
}
