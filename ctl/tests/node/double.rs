// SPDX-License-Identifier: MPL-2.0
//! A node that is a double: TLS in front, fixed answers behind (`answers`).
//!
//! Owns: its start, and for which nodes it answers; `10.0.0.9` is one that fails.
//! Never: decides about roles, except that `os:none` may do nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};

use api::cluster::cluster_service_server::ClusterServiceServer;
use api::common::Metadata;
use api::cosi::resource::state_server::StateServer;
use api::google::rpc::Status as RpcStatus;
use api::inspect::inspect_service_server::InspectServiceServer;
use api::machine::machine_service_server::MachineServiceServer;
use api::storage::storage_service_server::StorageServiceServer;
use api::time::time_service_server::TimeServiceServer;
use pki::{Authority, Identity, Leaf, Names};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Status};

use crate::answers::{Double, Insight};
use crate::desk::now;
use crate::shelf::{Held, Shelf};
use crate::stock::Stock;

/// A running node.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
    /// What the node's configurations are, and what was asked of it.
    pub(crate) held: Arc<Mutex<Held>>,
}

impl Node {
    /// A configured node of this authority.
    pub(crate) fn running(authority: &Authority) -> Self {
        Self::start(authority, Some(authority))
    }

    /// A node in maintenance mode.
    pub(crate) fn maintenance() -> Self {
        Self::start(&Authority::maintenance(now()).unwrap(), None)
    }

    fn start(issuer: &Authority, clients: Option<&Authority>) -> Self {
        let names = Names::parse(["127.0.0.1", "localhost"]).unwrap();
        let identity = issuer
            .issue(&Leaf::api_server("node-1", names), now())
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config(&identity, clients)));
        let (send, receive) = mpsc::channel();
        let (power, has_power) = watch::channel(true);
        let held = Arc::new(Mutex::new(Held {
            is_configured: clients.is_some(),
            power: Some(power),
            ..Held::default()
        }));
        let double = Double(Arc::clone(&held));
        let shelf = Shelf(Arc::clone(&held));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let inner = behind.local_addr().unwrap();
                let serve = tonic::transport::Server::builder()
                    .add_service(MachineServiceServer::new(double))
                    .add_service(StateServer::new(shelf))
                    .add_service(ClusterServiceServer::new(Stock))
                    .add_service(StorageServiceServer::new(Stock))
                    .add_service(TimeServiceServer::new(Stock))
                    .add_service(InspectServiceServer::new(Insight))
                    .serve_with_incoming(TcpListenerStream::new(behind));
                tokio::spawn(serve);
                let front = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
                let port = front.local_addr().unwrap().port();
                send.send(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                    .unwrap();
                loop {
                    let accepted = tokio::select! {
                        accepted = front.accept() => accepted,
                        () = off(has_power.clone()) => return,
                    };
                    let (stream, _) = accepted.unwrap();
                    let tls = tls.clone();
                    // Whatever is under way ends with the runtime.
                    tokio::spawn(async move {
                        match tls.accept(stream).into_fallible().await {
                            Ok(mut client) => {
                                let mut server = TcpStream::connect(inner).await.unwrap();
                                let _ = copy_bidirectional(&mut client, &mut server).await;
                            }
                            // Closing before the client stopped writing would lose the alert.
                            Err((_, mut client)) => {
                                let _ = client.shutdown().await;
                                let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
                            }
                        }
                    });
                }
            });
        });
        Self {
            address: receive.recv().unwrap(),
            identity,
            held,
        }
    }
}

/// Waits until the node has no power.
async fn off(mut has_power: watch::Receiver<bool>) {
    let off = has_power.wait_for(|has_power| !has_power).await;
    if off.is_err() {
        std::future::pending().await
    }
}

fn config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from(authority.certificate().der().to_vec()))
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
    let mut config = builder
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// The metadata of one answer for each node that was asked for; without any, one without a name.
pub(crate) fn nodes<T>(request: &Request<T>) -> Vec<Option<Metadata>> {
    let names: Vec<&str> = request
        .metadata()
        .get_all("nodes")
        .iter()
        .map(|v| v.to_str().unwrap())
        .collect();
    if names.is_empty() {
        return vec![None];
    }
    let metadata = |name: &str| {
        let mut metadata = Metadata {
            hostname: name.to_owned(),
            ..Metadata::default()
        };
        if name == "10.0.0.9" {
            let message = "no route to it".to_owned();
            metadata.error.clone_from(&message);
            metadata.status = Some(RpcStatus {
                code: 14,
                message,
                details: Vec::new(),
            });
        }
        Some(metadata)
    };
    names.into_iter().map(metadata).collect()
}

pub(crate) fn fails(metadata: Option<&Metadata>) -> bool {
    metadata.is_some_and(|metadata| !metadata.error.is_empty())
}

pub(crate) type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
