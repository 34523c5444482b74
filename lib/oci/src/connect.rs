// SPDX-License-Identifier: MPL-2.0
//! One request and the head of its answer.
//!
//! A connection is for one request: what was not read of an answer can then never be taken for the
//! beginning of the next one, and there is nothing to keep alive between the layers of an image.
//!
//! Owns: connections, the limits of heads, and why one failed.
//! Never: follows a redirect, or reads the environment: a proxy would have to be a setting.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::answer::{Answer, Driver};
use crate::error::Cause;
use crate::patience::Patience;
use crate::target::Target;

/// The most bytes of an answer's head, and what is read at once.
const HEAD_MAX: usize = 64 * 1024;
/// The most headers.
const HEADERS_MAX: usize = 100;

/// Sends a request and waits for the head of its answer.
pub(crate) async fn send(
    to: &Target,
    rules: Option<Arc<ClientConfig>>,
    request: Request<Full<Bytes>>,
    patience: &Patience,
) -> Result<Answer, Cause> {
    let late = |_| Cause::TimedOut("to be connected to", patience.connect);
    let tcp = timeout(
        patience.connect,
        TcpStream::connect((to.bare_host(), to.port)),
    )
    .await
    .map_err(late)?
    .map_err(Cause::Unreachable)?;
    // A request is written at once; waiting for more of it would only delay it.
    let _ = tcp.set_nodelay(true);
    let Some(rules) = rules else {
        return exchange(tcp, to, request, patience).await;
    };
    let name = ServerName::try_from(to.bare_host().to_owned())
        .map_err(|_| Cause::Setting("its name cannot be in a certificate".to_owned()))?;
    let tls = timeout(
        patience.connect,
        TlsConnector::from(rules).connect(name, tcp),
    )
    .await
    .map_err(late)?
    .map_err(|error| not_tls(&error))?;
    exchange(tls, to, request, patience).await
}

async fn exchange<S>(
    stream: S,
    to: &Target,
    request: Request<Full<Bytes>>,
    patience: &Patience,
) -> Result<Answer, Cause>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let cut = |error: hyper::Error| of_hyper(&error);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(cut)?;
    let driver = Driver(tokio::spawn(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = connection.await;
    }));
    let answer = timeout(patience.idle, sender.send_request(request))
        .await
        .map_err(|_| Cause::TimedOut("to answer", patience.idle))?
        .map_err(cut)?;
    let (head, body) = answer.into_parts();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        from: to.clone(),
        body,
        idle: patience.idle,
        _driver: driver,
    })
}

fn not_tls(error: &io::Error) -> Cause {
    let rustls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match rustls {
        Some(rustls::Error::InvalidMessage(_)) => Cause::NotTls,
        Some(error) => Cause::Tls(crate::error::line(&error.to_string())),
        None => Cause::Cut(error.to_string()),
    }
}

fn of_hyper(error: &hyper::Error) -> Cause {
    // rustls tells of a certificate of ours that is refused only with the first answer.
    let mut source = error.source();
    while let Some(inner) = source {
        let io = inner.downcast_ref::<io::Error>();
        let inside = io.and_then(|error| error.get_ref());
        if let Some(error) = inside.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Cause::Tls(crate::error::line(&error.to_string()));
        }
        source = inner.source();
    }
    // Heads that are too large are among these.
    if error.is_parse() {
        return Cause::Malformed("answer".to_owned(), story(error));
    }
    Cause::Cut(story(error))
}

/// What hyper says, with what is behind it.
pub(crate) fn story(error: &hyper::Error) -> String {
    let mut story = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        story.push_str(": ");
        story.push_str(&inner.to_string());
        source = inner.source();
    }
    crate::error::line(&story)
}
