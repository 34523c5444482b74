// SPDX-License-Identifier: MPL-2.0
//! One caller's connection, and its request.
//!
//! Owns: the handshake, the deadline of all of it, and the token.
//! Never: says why a token was not liked, or lets a caller wait for trust that is not there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use agent::journal;
use agent::porch::Place;
use api::securityapi::security_service_server::{SecurityService, SecurityServiceServer};
use api::securityapi::{CertificateRequest, CertificateResponse};
use api::wire;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pki::UnixTime;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status};

use crate::office::Office;
use crate::{limits, sign};

/// Serves one caller, or not. It stands at its `place` to the end: nobody knows who it is.
pub(crate) async fn receive(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    office: watch::Receiver<Option<Arc<Office>>>,
) {
    // Nothing to say: what a node does that is refused a connection, it does again.
    let Some(office) = office.borrow().clone() else {
        return;
    };
    let from = peer.ip().to_canonical();
    let conversation = async {
        if place.heard(&stream).await? {
            place.hold(converse(stream, from, office)).await
        } else {
            Ok(Ok(()))
        }
    };
    match timeout(limits::CONNECTION_TIMEOUT, conversation).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => journal::say(format_args!("refused {from}: {error}")),
        Ok(Err(why)) => journal::say(format_args!("refused {from}: {why}")),
        Err(_) => journal::say(format_args!("refused {from}: too slow")),
    }
}

async fn converse(stream: TcpStream, from: IpAddr, office: Arc<Office>) -> std::io::Result<()> {
    let tls = TlsAcceptor::from(Arc::clone(&office.tls));
    let stream = match tls.accept(stream).await {
        Ok(stream) => stream,
        // Who hangs up at once is a health check, not a story.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
        Err(error) => return Err(error),
    };
    let service = SecurityServiceServer::new(Desk { office, from })
        .max_decoding_message_size(limits::MESSAGE_MAX);
    // How a caller leaves is its own affair.
    let _left = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(1)
        .max_header_list_size(limits::HEADERS_MAX)
        .initial_stream_window_size(limits::WINDOW)
        .initial_connection_window_size(limits::WINDOW)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await;
    Ok(())
}

struct Desk {
    office: Arc<Office>,
    from: IpAddr,
}

#[tonic::async_trait]
impl SecurityService for Desk {
    async fn certificate(
        &self,
        request: Request<CertificateRequest>,
    ) -> Result<Response<CertificateResponse>, Status> {
        let from = self.from;
        let token = request.metadata().get(wire::TOKEN);
        let token = token.map_or(&b""[..], |token| token.as_bytes());
        if !sign::is_same(self.office.token.expose(), token) {
            journal::say(format_args!(
                "refused {from}: its token is wrong or missing"
            ));
            sleep(limits::WRONG_TOKEN_PAUSE).await;
            return Err(Status::unauthenticated(
                "the token is wrong or missing: machine.token must be the same on all nodes",
            ));
        }
        let now = UnixTime::from(SystemTime::now());
        match sign::sign(&request.get_ref().csr, &self.office.ca, now) {
            Ok(crt) => {
                journal::say(format_args!("signed a certificate for {from}"));
                Ok(Response::new(CertificateResponse {
                    ca: self.office.ca_pem.clone(),
                    crt,
                }))
            }
            Err(refusal) => {
                journal::say(format_args!("refused {from}: {refusal}"));
                Err(Status::invalid_argument(refusal.to_string()))
            }
        }
    }
}
