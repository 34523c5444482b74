// SPDX-License-Identifier: MPL-2.0
//! The real apid in front of a test's node, and clients that come in through it with real TLS.
//!
//! Owns: the door's port, and what a client shows there.
//! Never: looks inside machined or apid.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ::api::machine::machine_service_client::MachineServiceClient;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::clients::{Client, Transport};
use crate::node::TestNode;

impl TestNode {
    /// Opens the real door in front of this node, on a free port of loopback.
    pub(crate) async fn open_door(&mut self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let places = self.door_places();
        self.agents.push(tokio::spawn(async move {
            let Err(fatal) = apid::serve(listener, places, None).await;
            panic!("{fatal}");
        }));
        address
    }

    /// Where the door finds this node.
    pub(crate) fn door_places(&self) -> apid::Places {
        let door = self.path("run/ichor/machined.sock");
        apid::Places {
            listen: None,
            door: door.to_str().unwrap().to_owned(),
            machined: self.path("system/run/machined/machine.sock"),
            lookup: apid::Lookup::System,
            memory: 1024 * 1024 * 1024,
        }
    }
}

/// Connects to a door as `identity`, trusting `authority` alone; `None` when it is not let in.
pub(crate) async fn through(
    door: SocketAddr,
    authority: &pki::Authority,
    identity: &pki::Identity,
) -> Option<Client> {
    let transport = enter(door, authority, identity).await?;
    let origin = "https://node".parse().unwrap();
    let mut client = MachineServiceClient::with_origin(transport, origin);
    // With TLS 1.3 a refusal shows at the first call.
    match client.version(()).await {
        Ok(_) => Some(client),
        Err(_) => None,
    }
}

/// The connection of [`through`], before anything is called.
pub(crate) async fn enter(
    door: SocketAddr,
    authority: &pki::Authority,
    identity: &pki::Identity,
) -> Option<Transport> {
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    let mut roots = rustls::RootCertStore::empty();
    let ca = authority.certificate().der().to_vec();
    roots.add(CertificateDer::from(ca)).unwrap();
    let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
    let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key))
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(door).await.unwrap();
    // As clients do: small questions leave at once.
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await
        .ok()?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(async move {
        let _ended = connection.await;
    });
    Some(Transport(sender))
}
