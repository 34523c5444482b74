// SPDX-License-Identifier: MPL-2.0
//! Clients that take their time, or all the room: how long they may, and who suffers.
//!
//! Time stands still in most of these tests and jumps when all parts wait; the parts are all in
//! this process.
//!
//! Owns: the limits of connections, seen on real sockets.
//! Never: waits for real minutes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api::machine::machine_service_client::MachineServiceClient;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::{Identity, Key, Leaf};
use proto::door::Mode;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::house::{DAY, House, PATIENCE, client, now};

/// One piece, and nothing more for ever.
struct Stalled(Option<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Poll::Pending,
        }
    }
}

/// A client whose connection can be seen to end.
async fn stranger(house: &House) -> (SendRequest<Stalled>, JoinHandle<()>) {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client(None)))
        .connect(name, stream)
        .await
        .unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let ended = tokio::spawn(async move {
        let _ended = connection.await;
    });
    (sender, ended)
}

/// Takes machined's place in this thread; what it gives is told of each piece of a request.
fn read_as_machined(house: &mut House) -> Arc<Notify> {
    house.machined.kill();
    let path = house.folder.join("api");
    std::fs::remove_file(&path).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    let heard = Arc::new(Notify::new());
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request: Request<Incoming>| {
            let heard = Arc::clone(&heard);
            async move {
                let mut body = request.into_body();
                while let Some(Ok(_)) =
                    std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
                {
                    heard.notify_one();
                }
                Ok::<_, Infallible>(Response::new(Stalled(None)))
            }
        });
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await
    });
    told
}

#[tokio::test]
async fn a_way_to_machined_is_made_before_a_client_comes_and_strangers_get_none() {
    let house = House::dark(Mode::Running).await;
    let mut connections = house.machined.connections.clone();
    let one = connections.wait_for(|count| *count == 1);
    drop(timeout(PATIENCE, one).await.unwrap().unwrap());
    house.tell(&house.told);
    house.lit().await;

    let mut client = house.admitted(&["os:reader"]).await;
    client.version(()).await.unwrap();
    let next = connections.wait_for(|count| *count > 1);
    drop(timeout(PATIENCE, next).await.unwrap().unwrap());
    client.version(()).await.unwrap();

    assert_eq!(*connections.borrow(), 2);
}

/// Whether one more connection of a client is served.
async fn is_let_in(house: &House, identity: &Identity) -> bool {
    match house.channel(Some(identity)).await {
        Ok(channel) => MachineServiceClient::new(channel).version(()).await.is_ok(),
        Err(_) => false,
    }
}

async fn turned_away(house: &House, identity: &Identity) {
    let next = timeout(PATIENCE, is_let_in(house, identity));
    assert!(!next.await.unwrap(), "there is no room for one more");
}

async fn until_let_in(house: &House, identity: &Identity) {
    let room = async { while !is_let_in(house, identity).await {} };
    timeout(PATIENCE, room).await.unwrap();
}

#[tokio::test]
async fn a_full_house_turns_the_next_away_at_once_and_goes_on_for_those_inside() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut inside = Vec::new();
    for _ in 0..36 {
        let one = house.client_with(&["os:reader"]);
        let mut client = house.client_of(&one).await;
        client.version(()).await.unwrap();
        inside.push(client);
    }

    turned_away(&house, &identity).await;
    // Readers have left places to those who may do more.
    let mut admin = house.admitted(&["os:admin"]).await;
    admin.version(()).await.unwrap();
    for client in &mut inside {
        client.version(()).await.unwrap();
    }
    // As many as are free are kept, and one of those is the administrator's now.
    inside.truncate(34);
    until_let_in(&house, &identity).await;
}

