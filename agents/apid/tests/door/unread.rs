// SPDX-License-Identifier: MPL-2.0
//! Clients that ask and do not read, and very many that wait for news.
//!
//! Owns: who has to go when too much is not read, and who does not.
//! Never: knows how it is counted; a client sees its connection end, or not.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use api::common::Data;
use api::machine::LogsRequest;
use api::machine::machine_service_client::MachineServiceClient;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::Identity;
use prost::Message;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::house::{House, PATIENCE, client};
use crate::passing::logs;
use crate::town::Town;

async fn is_served(client: &mut MachineServiceClient<Channel>) -> bool {
    let answer = timeout(PATIENCE, client.version(())).await;
    answer.unwrap().is_ok()
}

async fn until_served(client: &mut MachineServiceClient<Channel>) {
    let served = async {
        while client.version(()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, served).await.unwrap();
}

/// A request that is whole.
struct Asked(Option<Bytes>);

impl Body for Asked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A client whose connection can be seen to end, with so much room for each reply.
struct Narrow {
    sender: SendRequest<Asked>,
    ended: JoinHandle<()>,
    /// What it was answered and does not read.
    replies: Vec<Response<Incoming>>,
    /// Whom it asks.
    nodes: Option<&'static str>,
}

impl Narrow {
    async fn open(house: &House, identity: &Identity, window: u32) -> Self {
        let stream = TcpStream::connect(house.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(client(Some(identity))))
            .connect(name, stream)
            .await
            .unwrap();
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let ended = tokio::spawn(async move {
            let _ended = connection.await;
        });
        Self {
            sender,
            ended,
            replies: Vec::new(),
            nodes: None,
        }
    }

    /// Asks `count` times, and takes the heads of the replies.
    async fn ask(&mut self, method: &str, message: &impl Message, count: usize) {
        let message = message.encode_to_vec();
        let len = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = Bytes::from([&[0], &len[..], &message].concat());
        for _ in 0..count {
            let mut request = Request::post(format!("http://node/machine.MachineService/{method}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            if let Some(nodes) = self.nodes {
                request = request.header("nodes", nodes);
            }
            let request = request.body(Asked(Some(body.clone()))).unwrap();
            let reply = timeout(PATIENCE, self.sender.send_request(request)).await;
            // The last of them may be told that it is over.
            self.replies.extend(reply.unwrap());
        }
    }
}

async fn until_one_is_gone(clients: &[Narrow]) {
    let gone = async {
        while !clients.iter().any(|client| client.ended.is_finished()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

fn flood() -> LogsRequest {
    LogsRequest {
        id: "flood".to_owned(),
        ..Default::default()
    }
}

/// One byte of window was enough for replies that nobody counted.
#[tokio::test]
async fn a_window_of_one_byte_hides_nothing() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut honest = house.admitted(&["os:reader"]).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Narrow::open(&house, &identity, 1).await;
        client.ask("Logs", &flood(), 30).await;
        clients.push(client);
    }

    until_one_is_gone(&clients).await;

    assert!(is_served(&mut honest).await);
}

/// Readers who asked for everything and read nothing made apid hold more than it may have.
#[tokio::test]
async fn who_has_most_unread_is_hung_up_on_when_it_is_too_much_and_the_others_stay() {
    let house = House::large().await;
    let identity = house.client_with(&["os:reader"]);
    let mut honest = house.admitted(&["os:reader"]).await;
    let mut clients = Vec::new();
    for count in [16, 17, 40] {
        let mut client = Narrow::open(&house, &identity, 64 * 1024).await;
        client.ask("Logs", &flood(), count).await;
        clients.push(client);
    }

    until_one_is_gone(&clients).await;

    let gone: Vec<bool> = clients.iter().map(|c| c.ended.is_finished()).collect();
    assert_eq!(gone, [false, false, true]);
    assert!(is_served(&mut honest).await);
    // Who comes back is taken in.
    let mut again = Narrow::open(&house, &identity, 64 * 1024).await;
    again.ask("Version", &(), 1).await;
    assert_eq!(again.replies.len(), 1);
}

/// News for a hundred who read came faster than they read, and who had most of it was closed.
#[tokio::test]
async fn a_burst_for_a_hundred_who_read_is_slowed_down_and_closes_nobody() {
    let house = House::running().await;
    let mut clients = Vec::new();
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let mut client = house.admitted(&["os:reader"]).await;
        for _ in 0..25 {
            let stream = timeout(PATIENCE, client.logs(logs("long", &[]))).await;
            let mut stream = stream.unwrap().unwrap().into_inner();
            calls.spawn(async move {
                let mut read = 0;
                while let Some(data) = timeout(PATIENCE, stream.message()).await.unwrap().unwrap() {
                    read += data.bytes.len();
                }
                read
            });
        }
        clients.push(client);
    }

    let read = calls.join_all().await;

    assert_eq!(read, vec![5 * 300 * 1024; 100]);
}

/// Hundreds of short replies that nobody reads take little, so nobody has to go until their calls are wanted.
#[tokio::test]
async fn who_leaves_short_replies_stays_until_others_need_its_calls() {
    let house = House::running().await;
    let mut honest = house.admitted(&["os:reader"]).await;
    let mut clients = Vec::new();
    for _ in 0..19 {
        let identity = house.client_with(&["os:reader"]);
        let mut client = Narrow::open(&house, &identity, 0).await;
        client.ask("Version", &(), 50).await;
        assert_eq!(client.replies.len(), 50);
        clients.push(client);
    }
    assert!(is_served(&mut honest).await);
    assert!(clients.iter().all(|client| !client.ended.is_finished()));

    // These take the last that readers may have.
    let identity = house.client_with(&["os:reader"]);
    let mut last = Narrow::open(&house, &identity, 0).await;
    last.ask("Version", &(), 11).await;
    clients.push(last);
    until_served(&mut honest).await;
    until_one_is_gone(&clients).await;
}

/// The windows of many nodes stood behind one call, and counted as one.
#[tokio::test]
async fn what_several_nodes_have_for_one_call_counts_for_each_of_them() {
    let town = Town::of(3).await;
    let house = &town.houses[0];
    let identity = house.client_with(&["os:reader"]);
    let mut honest = house.admitted(&["os:reader"]).await;
    let mut client = Narrow::open(house, &identity, 64 * 1024).await;
    client.nodes = Some("node-1,node-2,node-3");

    client.ask("Logs", &flood(), 32).await;

    until_one_is_gone(&[client]).await;
    assert!(is_served(&mut honest).await);
}

/// Opens so many streams of one client that have nothing to say after their first words.
async fn opened(
    client: &mut MachineServiceClient<Channel>,
    count: usize,
    metadata: &[(&'static str, &'static str)],
) -> Vec<Streaming<Data>> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let stream = timeout(PATIENCE, client.logs(logs("endless", metadata))).await;
        let mut stream = stream.unwrap().unwrap().into_inner();
        let first = timeout(PATIENCE, stream.message()).await;
        assert!(first.unwrap().unwrap().is_some());
        streams.push(stream);
    }
    streams
}

