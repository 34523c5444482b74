// SPDX-License-Identifier: MPL-2.0
//! A crowd of clients that follow a node, with its administrator's certificate.
//!
//! Owns: connections with mutual TLS, streams on them, and how each stream ends.
//! Never: reads what streams say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::cosi::resource::state_client::StateClient;
use api::cosi::resource::{WatchOptions, WatchRequest};
use api::machine::machine_service_client::MachineServiceClient;
use api::machine::{EventsRequest, LogsRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use serde_yaml_ng::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

use crate::node::{LIMIT, Node};

/// Connections, and what goes on on them.
#[derive(Debug)]
pub struct Crowd {
    runtime: Runtime,
    channels: Vec<Channel>,
    /// What each stream ended with; nothing when it ended well.
    streams: JoinSet<Option<Code>>,
}

impl Crowd {
    /// Connects so many times.
    ///
    /// # Errors
    /// The node does not let the administrator in.
    pub fn connect(node: &Node, connections: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let address = node.address().parse()?;
        let config = Arc::new(administrator(node)?);
        let mut channels = Vec::new();
        for _ in 0..connections {
            let channel = within(LIMIT, connect(address, &config));
            channels.push(runtime.block_on(channel).context("cannot connect")?);
        }
        Ok(Self {
            runtime,
            channels,
            streams: JoinSet::new(),
        })
    }

    /// Opens so many streams on each connection, watches, events and logs in turn, and waits until each
    /// has said something.
    ///
    /// # Errors
    /// One is refused, or says nothing within [`LIMIT`].
    pub fn follow(&mut self, each: usize) -> Result<()> {
        let Self {
            runtime,
            channels,
            streams,
        } = self;
        for channel in channels {
            for number in 0..each {
                let opened = within(LIMIT, open(channel, number, streams));
                let opened = runtime.block_on(opened);
                opened.with_context(|| format!("stream {number} of a connection"))?;
            }
        }
        Ok(())
    }

    /// Waits until all streams have ended, and says with what.
    ///
    /// # Errors
    /// One goes on for longer than [`LIMIT`].
    pub fn ends(&mut self) -> Result<Vec<Option<Code>>> {
        let Self {
            runtime, streams, ..
        } = self;
        let mut ends = Vec::new();
        runtime.block_on(async {
            while let Some(ended) = within(LIMIT, async { Ok(streams.join_next().await) }).await? {
                ends.push(ended?);
            }
            Ok(ends)
        })
    }

    /// Asks for the version on every connection, again while machined is away.
    ///
    /// # Errors
    /// The answer is another than that it is away, or none comes within [`LIMIT`].
    pub fn ask(&mut self) -> Result<()> {
        let Self {
            runtime, channels, ..
        } = self;
        runtime.block_on(within(LIMIT, async {
            for channel in channels {
                let mut client = MachineServiceClient::new(channel.clone());
                loop {
                    match client.version(()).await {
                        Ok(_) => break,
                        // The next call is answered when it is there again, so this is no busy wait for long.
                        Err(status) if status.code() == Code::Unavailable => {
                            tokio::task::yield_now().await;
                        }
                        Err(status) => bail!("{status}"),
                    }
                }
            }
            Ok(())
        }))
    }
}

async fn within<T>(limit: Duration, what: impl Future<Output = Result<T>>) -> Result<T> {
    let done = timeout(limit, what).await;
    done.with_context(|| format!("not within {} s", limit.as_secs()))?
}

async fn open(channel: &Channel, number: usize, streams: &mut JoinSet<Option<Code>>) -> Result<()> {
    let mut machine = MachineServiceClient::new(channel.clone());
    match number % 3 {
        0 => {
            let request = WatchRequest {
                namespace: "runtime".to_owned(),
                r#type: "MachineStatuses.runtime.talos.dev".to_owned(),
                options: Some(WatchOptions {
                    bootstrap_contents: true,
                    ..Default::default()
                }),
                ..Default::default()
            };
            let watch = StateClient::new(channel.clone()).watch(request).await?;
            streams.spawn(until_end(began(watch.into_inner()).await?));
        }
        1 => {
            let request = EventsRequest {
                tail_events: -1,
                ..Default::default()
            };
            let events = machine.events(request).await?;
            streams.spawn(until_end(began(events.into_inner()).await?));
        }
        _ => {
            let request = LogsRequest {
                id: "machined".to_owned(),
                follow: true,
                tail_lines: 1,
                ..Default::default()
            };
            let logs = machine.logs(request).await?;
            streams.spawn(until_end(began(logs.into_inner()).await?));
        }
    }
    Ok(())
}

/// A stream that has said something.
async fn began<T>(mut stream: Streaming<T>) -> Result<Streaming<T>, Status> {
    stream.message().await?;
    Ok(stream)
}

async fn until_end<T>(mut stream: Streaming<T>) -> Option<Code> {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status.code()),
        }
    }
}

async fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Channel> {
    let tls = TlsConnector::from(Arc::clone(config));
    let connector = tower::service_fn(move |_| {
        let tls = tls.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            let name = ServerName::from(address.ip());
            Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
        }
    });
    let endpoint = Endpoint::from_static("http://node");
    Ok(endpoint.connect_with_connector(connector).await?)
}

/// What the test's `talosconfig` says: whom to trust, and who we are.
fn administrator(node: &Node) -> Result<ClientConfig> {
    let file = node.file("talosconfig");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let document: Value = serde_yaml_ng::from_str(&text)?;
    let contexts = document.get("contexts").and_then(Value::as_mapping);
    let context = contexts.and_then(|contexts| contexts.values().next());
    let field = |name: &str| -> Result<Vec<u8>> {
        let text = context.and_then(|context| context.get(name)?.as_str());
        let text = text.with_context(|| format!("no {name} in {}", file.display()))?;
        Ok(STANDARD.decode(text)?)
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&field("ca")?)?)?;
    let chain = vec![CertificateDer::from_pem_slice(&field("crt")?)?];
    let key = pki::Key::from_pem(&field("key")?)?;
    let key = PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
