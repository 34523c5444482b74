// SPDX-License-Identifier: MPL-2.0
//! Events to a receiver elsewhere: one call for each, over gRPC without TLS.
//!
//! The ring of events is the only buffer: it begins with the oldest event that is kept, goes on
//! after the last one that was taken, and counts what the ring has moved on over.
//!
//! Owns: the order of events to one receiver.
//! Never: gives the receiver a say in anything.

use std::sync::Arc;
use std::time::Duration;

use api::events::EventRequest;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;

use super::destination::Authority;
use super::outage::Outage;
use super::{Task, link};
use crate::clock;
use crate::events::{Event, From};
use crate::node::Node;

/// The method (facts of the documents' event sink).
const METHOD: &str = "/events.EventSinkService/Publish";
/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer: it has no field.
const ANSWER_MAX: usize = 16 * 1024;

/// Why an event was not taken.
#[derive(Debug)]
enum Error {
    Link(link::Error),
    Http(hyper::Error),
    /// The answer is none of gRPC.
    Answer(String),
    /// It took too long.
    Slow,
    /// The receiver refused: a code of gRPC.
    Refused(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(error) => write!(f, "{error}"),
            Self::Http(error) => write!(f, "HTTP: {error}"),
            Self::Answer(what) => write!(f, "its answer is no gRPC: {what}"),
            Self::Slow => write!(f, "no answer in {} seconds", CALL_TIMEOUT.as_secs()),
            Self::Refused(code) => write!(f, "it refused with code {code}"),
        }
    }
}

impl std::convert::From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

/// Publishes for ever, to whichever receiver is wanted.
pub(crate) async fn publish(node: Arc<Node>) {
    let mut wanted = node.shipping.sink.subscribe();
    loop {
        let sink = wanted.borrow_and_update().clone();
        let authority = sink.as_deref().and_then(Authority::parse);
        let publish = async {
            match authority {
                Some(authority) => publish_to(&node, &authority).await,
                None => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            changed = wanted.changed() => changed,
            () = publish => return,
        };
        node.shipping.published.send_replace(None);
        if changed.is_err() {
            return;
        }
    }
}

async fn publish_to(node: &Node, authority: &Authority) {
    let mut place = node.state().events.place(From::Oldest);
    let mut lost = 0_u64;
    let mut outage = Outage::none();
    loop {
        let began = clock::now().monotonic;
        let result = connect_and_call(node, authority, &mut place, &mut lost, &mut outage);
        let Err(error) = result.await;
        node.shipping.published.send_replace(None);
        let now = clock::now().monotonic;
        let (tell, pause) = outage.failed(now.saturating_sub(began), now);
        if tell {
            node.journal.log(format_args!(
                "cannot send events to {authority}: {error}; trying again"
            ));
        }
        tokio::time::sleep(pause).await;
    }
}

async fn connect_and_call(
    node: &Node,
    authority: &Authority,
    place: &mut u64,
    lost: &mut u64,
    outage: &mut Outage,
) -> Result<std::convert::Infallible, Error> {
    let stream = link::connect(&node.places, authority)
        .await
        .map_err(Error::Link)?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = tokio::time::timeout(CALL_TIMEOUT, handshake)
        .await
        .map_err(|_elapsed| Error::Slow)??;
    let _driver = Task(tokio::spawn(async move {
        // Its end shows in the next call.
        let _ended = connection.await;
    }));
    loop {
        let (event, skipped) = next(node, place).await;
        *lost = lost.saturating_add(skipped);
        let call = call(&mut sender, authority, event);
        tokio::time::timeout(CALL_TIMEOUT, call)
            .await
            .map_err(|_elapsed| Error::Slow)??;
        *place = place.saturating_add(1);
        node.shipping.published.send_replace(Some(*place));
        if outage.succeeded() || *lost > 0 {
            let lost = std::mem::take(lost);
            node.journal.log(format_args!(
                "events are sent to {authority}; {lost} events were lost before they could be"
            ));
        }
    }
}

/// Waits for the event at a place, or the oldest one there is; says how many were passed over.
async fn next(node: &Node, place: &mut u64) -> (Event, u64) {
    let news = Arc::clone(&node.state().events.news);
    let mut skipped = 0_u64;
    loop {
        let notified = news.notified();
        tokio::pin!(notified);
        // Registered before looking, so that nothing is missed in between.
        notified.as_mut().enable();
        {
            let state = node.state();
            match state.events.read(*place) {
                Ok(Some(event)) => return (event.clone(), skipped),
                Ok(None) => {}
                Err(_overrun) => {
                    let oldest = state.events.place(From::Oldest);
                    skipped = skipped.saturating_add(oldest.saturating_sub(*place));
                    *place = oldest;
                    continue;
                }
            }
        }
        notified.await;
    }
}

async fn call(
    sender: &mut SendRequest<Full<Bytes>>,
    authority: &Authority,
    event: Event,
) -> Result<(), Error> {
    let answer = |what: &dyn std::fmt::Display| Error::Answer(what.to_string());
    let message = EventRequest {
        data: Some(event.payload),
        id: event.id,
        actor_id: event.actor_id,
    };
    let request = Request::post(format!("http://{authority}{METHOD}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(framed(&message))))
        .map_err(|error| answer(&error))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(answer(&head.status));
    }
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    let body = body.map_err(|error| answer(&error))?;
    let status = body
        .trailers()
        .and_then(|trailers| trailers.get("grpc-status"))
        // An answer without a message has it in its head.
        .or_else(|| head.headers.get("grpc-status"));
    match status.and_then(|status| status.to_str().ok()) {
        Some("0") => Ok(()),
        Some(code) => Err(Error::Refused(code.chars().take(3).collect())),
        None => Err(answer(&"there is no grpc-status")),
    }
}

/// One message as gRPC frames it: not compressed, its length, itself.
fn framed(message: &EventRequest) -> Vec<u8> {
    let len = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
    let mut frame = vec![0];
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(&message.encode_to_vec());
    frame
}
