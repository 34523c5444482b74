// SPDX-License-Identifier: MPL-2.0
//! Asks trustd on a control plane to sign a certificate.
//!
//! Owns: the connection, its deadline, and the check of what comes back.
//! Never: shows the token to anybody whose certificate is not of the machine CA and for the name that
//! was asked.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::securityapi::CertificateRequest;
use api::securityapi::security_service_client::SecurityServiceClient;
use api::wire;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::{Algorithm, Certificate, Key, Request};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::body::Body;

use super::Wish;
use crate::acquire::resolve;
use crate::places::Places;
use crate::resources::JoinCertificate;

/// How long one address may take, from the connection to the answer: who has a wrong token waits.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// Bytes of an answer: two certificates.
const ANSWER_MAX: usize = 32 * 1024;

/// Why there is no certificate.
#[derive(Debug)]
pub(crate) enum Error {
    /// The name has no address.
    Resolve(String),
    /// A key or a request cannot be made.
    Own(pki::Error),
    /// The machine CA cannot be believed by.
    Authority,
    /// It cannot be reached, or is not who it should be.
    Reach(SocketAddr, io::Error),
    /// It does not answer.
    Silent(SocketAddr),
    /// It refused.
    Refused(SocketAddr, tonic::Status),
    /// What it gave is not a certificate of the machine CA for this key.
    Unusable(SocketAddr),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "{error}"),
            Self::Own(error) => write!(f, "cannot make a request: {error}"),
            Self::Authority => write!(f, "machine.ca.crt cannot be used"),
            Self::Reach(address, error) => write!(f, "{address}: {error}"),
            Self::Silent(address) => write!(f, "{address}: no answer in {TIMEOUT:?}"),
            Self::Refused(address, status) => write!(f, "{address}: {}", status.message()),
            Self::Unusable(address) => write!(
                f,
                "{address}: what it signed is not a certificate of machine.ca for this node"
            ),
        }
    }
}

/// Gets a certificate for a key that is made for it. The addresses of the name are tried in order.
///
/// # Errors
/// Why the last of them gave none.
pub(crate) async fn certificate(places: &Places, wish: &Wish) -> Result<JoinCertificate, Error> {
    let key = Key::generate(Algorithm::Ed25519).map_err(Error::Own)?;
    let request = Request::new(&key, &wish.fqdn, &[], &wish.names).map_err(Error::Own)?;
    let rules = rules(&wish.ca)?;
    let name = ServerName::try_from(wish.endpoint_host.clone())
        .map_err(|_| Error::Resolve("it is neither a name nor an address".to_owned()))?;
    let found = resolve::addresses(places, &wish.endpoint_host).await;
    let found = found.map_err(|error| Error::Resolve(error.to_string()))?;
    let mut last = Error::Resolve("it has no address".to_owned());
    for address in found.into_iter().take(ADDRESSES_MAX) {
        let address = SocketAddr::new(address, places.trustd.port());
        let csr = request.to_pem();
        let asking = ask(address, &rules, name.clone(), wish, csr);
        let asked = tokio::time::timeout(TIMEOUT, asking).await;
        match asked.unwrap_or(Err(Error::Silent(address))) {
            Ok(pem) if is_usable(&pem, wish, &key) => {
                return Ok(JoinCertificate {
                    ca_pem: wish.ca.clone(),
                    certificate_pem: pem,
                    key_pem: key.to_pem().map_err(Error::Own)?,
                });
            }
            Ok(_) => last = Error::Unusable(address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// How to know a control plane: by the machine CA alone.
fn rules(ca: &[u8]) -> Result<Arc<ClientConfig>, Error> {
    let ca = Certificate::from_pem(ca).map_err(|_| Error::Authority)?;
    let mut roots = RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from(ca.der().to_vec()))
        .map_err(|_| Error::Authority)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Error::Authority)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

async fn ask(
    address: SocketAddr,
    rules: &Arc<ClientConfig>,
    name: ServerName<'static>,
    wish: &Wish,
    csr: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let reach = |error| Error::Reach(address, error);
    let stream = TcpStream::connect(address).await.map_err(reach)?;
    let stream = TlsConnector::from(Arc::clone(rules))
        .connect(name, stream)
        .await
        .map_err(reach)?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| reach(io::Error::other(error)))?;
    let mut request = tonic::Request::new(CertificateRequest { csr });
    let token = str::from_utf8(wish.token.expose()).ok();
    if let Some(token) = token.and_then(|token| token.parse().ok()) {
        request.metadata_mut().insert(wire::TOKEN, token);
    }
    let mut client = SecurityServiceClient::with_origin(
        Transport(sender),
        http::Uri::from_static("http://node"),
    )
    .max_decoding_message_size(ANSWER_MAX);
    tokio::select! {
        answer = client.certificate(request) => match answer {
            Ok(answer) => Ok(answer.into_inner().crt),
            Err(status) => Err(Error::Refused(address, status)),
        },
        ended = connection => {
            let error = ended.err().map_or_else(
                || io::Error::from(io::ErrorKind::ConnectionAborted),
                io::Error::other,
            );
            Err(reach(error))
        }
    }
}

/// Whether a certificate is for the key and from the CA. apid would else open the door to nobody.
fn is_usable(pem: &[u8], wish: &Wish, key: &Key) -> bool {
    let (Ok(certificate), Ok(ca)) = (Certificate::from_pem(pem), Certificate::from_pem(&wish.ca))
    else {
        return false;
    };
    !certificate.is_authority() && certificate.is_for(key) && certificate.is_signed_by(&ca)
}

/// One HTTP/2 connection as the stub wants it.
struct Transport(SendRequest<Body>);

impl tower_service::Service<http::Request<Body>> for Transport {
    type Response = http::Response<Body>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.0.send_request(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Body::new(body.boxed_unsync()))) })
    }
}
