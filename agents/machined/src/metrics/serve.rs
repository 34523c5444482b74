// SPDX-License-Identifier: MPL-2.0
//! Who asks for metrics, and where.
//!
//! Owns: the listening socket, which is on loopback, and how much may be asked.
//! Never: listens unless the configuration says so, or answers two questions at a time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Slow, collect, exposition};
use crate::node::Node;

/// The only path.
const PATH: &str = "/metrics";
/// The most clients at a time; one asks every few seconds, as a rule.
const CLIENTS_MAX: usize = 4;
/// How long a client may take for its question and for reading the answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest question.
const QUESTION_MAX: usize = 16 * 1024;
/// How long to wait before the address is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Serves for ever, wherever the configuration wants it.
pub(crate) async fn serve(node: Arc<Node>) {
    let mut wanted = node.metrics.subscribe();
    loop {
        let address = *wanted.borrow_and_update();
        let serve = async {
            match address {
                Some(address) => serve_at(&node, address).await,
                None => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            changed = wanted.changed() => changed,
            () = serve => return,
        };
        if changed.is_err() {
            return;
        }
    }
}

async fn serve_at(node: &Arc<Node>, address: SocketAddr) {
    let mut is_told = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    node.journal.console(format_args!(
                        "metrics: cannot listen at {address}: {error}; trying again"
                    ));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    node.journal
        .log(format_args!("metrics are at http://{address}{PATH}"));
    let slow = Arc::new(Mutex::new(Slow::default()));
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_left) = clients.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) if clients.len() < CLIENTS_MAX => {
                clients.spawn(converse(Arc::clone(node), Arc::clone(&slow), stream));
            }
            // It is broken off: others are there.
            Ok(_) => {}
            // No descriptors, most likely: they come back.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn converse(node: Arc<Node>, slow: Arc<Mutex<Slow>>, stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| {
        let (node, slow) = (Arc::clone(&node), Arc::clone(&slow));
        async move { Ok::<_, Infallible>(answer(&node, &slow, &request).await) }
    });
    let mut rules = http1::Builder::new();
    rules.keep_alive(false).max_buf_size(QUESTION_MAX);
    let conversation = rules.serve_connection(TokioIo::new(stream), service);
    // A client that breaks off, or is slow, has its own reasons.
    let _ended = tokio::time::timeout(CLIENT_TIMEOUT, conversation).await;
}

async fn answer(
    node: &Arc<Node>,
    slow: &Mutex<Slow>,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    if request.uri().path() != PATH {
        *response.status_mut() = StatusCode::NOT_FOUND;
        *response.body_mut() = Full::from("metrics are at /metrics\n");
        return response;
    }
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        let allowed = http::HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let text = collect(node, &mut *slow.lock().await).await;
    let kind = http::HeaderValue::from_static(exposition::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    *response.body_mut() = Full::from(text);
    response
}
