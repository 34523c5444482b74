// SPDX-License-Identifier: MPL-2.0
//! Serves the API on its unix sockets: HTTP/2 without TLS, for apid, for the dashboard and for root only.
//!
//! hyper serves; tonic decodes. tonic's own server brings a router that one service does not
//! need.
//!
//! Owns: accepting, peers, limits.
//! Never: serves a peer that is neither root nor the one that its socket is for.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::api::cluster::cluster_service_server::ClusterServiceServer;
use ::api::cosi::resource::state_server::StateServer;
use ::api::inspect::inspect_service_server::InspectServiceServer;
use ::api::machine::machine_service_server::MachineServiceServer;
use ::api::rbac::{Role, Roles};
use ::api::storage::storage_service_server::StorageServiceServer;
use ::api::time::time_service_server::TimeServiceServer;
use ::api::wire::{CONNECTED_MS, MAX_MESSAGE};
use http::HeaderMap;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proto::paths;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tower_service::Service as _;

use super::{Api, gate, held, refusal};
use crate::node::Node;

/// Streams of one connection: apid has one for each of its clients, and another node's carries those of many.
const STREAMS_MAX: u32 = 1024;
/// Roles and the like; nothing long.
const HEADERS_MAX: u32 = 16 * 1024;
/// What a stream may send before we look at it: small, because nothing here is in a hurry.
const WINDOW: u32 = 64 * 1024;

/// What waits of a reply for apid to take it; there may be a thousand that it does not take.
const SEND_BUFFER: usize = 16 * 1024;

/// The paths of the service of resources.
const STATE: &str = "/cosi.resource.State/";
/// The paths of the service that looks inside.
const INSPECT: &str = "/inspect.InspectService/";
/// The paths of the service of clusters.
const CLUSTER: &str = "/cluster.ClusterService/";
/// The paths of the service of disks.
const STORAGE: &str = "/storage.StorageService/";
/// The paths of the service of time.
const TIME: &str = "/time.TimeService/";

/// Who calls over a socket, and as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// apid: a call has the roles that apid says.
    Door,
    /// The dashboard on the node's screen: a call has the role of a reader, whatever it says, also while
    /// the node has no configuration. Who stands before a machine is no stranger from the network.
    Reader,
}

impl Callers {
    /// Besides root.
    const fn user(self) -> u32 {
        match self {
            Self::Door => paths::UID_APID,
            Self::Reader => paths::UID_DASHBOARD,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Door => "apid",
            Self::Reader => "the dashboard",
        }
    }

    const fn connections_max(self) -> usize {
        match self {
            // apid has a connection for each of its 64 clients and a spare one; the others are for root.
            Self::Door => 80,
            // One, and those before it that have not ended yet.
            Self::Reader => 4,
        }
    }
}

/// Serves for ever.
pub(crate) async fn serve(node: Arc<Node>, listener: UnixListener, callers: Callers) {
    let slots = Arc::new(Semaphore::new(callers.connections_max()));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptors left, or the like: others must give some back first.
                node.journal.log(format_args!("API socket: {error}"));
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        // Whoever is not expected, or one too many, is hung up on.
        if !is_trusted(&stream, callers) {
            let name = callers.name();
            node.journal.log(format_args!(
                "API socket: refused a peer that is neither root nor {name}"
            ));
            continue;
        }
        if let Ok(permit) = Arc::clone(&slots).try_acquire_owned() {
            let node = Arc::clone(&node);
            tokio::spawn(async move {
                // An error is the peer's: it went away, or does not speak HTTP/2.
                let _ended = connection(node, stream, callers).await;
                drop(permit);
            });
        }
    }
}

fn is_trusted(stream: &UnixStream, callers: Callers) -> bool {
    let peer = stream.peer_cred();
    peer.is_ok_and(|peer| peer.uid() == paths::UID_ROOT || peer.uid() == callers.user())
}

async fn connection(
    node: Arc<Node>,
    stream: UnixStream,
    callers: Callers,
) -> Result<(), hyper::Error> {
    let api = Api::new(Arc::clone(&node));
    http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADERS_MAX)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(
            TokioIo::new(stream),
            Gated {
                callers,
                node,
                api,
                since: Since::now(),
            },
        )
        .await
}

/// Since when the connection of the caller is there: the one to apid, if the call came through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Since(pub Instant);

impl Since {
    fn now() -> Self {
        Self(Instant::now())
    }

    /// What apid says. It has connections to machined before it needs them.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let age_ms = headers.get(CONNECTED_MS)?.to_str().ok()?.parse().ok()?;
        Instant::now()
            .checked_sub(Duration::from_millis(age_ms))
            .map(Self)
    }
}

/// The service behind the gate.
#[derive(Clone)]
struct Gated {
    callers: Callers,
    since: Since,
    node: Arc<Node>,
    api: Api,
}

/// Calls a service of tonic's with the limits of the method.
macro_rules! serve {
    ($server:ident, $gated:expr, $method:expr, $request:expr) => {{
        let mut server = $server::new($gated.api.clone())
            .max_decoding_message_size($method.request_max())
            .max_encoding_message_size(MAX_MESSAGE);
        Box::pin(async move { server.call($request).await })
    }};
}

type Answer = Result<http::Response<Body>, Infallible>;

impl hyper::service::Service<http::Request<Incoming>> for Gated {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        let since = Since::of(request.headers()).unwrap_or(self.since);
        request.extensions_mut().insert(since);
        // What a caller may read depends on the resource too, so the service is told its roles.
        let (roles, configured) = match self.callers {
            Callers::Door => (gate::roles(request.headers()), self.node.is_configured()),
            Callers::Reader => (Roles::of(&[Role::Reader]), true),
        };
        request.extensions_mut().insert(roles);
        let path = request.uri().path();
        let method = match gate::admit(path, roles, configured) {
            Ok(method) => method,
            Err(status) => return Box::pin(async move { Ok(refused(status)) }),
        };
        let (head, body) = request.into_parts();
        let (body, room) = self.node.requests.count(body, roles);
        let request = http::Request::from_parts(head, body);
        let answer: Self::Future = match method.path {
            path if path.starts_with(STATE) => serve!(StateServer, self, method, request),
            path if path.starts_with(INSPECT) => {
                serve!(InspectServiceServer, self, method, request)
            }
            path if path.starts_with(CLUSTER) => {
                serve!(ClusterServiceServer, self, method, request)
            }
            path if path.starts_with(STORAGE) => {
                serve!(StorageServiceServer, self, method, request)
            }
            path if path.starts_with(TIME) => serve!(TimeServiceServer, self, method, request),
            // Other services answer `Unimplemented` for their known methods, as the stub does
            // for its own.
            _ => serve!(MachineServiceServer, self, method, request),
        };
        Box::pin(async move {
            let mut answer = answer.await?;
            // Until now there was what the request was decoded to.
            drop(room);
            refusal::shorten(answer.headers_mut(), refusal::longest(method.request_max()));
            Ok(held::until_it_is_gone(answer))
        })
    }
}

fn refused(status: tonic::Status) -> http::Response<Body> {
    let mut answer = status.into_http();
    refusal::shorten(answer.headers_mut(), refusal::USUAL);
    answer
}
