// SPDX-License-Identifier: MPL-2.0
//! One call: from the client's head to machined's, and back.
//!
//! Owns: which headers machined sees, and how replies for `nodes` are put together.
//! Never: decodes a message, or lets a client write what machined trusts.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use api::methods::{Envelope, Method};
use api::rbac::Roles;
use api::wire::{self, Code};
use bytes::{Bytes, BytesMut};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::admission::{self, Caller};
use crate::connection::Busy;
use crate::entrance::Entrance;
use crate::envelope;
use crate::limits;
use crate::question::Question;
use crate::refused::{self, GRPC, GRPC_DETAILS, GRPC_MESSAGE, GRPC_STATUS, Refused};
use crate::relabel::{self, Labelled};
use crate::reply::Reply;
use crate::target::{self, Target};
use crate::upstream::{self, Upstream};

const ROLE: HeaderName = HeaderName::from_static(wire::ROLE);
const CONNECTED_MS: HeaderName = HeaderName::from_static(wire::CONNECTED_MS);
const PROXY_FROM: HeaderName = HeaderName::from_static(wire::PROXY_FROM);
const NODE: HeaderName = HeaderName::from_static(wire::NODE);
const NODES: HeaderName = HeaderName::from_static(wire::NODES);
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Who is at the other end of one connection, and the way from there to machined.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) caller: Caller,
    pub(crate) peer: SocketAddr,
    /// When it connected.
    pub(crate) since: Instant,
    pub(crate) entrance: watch::Receiver<Arc<Entrance>>,
    pub(crate) upstream: Arc<Upstream>,
}

impl Guest {
    /// Answers one call.
    pub(crate) async fn call(&self, request: Request<Incoming>, busy: Busy) -> Response<Reply> {
        let response = match self.answer(request).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        };
        response.map(|reply| reply.held_by(busy))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Reply>, Refused> {
        if let Some(response) = not_grpc(&request) {
            return Ok(response);
        }
        let headers = request.headers();
        let roles = self.caller.roles(values(headers, &ROLE));
        let method = admission::admit(request.uri().path(), self.caller, roles)?;
        let target = self.target(method, headers)?;
        let request = forward(request, method, roles, (self.peer, self.since.elapsed()))?;
        match target {
            Target::Here => self.upstream.send(request).await.map(pass),
            Target::Labelled { here, strangers } => {
                self.labelled(request, method, here, &strangers).await
            }
        }
    }

    fn target(&self, method: &Method, headers: &HeaderMap) -> Result<Target, Refused> {
        // Another node's apid has routed this call already.
        if self.caller.speaks_for_others() && headers.contains_key(&PROXY_FROM) {
            return Ok(Target::Here);
        }
        let entrance = Arc::clone(&self.entrance.borrow());
        target::find(
            method,
            values(headers, &NODE),
            values(headers, &NODES),
            &entrance.names,
        )
    }

    /// Answers for a list of nodes: what goes wrong with one of them is said inside the reply.
    async fn labelled(
        &self,
        request: Request<Question<Incoming>>,
        method: &Method,
        here: Option<String>,
        strangers: &[String],
    ) -> Result<Response<Reply>, Refused> {
        let failures: Vec<Bytes> = strangers
            .iter()
            .map(|name| envelope::failure(name, &target::no_route(name)))
            .collect();
        match method.envelope() {
            Envelope::InEach => Ok(self.labelled_stream(request, here, &failures).await),
            Envelope::InMessages => self.labelled_reply(request, here, &failures).await,
            Envelope::Nowhere => Err(relabel::misshapen()),
        }
    }

    async fn labelled_stream(
        &self,
        request: Request<Question<Incoming>>,
        here: Option<String>,
        failures: &[Bytes],
    ) -> Response<Reply> {
        let mut frames: VecDeque<Bytes> = failures.iter().map(|m| envelope::frame(m)).collect();
        let Some(hostname) = here else {
            return made(frames);
        };
        let outcome = match self.upstream.send(request).await {
            Ok(response) => match Refused::from_headers(response.headers()) {
                Some(refused) => Err(refused),
                None => Ok(response),
            },
            Err(refused) => Err(refused),
        };
        match outcome {
            Ok(response) => {
                let mut response =
                    response.map(|body| Reply::labelled(Labelled::new(body, hostname, frames)));
                // A stream that ended at once says so in its head; ours says it in its trailers.
                strip_status(response.headers_mut());
                response
            }
            Err(refused) => {
                frames.push_back(envelope::frame(&envelope::failure(&hostname, &refused)));
                made(frames)
            }
        }
    }

    async fn labelled_reply(
        &self,
        request: Request<Question<Incoming>>,
        here: Option<String>,
        failures: &[Bytes],
    ) -> Result<Response<Reply>, Refused> {
        let mut message = BytesMut::new();
        if let Some(hostname) = here {
            match self.whole(request).await {
                Ok(frames) => {
                    let label = envelope::name(&hostname);
                    let reply = envelope::unframe(&frames)
                        .and_then(|reply| envelope::label_each(reply, &label))
                        .map_err(|_| relabel::misshapen())?;
                    message.unsplit(reply);
                }
                Err(refused) => message
                    .extend_from_slice(&envelope::field_1(&envelope::failure(&hostname, &refused))),
            }
        }
        for failure in failures {
            message.extend_from_slice(&envelope::field_1(failure));
        }
        Ok(made(VecDeque::from([envelope::frame(&message)])))
    }

