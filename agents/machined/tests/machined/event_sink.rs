// SPDX-License-Identifier: MPL-2.0
//! What machined promises of events that go elsewhere.
//!
//! Owns: a receiver that speaks gRPC, and one that does not.
//! Never: looks inside machined.

use std::convert::Infallible;
use std::net::SocketAddr;

use ::api::events::EventRequest;
use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::api::apply;
use crate::clients::stages;
use crate::configurations::configuration;
use crate::node::{DEADLINE, TestNode};

/// A receiver; what it was sent comes out of the channel.
async fn receiver(at: SocketAddr, code: &'static str) -> (SocketAddr, Received) {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, events) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        // Connections end with the receiver.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            let service = service_fn(move |request| answer(request, sender.clone(), code));
            connections.spawn(
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, Received { events, task })
}

struct Received {
    events: mpsc::UnboundedReceiver<EventRequest>,
    task: tokio::task::JoinHandle<()>,
}

impl Received {
    async fn next(&mut self) -> EventRequest {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        event.unwrap().unwrap()
    }

    /// Waits for an event of a kind; all that came before it are returned with it.
    async fn until(&mut self, name: &str) -> Vec<EventRequest> {
        let mut all = Vec::new();
        loop {
            let event = self.next().await;
            let is_it = event.data.as_ref().unwrap().type_url.ends_with(name);
            all.push(event);
            if is_it {
                return all;
            }
        }
    }
}

async fn answer(
    request: http::Request<Incoming>,
    sender: mpsc::UnboundedSender<EventRequest>,
    code: &'static str,
) -> Result<http::Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    assert_eq!(request.uri().path(), "/events.EventSinkService/Publish");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let frame = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(frame[0], 0);
    let len = u32::from_be_bytes(frame[1..5].try_into().unwrap());
    assert_eq!(len as usize, frame.len() - 5);
    let _ = sender.send(EventRequest::decode(&frame[5..]).unwrap());
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) });
    Ok(http::Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap())
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn conf_108_events_go_to_the_sink_from_the_oldest_on_and_each_once() {
    let (address, mut received) = receiver(loopback(), "0").await;
    let mut node = TestNode::new(&format!("talos.events.sink={address}"));
    node.start();
    let before = received.until("MachineStatusEvent").await;
    node.until_maintenance().await;
    // The receiver is away for a while.
    received.task.abort();
    let _ended = (&mut received.task).await;
    let mut client = node.client().await;
    client
        .apply_configuration(apply(&configuration("box"), Mode::Auto))
        .await
        .unwrap();
    let running = i32::from(machine::machine_status_event::MachineStage::Running);
    node.until("running", async || {
        (stages(&mut client).await?.last() == Some(&running)).then_some(())
    })
    .await;

    let (_, mut received) = receiver(address, "0").await;

    let mut all = before;
    let is_running = |event: &EventRequest| {
        let data = event.data.as_ref().unwrap();
        data.type_url == "talos/runtime/machine.MachineStatusEvent"
            && machine::MachineStatusEvent::decode(&data.value[..])
                .unwrap()
                .stage
                == running
    };
    while !all.last().is_some_and(is_running) {
        all.push(received.next().await);
    }
    let ids: Vec<&str> = all.iter().map(|event| event.id.as_str()).collect();
    // One whose answer was lost with the connection may have come twice.
    assert!(ids.is_sorted(), "{ids:?}");
    // The hello of a stream over the API is no event.
    let has_kind = |event: &EventRequest| !event.data.as_ref().unwrap().type_url.is_empty();
    assert!(all.iter().all(has_kind));
    let kinds = [
        "PhaseEvent",
        "SequenceEvent",
        "TaskEvent",
        "ServiceStateEvent",
    ];
    for kind in kinds {
        let has = |event: &EventRequest| event.data.as_ref().unwrap().type_url.ends_with(kind);
        assert!(all.iter().any(has), "{kind}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn conf_108_the_document_names_a_sink_live_and_one_that_refuses_harms_nobody() {
    let (refuses_at, mut refuses) = receiver(loopback(), "12").await;
    let (address, mut received) = receiver(loopback(), "0").await;
    let mut node = TestNode::new("");
    node.start();
    node.until_maintenance().await;
    let mut client = node.client().await;
    let base = configuration("box");
    let with = |address: SocketAddr| {
        format!("{base}---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: {address}\n")
    };
    client
        .apply_configuration(apply(&with(refuses_at), Mode::Auto))
        .await
        .unwrap();
    // The same event again and again: nothing is passed over.
    let first = refuses.next().await;
    assert_eq!(refuses.next().await.id, first.id);

    client
        .apply_configuration(apply(&with(address), Mode::NoReboot))
        .await
        .unwrap();

    let all = received.until("SequenceEvent").await;
    assert_eq!(all[0].id, first.id);
}
