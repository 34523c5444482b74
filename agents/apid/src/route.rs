// SPDX-License-Identifier: MPL-2.0
//! Connects to another node's apid.
//!
//! Owns: TCP, mutual TLS, the rules of HTTP/2, and how long all that may take.
//! Never: believes a node whose certificate is not of the machine CA and for the name it was called by.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use crate::ask::Ask;
use crate::limits;
use crate::lookup::{self, Lookup};
use crate::target::Host;

/// What drives a connection; it must be polled.
pub(crate) type Driver = Connection<TokioIo<TlsStream<TcpStream>>, Ask, TokioExecutor>;

/// Connects. The error is what failed, for the client.
pub(crate) async fn dial(
    lookup: &Lookup,
    threads: &Arc<Semaphore>,
    host: &Host,
    rules: &Arc<ClientConfig>,
) -> Result<(SendRequest<Ask>, Driver), String> {
    let dialling = async {
        let mut last = String::new();
        for address in lookup::find(lookup, host, threads).await? {
            match timeout(limits::PEER_ADDRESS_TIMEOUT, connect(address, host, rules)).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => last = format!("{address}: {error}"),
                Err(_) => last = format!("{address}: no answer"),
            }
        }
        Err(last)
    };
    timeout(limits::PEER_TIMEOUT, dialling)
        .await
        .unwrap_or_else(|_| Err("it took too long".to_owned()))
}

async fn connect(
    address: SocketAddr,
    host: &Host,
    rules: &Arc<ClientConfig>,
) -> std::io::Result<(SendRequest<Ask>, Driver)> {
    let stream = TcpStream::connect(address).await?;
    // Small questions should leave at once, and long ones wait where they are counted.
    let _ = stream.set_nodelay(true);
    let _ = sys::tcp::keep_unsent_below(&stream, limits::STREAM_WINDOW);
    let stream = TlsConnector::from(Arc::clone(rules))
        .connect(host.server.clone(), stream)
        .await?;
    let (interval, patience) = limits::PEER_PING;
    Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(limits::STREAM_WINDOW)
        // As many calls as may be left unread may fill their windows and the others still move.
        .initial_connection_window_size(limits::PEER_WINDOW)
        .max_send_buf_size(limits::SEND_BUFFER)
        .max_header_list_size(limits::HEADERS_MAX)
        .keep_alive_interval(interval)
        .keep_alive_timeout(patience)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(std::io::Error::other)
}