    /// Sends a call and holds its whole reply.
    async fn whole(&self, request: Request<Question<Incoming>>) -> Result<Bytes, Refused> {
        let response = self.upstream.send(request).await?;
        let (head, mut body) = response.into_parts();
        if let Some(refused) = Refused::from_headers(&head.headers) {
            return Err(refused);
        }
        let mut held = BytesMut::new();
        while let Some(frame) = next_frame(&mut body).await {
            match frame.map_err(|_| upstream::interrupted())?.into_data() {
                Ok(data) if held.len().saturating_add(data.len()) <= limits::HELD_REPLY_MAX => {
                    held.extend_from_slice(&data);
                }
                Ok(_) => {
                    return Err(Refused::new(
                        Code::ResourceExhausted,
                        "the reply is too long to be labelled: ask without metadata `nodes`",
                    ));
                }
                Err(frame) => {
                    if let Some(refused) = frame.trailers_ref().and_then(Refused::from_headers) {
                        return Err(refused);
                    }
                }
            }
        }
        Ok(held.freeze())
    }
}

async fn next_frame(body: &mut Incoming) -> Option<Result<http_body::Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}

/// Refuses what no gRPC client sends.
fn not_grpc(request: &Request<Incoming>) -> Option<Response<Reply>> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    if request.method() != http::Method::POST {
        Some(refused::not_grpc(StatusCode::METHOD_NOT_ALLOWED))
    } else if !content_type.is_some_and(|kind| kind.starts_with(GRPC.as_bytes())) {
        Some(refused::not_grpc(StatusCode::UNSUPPORTED_MEDIA_TYPE))
    } else {
        None
    }
}

/// The values of one metadata key that are text.
fn values<'h>(headers: &'h HeaderMap, key: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(key)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}

/// The call as machined is to see it.
fn forward(
    mut request: Request<Incoming>,
    method: &Method,
    roles: Roles,
    (peer, age): (SocketAddr, Duration),
) -> Result<Request<Question<Incoming>>, Refused> {
    *request.uri_mut() = uri(method)?;
    trust(request.headers_mut(), roles, peer, age);
    Ok(request.map(Question::new))
}

fn uri(method: &Method) -> Result<Uri, Refused> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(Authority::from_static("machined"));
    parts.path_and_query = Some(PathAndQuery::from_static(method.path));
    Uri::from_parts(parts)
        .map_err(|_| Refused::new(Code::Internal, "the path of the method is not a path"))
}

/// Replaces what machined trusts by what we know.
fn trust(headers: &mut HeaderMap, roles: Roles, peer: SocketAddr, age: Duration) {
    // Compressed replies could not be labelled, and on a node processor time is dearer than bytes.
    for key in [ROLE, PROXY_FROM, NODE, NODES, ACCEPT_ENCODING, header::HOST] {
        headers.remove(key);
    }
    for role in roles.iter() {
        headers.append(ROLE, HeaderValue::from_static(role.name()));
    }
    if let Ok(peer) = HeaderValue::from_str(&peer.ip().to_canonical().to_string()) {
        headers.insert(PROXY_FROM, peer);
    }
    // Rounded up: a connection never looks newer than it is.
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    headers.insert(CONNECTED_MS, HeaderValue::from(age_ms.saturating_add(1)));
}

fn pass(response: Response<Incoming>) -> Response<Reply> {
    response.map(Reply::passing)
}

/// A reply that was made here.
fn made(frames: VecDeque<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::ready(frames, refused::success()));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response
}

fn strip_status(headers: &mut HeaderMap) {
    for key in [GRPC_STATUS, GRPC_MESSAGE, GRPC_DETAILS] {
        headers.remove(key);
    }
    headers.remove(header::CONTENT_LENGTH);
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::rbac::Role;

    #[test]
    fn what_machined_trusts_is_never_the_clients() {
        let mut headers = HeaderMap::new();
        for (key, value) in [
            ("talos-role", "os:admin"),
            ("talos-role", "os:operator"),
            ("proxyfrom", "10.9.9.9"),
            ("ichor-connected-ms", "0"),
            ("node", "10.0.0.2"),
            ("nodes", "10.0.0.2"),
            ("grpc-accept-encoding", "gzip"),
            ("x-kept", "yes"),
        ] {
            headers.append(key, HeaderValue::from_static(value));
        }
        let peer = SocketAddr::from(([192, 0, 2, 7], 4711));

        let age = Duration::from_micros(1_999_001);
        trust(&mut headers, Roles::of(&[Role::Reader]), peer, age);

        let left: Vec<_> = headers
            .iter()
            .map(|(k, v)| (k.as_str(), v.to_str().unwrap()))
            .collect();
        assert_eq!(left.len(), 4, "{left:?}");
        assert!(left.contains(&("talos-role", "os:reader")));
        assert!(left.contains(&("proxyfrom", "192.0.2.7")));
        assert!(left.contains(&("ichor-connected-ms", "2000")));
        assert!(left.contains(&("x-kept", "yes")));
    }

    #[test]
    fn every_method_has_a_path_that_is_a_path() {
        for method in api::methods::METHODS {
            assert_eq!(uri(method).unwrap().path(), method.path);
        }
    }
}
