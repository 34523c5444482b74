// SPDX-License-Identifier: MPL-2.0
//! One call: from the client's head to the nodes' it is for, and back.
//!
//! Owns: which headers machined and other nodes see.
//! Never: decodes a message, or lets a client write what machined trusts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::methods::{Envelope, Method, Streams};
use api::quota::{Quota, Share};
use api::rbac::Roles;
use api::wire::{self, Code};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::activity::Busy;
use crate::admission::{self, Caller};
use crate::ask::Ask;
use crate::clients::{Client, Places};
use crate::delivery::Delivery;
use crate::entrance::Entrance;
use crate::envelope;
use crate::fan::{self, Ways};
use crate::gather;
use crate::ledger::Among;
use crate::limits;
use crate::merge::Merged;
use crate::peers::{Peers, Sharing};
use crate::question::Question;
use crate::refused::{self, GRPC, Refused};
use crate::relabel;
use crate::reply::Reply;
use crate::room::{Room, Rooms};
use crate::target::{self, Place, Routing, Seat, Target};
use crate::under_way::Lane;
use crate::unread::Account;
use crate::upstream::Upstream;

const ROLE: HeaderName = HeaderName::from_static(wire::ROLE);
const CONNECTED_MS: HeaderName = HeaderName::from_static(wire::CONNECTED_MS);
const PROXY_FROM: HeaderName = HeaderName::from_static(wire::PROXY_FROM);
const NODE: HeaderName = HeaderName::from_static(wire::NODE);
const NODES: HeaderName = HeaderName::from_static(wire::NODES);
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What is said when there are as many calls as there may be.
const CROWDED: &str = "this node has as many calls at one time as it takes: end some, or try again";
/// What is said when one client has its part of them.
const HALF: &str =
    "you have half of the calls at one time that this node takes of all who share them: end some";

/// Who is at the other end of one connection, and the way from there to machined.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) caller: Caller,
    pub(crate) peer: SocketAddr,
    /// When it connected.
    pub(crate) since: Instant,
    pub(crate) entrance: watch::Receiver<Arc<Entrance>>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) peers: Arc<Peers>,
    /// Room for what must be held.
    pub(crate) rooms: Arc<Rooms>,
    /// How many calls all clients have.
    pub(crate) calls: Quota,
    /// How many this one has, if it shares them.
    pub(crate) client: Option<Arc<Client>>,
    /// What of the requests of this connection is on its way to a node.
    pub(crate) requests: Lane,
    /// What it has not read.
    pub(crate) account: Arc<Account>,
}

impl Guest {
    /// Answers one call.
    pub(crate) async fn call(&self, request: Request<Incoming>, busy: Busy) -> Response<Delivery> {
        let roles = self.caller.roles(values(request.headers(), &ROLE));
        let share = Share::of(roles);
        let place = match self.place(share) {
            Ok(place) => place,
            Err(refused) => {
                let response = refused.into_response();
                return response.map(|reply| Delivery::new(reply, busy, None, &self.account));
            }
        };
        let response = match self.answer(request, roles).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        };
        response.map(|reply| Delivery::new(reply, busy, Some(place), &self.account))
    }

    /// Takes a place for one call.
    fn place(&self, share: Share) -> Result<Places, Refused> {
        // Who leaves calls makes room for those who come after this one.
        let refused = |among, why| {
            self.account.relieve_calls(among);
            Refused::new(Code::ResourceExhausted, why)
        };
        let own = match &self.client {
            Some(client) => {
                let own = client.call();
                Some(own.ok_or_else(|| refused(Among::Own(client.number), HALF))?)
            }
            None => None,
        };
        let place = self.calls.take(share, 1);
        let place = place.ok_or_else(|| refused(Among::Beside(share), CROWDED))?;
        Ok((place, own))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        roles: Roles,
    ) -> Result<Response<Reply>, Refused> {
        if let Some(response) = not_grpc(&request) {
            return Ok(response);
        }
        let headers = request.headers();
        let method = admission::admit(request.uri().path(), self.caller, roles)?;
        let (target, ways) = self.target(method, roles, headers)?;
        let request = forward(request, method, roles, (self.peer, self.since.elapsed()))?;
        let request = request.map(|body| Question::new(body, self.requests.clone()));
        let place = match target {
            Target::Here => Place::Here,
            Target::There(host) => Place::There(host),
            Target::Labelled(seats) => {
                let room = self.rooms.of(roles);
                return labelled(request, method, seats, &ways, &room).await;
            }
        };
        let response = ways.ask(place, request.map(Ask::Passing)).await?;
        Ok(response.map(Reply::passing))
    }

    /// Whom the call is for, and the ways there.
    fn target(
        &self,
        method: &Method,
        roles: Roles,
        headers: &HeaderMap,
    ) -> Result<(Target, Ways), Refused> {
        let entrance = Arc::clone(&self.entrance.borrow());
        let ways = Ways {
            upstream: Arc::clone(&self.upstream),
            peers: Arc::clone(&self.peers),
            share: Share::of(roles),
            rules: entrance.route.clone(),
            // What it asks is whether the node can still be reached by a new connection.
            sharing: if headers.contains_key(wire::CONFIRM) {
                Sharing::Alone
            } else {
                Sharing::Shared
            },
        };
        // Another node's apid has routed this call already.
        if self.caller.speaks_for_others() && headers.contains_key(&PROXY_FROM) {
            return Ok((Target::Here, ways));
        }
        let routing = match ways.rules {
            Some(_) => Routing::On,
            None => Routing::Off,
        };
        let target = target::find(
            method,
            values(headers, &NODE),
            values(headers, &NODES),
            &entrance.names,
            routing,
        )?;
        Ok((target, ways))
    }
}

/// Answers for a list of nodes: what goes wrong with one of them is said inside the reply.
async fn labelled(
    request: Request<Question<Incoming>>,
    method: &Method,
    seats: Vec<Seat>,
    ways: &Ways,
    room: &Room,
) -> Result<Response<Reply>, Refused> {
    let longest = match method.streams {
        Streams::ClientStream => limits::HELD_ONE_MAX,
        Streams::Unary | Streams::ServerStream => {
            method.request_max().saturating_add(envelope::FRAME)
        }
    };
    let calls = fan::out(seats, request, ways, room, longest).await?;
    let reply = match method.envelope() {
        Envelope::InEach => Reply::merged(Merged::new(calls)),
        Envelope::InMessages => Reply::whole(gather::gather(calls, room).await?),
        Envelope::Nowhere => return Err(relabel::misshapen()),
    };
    let mut response = Response::new(reply);
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    Ok(response)
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

/// The call as machined, or apid on another node, is to see it.
fn forward(
    mut request: Request<Incoming>,
    method: &Method,
    roles: Roles,
    (peer, age): (SocketAddr, Duration),
) -> Result<Request<Incoming>, Refused> {
    *request.uri_mut() = uri(method)?;
    trust(request.headers_mut(), roles, peer, age);
    Ok(request)
}

fn uri(method: &Method) -> Result<Uri, Refused> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(Authority::from_static("node"));
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
