// SPDX-License-Identifier: MPL-2.0
//! One client's connection, from the first byte to the last.
//!
//! Owns: the handshake, the limits of the connection, and when it has to end.
//! Never: outlives the trust it was made under by more than the grace.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use agent::journal;
use agent::porch::Place;
use api::quota::{Quota, Share};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::activity::{Activity, Busy};
use crate::admission::Caller;
use crate::clients::{Client, Clients, Places};
use crate::entrance::{Entrance, NotWelcome};
use crate::ledger::Whose;
use crate::limits::{self, Scale};
use crate::lookup::Lookup;
use crate::peers::Peers;
use crate::proxy::Guest;
use crate::room::Rooms;
use crate::under_way::Lane;
use crate::unread::Unread;
use crate::upstream::Spare;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Hall {
    entrance: watch::Receiver<Arc<Entrance>>,
    spare: Spare,
    peers: Arc<Peers>,
    seats: Quota,
    /// What of seats and calls one client has.
    clients: Clients,
    rooms: Arc<Rooms>,
    calls: Quota,
    unread: Arc<Unread>,
}

impl Hall {
    pub(crate) fn new(
        entrance: watch::Receiver<Arc<Entrance>>,
        machined: PathBuf,
        lookup: Lookup,
        scale: Scale,
    ) -> Self {
        let unread = Arc::new(Unread::new(scale));
        Self {
            entrance,
            spare: Spare::new(machined),
            peers: Arc::new(Peers::new(lookup, scale)),
            seats: Quota::new(scale.connections, limits::CONNECTIONS_KEPT),
            clients: Clients::new(scale),
            rooms: Arc::new(Rooms::new(Arc::clone(&unread))),
            calls: Quota::new(scale.calls, limits::CALLS_KEPT),
            unread,
        }
    }

    /// Closes the connections of those who do not read, when there is too much of it, for ever.
    pub(crate) async fn watch(&self) -> Infallible {
        Arc::clone(&self.unread).watch().await
    }

    /// Connects to machined for the next caller, so that its first call need not wait for it.
    pub(crate) async fn prepare(&self) {
        self.spare.prepare().await;
    }

    /// Takes one caller in, or not. `place` is where it stands while it shakes hands.
    pub(crate) async fn receive(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
    ) {
        let since = Instant::now();
        let mut watching = self.entrance.clone();
        let Some((entrance, tls)) = opened(&mut watching).await else {
            return;
        };
        let Some(mut stream) = met(&place, TlsAcceptor::from(tls), stream, peer).await else {
            return;
        };
        stream
            .get_mut()
            .1
            .set_buffer_limit(Some(limits::TLS_BUFFER));
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[_]>::first);
        let (caller, client) = match entrance.recognise(certificate, peer) {
            Ok(known) => known,
            Err(NotWelcome::Unreadable) => return,
            Err(NotWelcome::KeyUsage) => {
                return journal::say(format_args!(
                    "refused {}: its certificate is not for client authentication alone",
                    name(peer)
                ));
            }
        };
        let client = (caller.share() == Share::Common).then(|| self.clients.find(client));
        let _seats = match self.seat(caller.share(), client.as_deref()) {
            Ok(seats) => seats,
            Err(why) => return journal::say(format_args!("refused {}: {why}", name(peer))),
        };
        drop(place);
        let whose = Whose {
            share: caller.share(),
            is_node: caller.speaks_for_others(),
            client: client.as_ref().map(|client| client.number),
        };
        let account = Arc::new(self.unread.open(whose));
        let guest = Arc::new(Guest {
            caller,
            peer,
            since,
            entrance: self.entrance.clone(),
            upstream: self.spare.take(&account),
            peers: Arc::clone(&self.peers),
            rooms: Arc::clone(&self.rooms),
            calls: self.calls.clone(),
            client,
            requests: Lane::new(),
            account,
        });
        let next = Arc::clone(&self);
        tokio::spawn(async move { next.prepare().await });
        converse(stream, guest, watching, entrance).await;
    }

    /// Takes a seat among all, and among those of its client if that one shares them.
    fn seat(&self, share: Share, client: Option<&Client>) -> Result<Places, &'static str> {
        let own = match client {
            Some(client) => Some(
                client
                    .seat()
                    .ok_or("it has half of the connections that readers share")?,
            ),
            None => None,
        };
        let seat = self.seats.take(share, 1).ok_or("too many connections")?;
        Ok((seat, own))
    }
}

