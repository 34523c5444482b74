// SPDX-License-Identifier: MPL-2.0
//! Gets a configuration over HTTP or HTTPS.
//!
//! Owns: one request, its redirections, its limits.
//! Never: trusts a server whose certificate the image's CA certificates do not vouch for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, LOCATION, USER_AGENT};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::resolve;
use super::url::{Error, Scheme, Url};
use crate::places::Places;

/// As much as a configuration may have.
const BODY_MAX: usize = config::MAX_BYTES;
const REDIRECTS_MAX: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the request to the last byte.
const TIMEOUT: Duration = Duration::from_secs(60);
/// CA certificates of the image.
const CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Gets what is at a URL.
///
/// # Errors
/// It cannot be reached, or has no configuration.
pub(crate) async fn get(places: &Places, url: &Url) -> Result<Vec<u8>, Error> {
    let mut url = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let exchange = exchange(places, &url);
        let answer = tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| Error::Http("no answer in time".to_owned()))??;
        match answer {
            Answer::Body(body) => return Ok(body),
            Answer::Elsewhere(location) => url = url.join(&location)?,
        }
    }
    Err(Error::Redirects)
}

enum Answer {
    Body(Vec<u8>),
    Elsewhere(String),
}

async fn exchange(places: &Places, url: &Url) -> Result<Answer, Error> {
    let stream = connect(places, url).await?;
    match url.scheme {
        Scheme::Http => request(stream, url).await,
        Scheme::Https => {
            let name = ServerName::try_from(url.host.clone())
                .map_err(|error| Error::Tls(error.to_string()))?;
            let connector = tokio_rustls::TlsConnector::from(Arc::new(trust(places)?));
            request(connector.connect(name, stream).await?, url).await
        }
    }
}

async fn connect(places: &Places, url: &Url) -> Result<TcpStream, Error> {
    let mut last = Error::Resolve("no address".to_owned());
    for address in resolve::addresses(places, &url.host).await? {
        let connect = TcpStream::connect(SocketAddr::new(address, url.port));
        match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(_elapsed) => last = std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
        }
    }
    Err(last)
}

/// Whom to trust: read for each attempt, and given back after it.
fn trust(places: &Places) -> Result<rustls::ClientConfig, Error> {
    let tls = |error: &dyn std::fmt::Display| Error::Tls(error.to_string());
    let path = places.at(CA_FILE);
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(&path)
        .map_err(|error| Error::Tls(format!("{}: {error}", path.display())))?;
    // A certificate that this library cannot read vouches for nobody.
    roots.add_parsable_certificates(certificates.flatten());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

async fn request<S>(stream: S, url: &Url) -> Result<Answer, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: &dyn std::fmt::Display| Error::Http(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    // It ends with the sender, or when the server hangs up.
    let driver = tokio::spawn(connection);
    let request = http::Request::get(url.target())
        .header(HOST, url.authority())
        .header(USER_AGENT, concat!("ichor/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(&error))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(&error))?;
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        driver.abort();
        return match location {
            Some(location) => Ok(Answer::Elsewhere(location.to_owned())),
            None => Err(Error::Status(status.as_u16())),
        };
    }
    if status != http::StatusCode::OK {
        driver.abort();
        return Err(Error::Status(status.as_u16()));
    }
    let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
    driver.abort();
    match body {
        Ok(body) => Ok(Answer::Body(body.to_bytes().to_vec())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::TooLong),
        Err(error) => Err(failed(&error)),
    }
}
