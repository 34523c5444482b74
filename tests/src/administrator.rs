// SPDX-License-Identifier: MPL-2.0
//! Connections to a node with its administrator's certificate.
//!
//! Owns: mutual TLS, with what the test's `talosconfig` holds.
//! Never: makes a call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use serde_yaml_ng::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use crate::node::{LIMIT, Node};

/// What requests are addressed to.
const NODE: &str = "http://node";

/// Who may connect to a node, and to those behind it.
#[derive(Debug, Clone)]
pub struct Administrator {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Administrator {
    /// The administrator of a node whose secrets were made in its folder.
    ///
    /// # Errors
    /// The folder has no `talosconfig`, or it is none.
    pub fn of(node: &Node) -> Result<Self> {
        Ok(Self {
            address: node.address().parse()?,
            config: Arc::new(credentials(node)?),
        })
    }

    /// The same administrator at another node of the cluster.
    ///
    /// # Errors
    /// The node has no address.
    pub fn at(&self, node: &Node) -> Result<Self> {
        Ok(Self {
            address: node.address().parse()?,
            config: Arc::clone(&self.config),
        })
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The node does not let the administrator in, or says nothing within [`LIMIT`].
    pub async fn connect(&self) -> Result<Channel> {
        self.open(Endpoint::from_static(NODE)).await
    }

    /// Opens a connection with room for so many bytes of each reply.
    ///
    /// # Errors
    /// As [`Administrator::connect`].
    pub async fn connect_narrowly(&self, bytes: u32) -> Result<Channel> {
        self.open(Endpoint::from_static(NODE).initial_stream_window_size(bytes))
            .await
    }

    async fn open(&self, endpoint: Endpoint) -> Result<Channel> {
        let connection = within(LIMIT, connect(endpoint, self.address, &self.config));
        connection.await.context("cannot connect")
    }
}

/// What comes of `what`, if it comes in time.
pub(crate) async fn within<T>(limit: Duration, what: impl Future<Output = Result<T>>) -> Result<T> {
    let done = timeout(limit, what).await;
    done.with_context(|| format!("not within {} s", limit.as_secs()))?
}

async fn connect(
    endpoint: Endpoint,
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> Result<Channel> {
    let tls = TlsConnector::from(Arc::clone(config));
    let connector = tower::service_fn(move |_| {
        let tls = tls.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            let name = ServerName::from(address.ip());
            Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
        }
    });
    Ok(endpoint.connect_with_connector(connector).await?)
}

/// What the test's `talosconfig` says: whom to trust, and who we are.
fn credentials(node: &Node) -> Result<ClientConfig> {
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