/// Waits for the door to open: while a node starts, it has no certificate yet, and a caller that
/// came early is better off waiting a moment than calling again. Whoever waits holds one of the
/// places for handshakes, for no longer than one may take.
async fn opened(
    watching: &mut watch::Receiver<Arc<Entrance>>,
) -> Option<(Arc<Entrance>, Arc<ServerConfig>)> {
    let opening = async {
        loop {
            let entrance = Arc::clone(&watching.borrow_and_update());
            if let Some(tls) = entrance.tls.clone() {
                return Some((entrance, tls));
            }
            watching.changed().await.ok()?;
        }
    };
    timeout(limits::HANDSHAKE_TIMEOUT, opening).await.ok()?
}

/// Waits for the caller to speak, and shakes hands.
async fn met(
    place: &Place,
    tls: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    let meeting = async {
        if place.heard(&stream).await? {
            place.hold(shake_hands(&tls, stream, peer)).await
        } else {
            Ok(None)
        }
    };
    match timeout(limits::HANDSHAKE_TIMEOUT, meeting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => {
            journal::say(format_args!("refused {}: {why}", name(peer)));
            None
        }
        Err(_) => {
            journal::say(format_args!("refused {}: too slow", name(peer)));
            None
        }
    }
}

/// Shakes hands; who fails is told by a TLS alert.
async fn shake_hands(
    tls: &TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    match tls.accept(stream).into_fallible().await {
        Ok(stream) => Some(stream),
        Err((error, stream)) => {
            // Who hangs up at once is a health check, not a story.
            if error.kind() != std::io::ErrorKind::UnexpectedEof {
                journal::say(format_args!("refused {}: {error}", name(peer)));
            }
            let _ = timeout(limits::LINGER, linger(stream)).await;
            None
        }
    }
}

/// A peer as it is logged: an IPv4 address as such.
fn name(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

/// Lets the client read the alert: a socket that is closed with unread bytes in it is reset, and
/// the alert is lost with it.
async fn linger(mut stream: TcpStream) {
    let mut rest = [0; 512];
    if stream.shutdown().await.is_ok() {
        while let Ok(1..) = stream.read(&mut rest).await {}
    }
}

/// Serves the calls of one connection.
async fn converse(
    stream: TlsStream<TcpStream>,
    guest: Arc<Guest>,
    mut watching: watch::Receiver<Arc<Entrance>>,
    entered_by: Arc<Entrance>,
) {
    let activity = Arc::new(Activity::new());
    let idle = match guest.caller {
        Caller::Stranger => limits::IDLE_TIMEOUT_STRANGER,
        Caller::Known(_) => limits::IDLE_TIMEOUT,
    };
    let rules = rules(guest.caller);
    let counted = Arc::clone(&activity);
    let account = Arc::clone(&guest.account);
    let peer = guest.peer;
    let service = service_fn(move |request: Request<Incoming>| {
        let (guest, busy) = (Arc::clone(&guest), Busy::new(&counted));
        // What a call needs until its reply begins is freed then: replies may go on for days.
        Box::pin(async move { Ok::<_, Infallible>(guest.call(request, busy).await) })
    });
    let mut connection = std::pin::pin!(rules.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // How a client leaves is its own affair.
            _ = connection.as_mut() => return,
            () = activity.idle_for(idle) => break,
            () = account.overdrawn() => {
                return journal::say(format_args!("closed {}: it does not read its replies", name(peer)));
            }
            news = watching.changed() => {
                if news.is_err() || !watching.borrow_and_update().admits_like(&entered_by) {
                    break;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = timeout(limits::GRACE, connection) => {}
        () = account.overdrawn() => {}
    }
}

fn rules(caller: Caller) -> http2::Builder<TokioExecutor> {
    let streams = match caller.share() {
        Share::Common => limits::COMMON_STREAMS_MAX,
        Share::Whole => limits::STREAMS_MAX,
    };
    let window = if caller.speaks_for_others() {
        limits::PEER_CONNECTION_WINDOW
    } else {
        limits::CONNECTION_WINDOW
    };
    let mut rules = http2::Builder::new(TokioExecutor::new());
    rules
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(limits::HEADERS_MAX)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(window)
        .max_send_buf_size(limits::SEND_BUFFER)
        .keep_alive_interval(limits::PING_INTERVAL)
        .keep_alive_timeout(limits::PING_TIMEOUT)
        .auto_date_header(false);
    rules
}
