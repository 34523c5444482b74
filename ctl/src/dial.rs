// SPDX-License-Identifier: MPL-2.0
//! From endpoints to one connection.
//!
//! Owns: what an endpoint may look like, the order of tries, and why each failed.
//! Never: hides an endpoint that failed when none worked.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::wire::{APID_PORT, MAX_MESSAGE};
use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use crate::trouble::Trouble;
use crate::watched::{Cause, Watched, tls_error};

/// How long one endpoint may take before the next is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// While somebody waits for a reply: how often a silent endpoint is asked whether it is there, and how
/// long it may take to say so. A node that lost its power is missed within 20 seconds, as apid misses
/// the nodes behind it; whoever follows a log would wait for ever else. No questions without a call:
/// while an editor runs, nobody reads the answers.
pub(crate) const PING: Ping = Ping {
    every: Duration::from_secs(10),
    patience: Duration::from_secs(10),
};

/// How it is found out whether an endpoint is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ping {
    every: Duration,
    pub(crate) patience: Duration,
}

/// An endpoint: a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    /// Reads `host`, `host:port`, an IPv6 address, or `[address]:port`.
    pub(crate) fn parse(text: &str) -> Result<Self, Trouble> {
        let bad = || {
            Trouble::new(format!("{text:?} is not an endpoint"))
                .hint("an endpoint is a host or an address, with `:port` if it is not 50000")
        };
        let text = text.trim();
        let (host, port) = if text.parse::<Ipv6Addr>().is_ok() {
            (text, None)
        } else if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']').ok_or_else(bad)?;
            host.parse::<Ipv6Addr>().map_err(|_| bad())?;
            (
                host,
                if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':').ok_or_else(bad)?)
                },
            )
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = match port {
            None => APID_PORT,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(bad)?,
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(allowed) {
            return Err(bad());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// A connection.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) address: Address,
    pub(crate) channel: Channel,
    /// Why it broke, when it did.
    pub(crate) cause: Cause,
}

/// Connects to one of `addresses`: it starts anywhere, so that clients spread over all, and goes
/// on until one answers.
pub(crate) async fn any(addresses: &[Address], tls: &Arc<ClientConfig>) -> Result<Line, Trouble> {
    let start = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| usize::try_from(since.subsec_nanos()).ok())
        .and_then(|nanos| nanos.checked_rem(addresses.len()))
        .unwrap_or_default();
    let mut failures = Vec::new();
    for address in addresses.iter().cycle().skip(start).take(addresses.len()) {
        match one(address, tls).await {
            Ok((channel, cause)) => {
                return Ok(Line {
                    address: address.clone(),
                    channel,
                    cause,
                });
            }
            Err(reason) => failures.push((address, reason)),
        }
    }
    let story: Vec<String> = failures
        .iter()
        .map(|(address, reason)| format!("{address}: {reason}"))
        .collect();
    let hint = failures.iter().find_map(|(_, reason)| reason.hint());
    let mut trouble = Trouble::new(format!(
        "no endpoint can be reached\n  {}",
        story.join("\n  ")
    ));
    if failures
        .iter()
        .any(|(_, reason)| reason.is_foreign_certificate())
    {
        trouble = trouble.with_foreign_certificate();
    }
    Err(match hint {
        Some(hint) => trouble.hint(hint),
        None => trouble,
    })
}

/// Why one endpoint did not work.
#[derive(Debug)]
pub(crate) enum Reason {
    Silent,
    Network(io::Error),
    Name,
    Transport(tonic::transport::Error),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => write!(f, "no answer within {} s", PATIENCE.as_secs()),
            Self::Network(error) => match tls_error(error) {
                Some(tls) => write!(f, "{}", tls_story(tls)),
                None => write!(f, "{error}"),
            },
            Self::Name => write!(f, "not a host name"),
            Self::Transport(error) => {
                write!(f, "{error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
        }
    }
}

impl Reason {
    fn is_foreign_certificate(&self) -> bool {
        match self {
            Self::Network(error) => matches!(
                tls_error(error),
                Some(rustls::Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature
                ))
            ),
            Self::Silent | Self::Name | Self::Transport(_) => false,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Network(error) => tls_error(error).and_then(tls_hint),
            Self::Silent | Self::Name | Self::Transport(_) => None,
        }
    }
}

async fn one(address: &Address, tls: &Arc<ClientConfig>) -> Result<(Channel, Cause), Reason> {
    let stream = timeout(PATIENCE, connect(address, tls))
        .await
        .map_err(|_| Reason::Silent)??;
    over(stream, PING).await.map_err(Reason::Transport)
}