/// One reader's connections left other readers none.
#[tokio::test]
async fn a_reader_that_takes_all_the_connections_it_can_leaves_half_to_other_readers() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut inside = Vec::new();
    for _ in 0..18 {
        let mut client = house.client_of(&identity).await;
        client.version(()).await.unwrap();
        inside.push(client);
    }

    turned_away(&house, &identity).await;
    // The same with another certificate of its key: one that ECDSA signed has a twin that is as good.
    let leaf = Leaf::client(&["os:reader"], DAY);
    let authority = &house.authority;
    let twin = Identity {
        certificate: authority.issue_for(&leaf, &identity.key, now()).unwrap(),
        key: Key::from_pkcs8(identity.key.pkcs8_der()).unwrap(),
    };
    turned_away(&house, &twin).await;
    for _ in 0..18 {
        let mut other = house.admitted(&["os:reader"]).await;
        other.version(()).await.unwrap();
        inside.push(other);
    }
    for client in &mut inside {
        client.version(()).await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_connections_that_say_nothing_hold_up_nobody_who_is_inside() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut inside = house.client_of(&identity).await;
    inside.version(()).await.unwrap();

    // Twice as many at a time as may shake hands: more than the kernel keeps for a listener would make this
    // client wait, and nobody else.
    let mut silent = VecDeque::new();
    for number in 1..=10_000 {
        let connected = timeout(PATIENCE, TcpStream::connect(house.address)).await;
        silent.push_back(connected.unwrap().unwrap());
        if silent.len() > 64 {
            silent.pop_front();
        }
        if number % 500 == 0 {
            let answer = timeout(PATIENCE, inside.version(())).await;
            answer.unwrap().unwrap();
        }
    }
    drop(silent);

    until_let_in(&house, &identity).await;
}

/// Connections that say `words` and nothing more.
async fn strangers(house: &House, count: usize, words: &[u8]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        held.push(stream);
    }
    held
}

#[tokio::test]
async fn strangers_that_hold_every_place_hold_up_the_next_caller_by_moments() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    // With ten seconds for each these would take a minute and a half, and half a minute.
    for (count, words) in [(300, &b""[..]), (80, b"\x16")] {
        let held = strangers(&house, count, words).await;

        let next = timeout(Duration::from_secs(10), house.channel(Some(&identity)));
        let channel = next.await.unwrap().unwrap();

        MachineServiceClient::new(channel)
            .version(())
            .await
            .unwrap();
        drop(held);
    }
}

#[tokio::test]
async fn strangers_that_say_nothing_stay_while_there_is_room() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut held = strangers(&house, 24, b"").await;

    for _ in 0..40 {
        house.channel(Some(&identity)).await.unwrap();
    }

    for stream in &mut held {
        let mut byte = [0];
        let hung_up = stream.try_read(&mut byte);
        assert_eq!(hung_up.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn a_handshake_a_byte_at_a_time_is_closed_at_the_deadline() {
    let house = House::running().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    tokio::time::pause();
    let began_at = Instant::now();

    // The head of a record with a ClientHello of 508 bytes, and some of it.
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let mut sent = hello.into_iter().chain(std::iter::repeat(7));
    let mut heard = [0; 64];
    loop {
        let _ = stream.write_all(&[sent.next().unwrap()]).await;
        let next = timeout(Duration::from_secs(1), stream.read(&mut heard)).await;
        if let Ok(Ok(0) | Err(_)) = next {
            break;
        }
        assert!(began_at.elapsed() < Duration::from_secs(60), "still open");
    }

    let took = began_at.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(12)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_connection_without_calls_is_closed_and_the_client_comes_back() {
    let house = House::maintenance().await;
    let (sender, ended) = stranger(&house).await;
    tokio::time::pause();
    let began_at = Instant::now();

    ended.await.unwrap();

    let took = began_at.elapsed();
    assert!(
        (Duration::from_secs(59)..Duration::from_secs(67)).contains(&took),
        "{took:?}"
    );
    assert!(sender.is_closed());
    tokio::time::resume();
    house.serves_strangers().await;
}

#[tokio::test]
async fn a_request_that_stops_half_way_is_refused_at_the_deadline_and_its_connection_closed() {
    let mut house = House::maintenance().await;
    let heard = read_as_machined(&mut house);
    let (mut sender, ended) = stranger(&house).await;
    let request = Request::post("http://node/machine.MachineService/ApplyConfiguration")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Stalled(Some(Bytes::from_static(&[0, 0]))))
        .unwrap();
    let response = tokio::spawn(sender.send_request(request));
    timeout(PATIENCE, heard.notified()).await.unwrap();
    tokio::time::pause();

    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(!response.is_finished());
    tokio::time::advance(Duration::from_secs(2)).await;

    let response = response.await.unwrap().unwrap();
    // DEADLINE_EXCEEDED.
    assert_eq!(response.headers()["grpc-status"], "4");
    drop(response);
    ended.await.unwrap();
}
