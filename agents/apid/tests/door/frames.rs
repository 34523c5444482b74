// SPDX-License-Identifier: MPL-2.0
//! The frames of HTTP/2 as bytes, good or not, behind TLS.
//!
//! Owns: how a call looks on the line, and a line that takes any bytes.
//! Never: reads what comes back; whoever damages frames wants an end, not an answer.

use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{House, PATIENCE, client};

/// What a client says first, and its settings (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn line(house: &House) -> TlsStream<TcpStream> {
    let config = client(Some(&house.client_with(&["os:admin"])));
    let stream = TcpStream::connect(house.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(Arc::new(config));
    tls.connect(name, stream).await.unwrap()
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = len[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header of HPACK that is not indexed (RFC 7541 §6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [&[0][..], &text(name), &text(value)].concat()
}

/// The headers of a call of `path`, with `metadata` (a block of HPACK).
pub(crate) fn headers(path: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "node"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    .iter()
    .chain(metadata)
    {
        headers.extend(header(name, value));
    }
    headers
}

/// A call as clients make it, with `metadata` and a body of `body`.
pub(crate) fn call(stream: u32, metadata: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers = headers("/machine.MachineService/Version", metadata);
    [frame(1, 4, stream, &headers), frame(0, 1, stream, body)].concat()
}

/// Sends all of it and reads until the door hangs up, or has nothing more to say.
pub(crate) async fn send(house: &House, bytes: &[u8]) {
    let mut line = line(house).await;
    let talk = async {
        // It may hang up in the middle of this.
        let _sent = line.write_all(bytes).await;
        let _sent = line.shutdown().await;
        let mut heard = Vec::new();
        let _heard = line.read_to_end(&mut heard).await;
    };
    timeout(PATIENCE, talk).await.unwrap();
}
