// SPDX-License-Identifier: MPL-2.0
//! Clients that ask and do not read, and very many that wait for news.
//!
//! Owns: who has to go when too much is not read, and who does not.
//! Never: counts bytes: what is bounded is how many calls may have some.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use api::machine::machine_service_client::MachineServiceClient;
use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::Identity;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::Channel;

use crate::house::{House, PATIENCE, client};
use crate::passing::logs;

async fn is_served(client: &mut MachineServiceClient<Channel>) -> bool {
    let answer = timeout(PATIENCE, client.version(())).await;
    answer.unwrap().is_ok()
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

/// A client that takes one byte of each reply, and what says that its connection ended.
async fn narrow(house: &House, identity: &Identity) -> (SendRequest<Asked>, JoinHandle<()>) {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client(Some(identity))))
        .connect(name, stream)
        .await
        .unwrap();
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let ended = tokio::spawn(async move {
        let _ended = connection.await;
    });
    (sender, ended)
}

/// One byte of window was enough for replies that nobody counted.
#[tokio::test]
async fn a_window_of_one_byte_hides_nothing() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut honest = house.admitted(&["os:reader"]).await;
    let mut connections = Vec::new();
    let mut replies = Vec::new();
    for _ in 0..3 {
        let (mut sender, ended) = narrow(&house, &identity).await;
        for _ in 0..30 {
            let request = Request::post("http://node/machine.MachineService/Version")
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(Asked(Some(Bytes::from_static(&[0; 5]))))
                .unwrap();
            // The last of them may be told that it is over.
            if let Ok(reply) = timeout(PATIENCE, sender.send_request(request))
                .await
                .unwrap()
            {
                replies.push(reply);
            }
        }
        connections.push((sender, ended));
    }

    let gone = async {
        while !connections.iter().any(|(_, ended)| ended.is_finished()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();

    assert!(replies.len() > 64);
    assert!(is_served(&mut honest).await);
}

#[tokio::test]
async fn two_thousand_streams_that_have_nothing_to_say_burden_nobody() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut clients = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..40 {
        let channel = house.channel(Some(&identity)).await.unwrap();
        let mut client = MachineServiceClient::new(channel);
        for _ in 0..50 {
            let stream = timeout(PATIENCE, client.logs(logs("endless", &[]))).await;
            let mut stream = stream.unwrap().unwrap().into_inner();
            let first = timeout(PATIENCE, stream.message()).await;
            assert!(first.unwrap().unwrap().is_some());
            streams.push(stream);
        }
        clients.push(client);
    }

    for client in &mut clients {
        assert!(is_served(client).await);
    }
    assert_eq!(streams.len(), 2000);
}