/// Speaks HTTP/2 over a stream.
async fn over<S>(stream: S, ping: Ping) -> Result<(Channel, Cause), tonic::transport::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let cause = Cause::default();
    let mut ready = Some(TokioIo::new(Watched::new(stream, cause.clone())));
    let connector = tower::service_fn(move |_| {
        let stream = ready.take();
        // The connection is the session: when it breaks, the command says so.
        async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
    });
    let channel = Endpoint::from_static("http://node")
        .initial_stream_window_size(u32::try_from(MAX_MESSAGE / 16).ok())
        .http2_keep_alive_interval(ping.every)
        .keep_alive_timeout(ping.patience)
        .keep_alive_while_idle(false)
        .connect_with_connector(connector)
        .await?;
    Ok((channel, cause))
}

async fn connect(
    address: &Address,
    tls: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Reason> {
    let name = ServerName::try_from(address.host.clone()).map_err(|_| Reason::Name)?;
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(Reason::Network)?;
    let _ = stream.set_nodelay(true);
    TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
        .map_err(Reason::Network)
}

/// Says what a TLS error means here.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "TLS errors are many and not ours"
)]
pub(crate) fn tls_story(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "its certificate is not from the CA of this context".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate does not name this endpoint".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "its certificate is not valid now".to_owned(),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a client certificate".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => {
            "it refused your certificate: expired, or one of the two clocks is wrong".to_owned()
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate,
        ) => "it refused your certificate: it is not from its CA".to_owned(),
        rustls::Error::General(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Says what to do about a TLS error.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "TLS errors are many and not ours"
)]
pub(crate) fn tls_hint(error: &rustls::Error) -> Option<&'static str> {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => Some(
            "a node without configuration answers only `--insecure`; else the talosconfig is of \
             another cluster",
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some("use an address of the node, or add the name to machine.certSANs"),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some("the node is configured: leave out `--insecure` and use its talosconfig")
        }
        rustls::Error::AlertReceived(_) => {
            Some("take the talosconfig of this cluster, or ask for a new one with `config new`")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use api::machine::machine_service_client::MachineServiceClient;
    use api::machine::machine_service_server::{MachineService, MachineServiceServer};
    use api::machine::{Event, EventsRequest};
    use tonic::codegen::BoxStream;
    use tonic::{Request, Response, Status};

    use super::*;

    #[test]
    fn endpoints_are_read_with_and_without_a_port() {
        for (text, shown) in [
            ("10.0.0.2", "10.0.0.2:50000"),
            ("10.0.0.2:6000", "10.0.0.2:6000"),
            ("node-1.example.org", "node-1.example.org:50000"),
            ("fd00::2", "[fd00::2]:50000"),
            ("[fd00::2]", "[fd00::2]:50000"),
            ("[fd00::2]:1", "[fd00::2]:1"),
            (" localhost:50001 ", "localhost:50001"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_by_name() {
        for text in [
            "",
            ":",
            ":50000",
            "a:",
            "a:0",
            "a:65536",
            "a:b",
            "a:1:2",
            "[::1",
            "[x]:1",
            "[::1]1",
            "https://a",
            "a b",
            "a/b",
            "fd00::2:x",
        ] {
            let trouble = Address::parse(text).unwrap_err().to_string();
            assert!(trouble.contains("is not an endpoint"), "{text}: {trouble}");
        }
    }

    /// A node whose events never come.
    struct Quiet;

    #[tonic::async_trait]
    impl MachineService for Quiet {
        async fn events(
            &self,
            _: Request<EventsRequest>,
        ) -> Result<Response<BoxStream<Event>>, Status> {
            Ok(Response::new(Box::pin(tokio_stream::pending())))
        }
    }

    #[tokio::test]
    async fn a_follower_learns_that_the_node_lost_its_power() {
        let (client, mut near) = tokio::io::duplex(64 * 1024);
        let (mut far, server) = tokio::io::duplex(64 * 1024);
        let serve = tonic::transport::Server::builder()
            .add_service(MachineServiceServer::new(Quiet))
            .serve_with_incoming(tokio_stream::iter([Ok::<_, io::Error>(server)]));
        tokio::spawn(serve);
        let (cut, is_cut) = tokio::sync::oneshot::channel::<()>();
        // Nothing passes any more, and nobody is told.
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = is_cut => {}
            }
            std::future::pending::<()>().await;
        });
        let ping = Ping {
            every: Duration::from_millis(50),
            // A machine that is busy with other tests may take a while.
            patience: Duration::from_secs(1),
        };
        let (channel, cause) = over(client, ping).await.unwrap();
        let mut machine = MachineServiceClient::new(channel);
        let reply = machine.events(EventsRequest::default()).await;
        let mut stream = reply.unwrap().into_inner();
        // Several questions are asked and answered, and the stream goes on.
        let quiet = timeout(Duration::from_millis(400), stream.message()).await;
        assert!(quiet.is_err());

        cut.send(()).unwrap();
        let ended = timeout(Duration::from_secs(30), stream.message()).await;

        assert!(ended.unwrap().is_err());
        assert!(cause.is_silent_for(ping.patience));
    }
}