/// The same of readers, 60 on a connection.
async fn streams(
    house: &House,
    count: usize,
    metadata: &[(&'static str, &'static str)],
) -> Vec<(MachineServiceClient<Channel>, Vec<Streaming<Data>>)> {
    let mut clients = Vec::new();
    for at in (0..count).step_by(60) {
        let mut client = house.admitted(&["os:reader"]).await;
        let streams = opened(&mut client, 60.min(count - at), metadata).await;
        clients.push((client, streams));
    }
    clients
}

/// The 65th waited for one of the others to end.
#[tokio::test]
async fn a_thousand_streams_of_an_operator_share_one_connection() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:operator"]).await;

    let _streams = opened(&mut client, 1000, &[]).await;

    assert!(is_served(&mut client).await);
}

#[tokio::test]
async fn two_thousand_streams_that_have_nothing_to_say_burden_nobody() {
    let house = House::large().await;

    let mut clients = streams(&house, 2000, &[]).await;

    for (client, _) in &mut clients {
        assert!(is_served(client).await);
    }
}

#[tokio::test]
async fn two_thousand_streams_pass_the_hop_over_few_connections() {
    let town = Town::of(2).await;

    let mut clients = streams(&town.houses[0], 2000, &[("node", "node-2")]).await;

    for (client, _) in &mut clients {
        assert!(is_served(client).await);
    }
    assert!(*town.houses[1].machined.connections.borrow() <= 3);
}

#[tokio::test]
async fn readers_that_have_all_their_calls_leave_some_to_others() {
    let house = House::running().await;
    let mut admin = house.admitted(&["os:admin"]).await;
    let mut reader = house.admitted(&["os:reader"]).await;
    let mut clients = streams(&house, 1088 - 128, &[]).await;

    let refused = reader.version(()).await.unwrap_err();

    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(is_served(&mut admin).await);
    // One that ends makes room.
    clients.truncate(clients.len() - 1);
    until_served(&mut reader).await;
}

/// One reader's idle streams left other readers none.
#[tokio::test]
async fn a_reader_that_takes_all_the_calls_it_can_leaves_half_to_other_readers() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut greedy = Vec::new();
    for _ in 0..8 {
        let mut client = house.client_of(&identity).await;
        let streams = opened(&mut client, 60, &[]).await;
        greedy.push((client, streams));
    }

    let (client, streams) = greedy.last_mut().unwrap();
    let refused = client.version(()).await.unwrap_err();

    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("half"), "{}", refused.message());
    let mut honest = house.admitted(&["os:reader"]).await;
    let _streams = opened(&mut honest, 60, &[]).await;
    assert!(is_served(&mut honest).await);
    // One that ends makes room for the same client.
    streams.pop();
    until_served(client).await;
}

/// Who shares a key with somebody who reads nothing was refused for ever.
#[tokio::test]
async fn who_leaves_calls_makes_room_for_those_who_share_its_key_and_for_them_alone() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Narrow::open(&house, &identity, 0).await;
        client.ask("Version", &(), 60).await;
        clients.push(client);
    }
    let stranger = house.client_with(&["os:reader"]);
    let mut other = Narrow::open(&house, &stranger, 0).await;
    other.ask("Version", &(), 64).await;
    let mut honest = house.client_of(&identity).await;

    let refused = honest.version(()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    until_served(&mut honest).await;

    until_one_is_gone(&clients).await;
    assert!(
        !other.ended.is_finished(),
        "it left more, and not of theirs"
    );
}

/// What a node passed on counted as an administrator's, whoever asked.
#[tokio::test]
async fn calls_of_readers_that_another_node_passes_on_count_as_readers() {
    let house = House::running().await;
    let mut admin = house.admitted(&["os:admin"]).await;
    let mut node = house.admitted(&["os:impersonator"]).await;
    let passed_on = &[("talos-role", "os:reader"), ("proxyfrom", "192.0.2.1")];
    let mut streams = Vec::new();
    for _ in 0..1088 - 128 {
        let stream = timeout(PATIENCE, node.logs(logs("endless", passed_on))).await;
        streams.push(stream.unwrap().unwrap());
    }

    let refused = node.logs(logs("endless", passed_on)).await.unwrap_err();

    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(is_served(&mut admin).await);
}
