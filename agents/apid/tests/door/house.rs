// SPDX-License-Identifier: MPL-2.0
//! A node with apid in it, and its clients.
//!
//! Owns: the folder, the authority, the sockets of one test.
//! Never: is shared between tests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};

use api::machine::machine_service_client::MachineServiceClient;
use apid::{Lookup, Places};
use hyper_util::rt::TokioIo;
use pki::{Authority, Identity, Leaf, Names, UnixTime};
use proto::door::{KeyUsage, Mode, Rbac};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime as TlsTime,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use crate::double::{self, Told};

/// Where other nodes are, by the names that clients use.
pub(crate) type Table = Arc<Mutex<BTreeMap<String, SocketAddr>>>;

/// The memory of the smallest machine, and of one that is a control plane.
pub(crate) const SMALL: u64 = 128 * 1024 * 1024;
pub(crate) const LARGE: u64 = 16 * SMALL;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// How long anything in these tests may take: far more than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    UnixTime(i64::try_from(since.as_secs()).unwrap())
}

pub(crate) struct House {
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) door: mpsc::Sender<Vec<u8>>,
    pub(crate) told: Told,
    pub(crate) machined: double::Served,
    pub(crate) folder: PathBuf,
    pub(crate) apid: JoinHandle<()>,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl House {
    /// A configured node.
    pub(crate) async fn running() -> Self {
        Self::start(Mode::Running).await
    }

    /// A node without configuration.
    pub(crate) async fn maintenance() -> Self {
        Self::start(Mode::Maintenance).await
    }

    async fn start(mode: Mode) -> Self {
        let house = Self::dark(mode).await;
        house.tell(&house.told);
        house.lit().await;
        house
    }

    /// A node whose apid has not heard anything yet.
    pub(crate) async fn dark(mode: Mode) -> Self {
        let authority = Authority::machine(now()).unwrap();
        let told = tell(&authority, mode);
        Self::built(authority, told, Table::default(), SMALL).await
    }

    /// A configured node with much memory.
    pub(crate) async fn large() -> Self {
        let authority = Authority::machine(now()).unwrap();
        let told = tell(&authority, Mode::Running);
        let house = Self::built(authority, told, Table::default(), LARGE).await;
        house.tell(&house.told);
        house.lit().await;
        house
    }

    /// A node of a cluster with so many bytes of memory, whose apid has not heard anything yet.
    pub(crate) async fn built(authority: Authority, told: Told, table: Table, memory: u64) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("apid-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let door = double::door(&folder.join("door"));
        let machined = double::machined(&folder.join("api"));
        let places = Places {
            listen: None,
            door: folder.join("door").to_str().unwrap().to_owned(),
            machined: folder.join("api"),
            lookup: Lookup::Table(table),
            memory,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let apid = tokio::spawn(async move {
            let Err(fatal) = apid::serve(listener, places, None).await;
            panic!("{fatal}");
        });
        Self {
            authority,
            address,
            door,
            told,
            machined,
            folder,
            apid,
        }
    }

    pub(crate) fn tell(&self, told: &Told) {
        self.door.send(told.encode()).unwrap();
    }

    /// Waits until a TLS handshake is answered at all.
    pub(crate) async fn lit(&self) {
        let config = Arc::new(client(None));
        timeout(PATIENCE, async {
            loop {
                let stream = TcpStream::connect(self.address).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                if TlsConnector::from(Arc::clone(&config))
                    .connect(name, stream)
                    .await
                    .is_ok()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }

    /// Waits until the door is open in maintenance mode.
    pub(crate) async fn serves_strangers(&self) {
        timeout(PATIENCE, async {
            loop {
                if let Ok(channel) = self.channel(None).await
                    && let Err(status) = MachineServiceClient::new(channel).version(()).await
                    && status.code() == tonic::Code::Unimplemented
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }

    pub(crate) fn client_with(&self, roles: &[&str]) -> Identity {
        self.authority
            .issue(&Leaf::client(roles, DAY), now())
            .unwrap()
    }

    /// A client of the API with these roles.
    pub(crate) async fn admitted(&self, roles: &[&str]) -> MachineServiceClient<Channel> {
        self.client_of(&self.client_with(roles)).await
    }

    /// A client of the API on a connection of its own.
    pub(crate) async fn client_of(&self, identity: &Identity) -> MachineServiceClient<Channel> {
        MachineServiceClient::new(self.channel(Some(identity)).await.unwrap())
    }

    pub(crate) async fn channel(
        &self,
        identity: Option<&Identity>,
    ) -> Result<Channel, tonic::transport::Error> {
        connect(self.address, client(identity)).await
    }
}

/// What machined would tell for `mode`.
pub(crate) fn tell(authority: &Authority, mode: Mode) -> Told {
    tell_as(authority, mode, &["127.0.0.1", "10.0.0.2", "node-1"])
}

/// What machined would tell for `mode` on a control plane that is called `names`.
pub(crate) fn tell_as(authority: &Authority, mode: Mode, names: &[&str]) -> Told {
    let leaf = Leaf::api_server(names[0], Names::parse(names.iter().copied()).unwrap());
    let server = pem(&authority.issue(&leaf, now()).unwrap());
    let route = Leaf::api_client(names[0]);
    Told {
        mode,
        certificate: server.0,
        key: server.1,
        client_ca: match mode {
            Mode::Running => text(authority.certificate().to_pem()),
            Mode::Closed | Mode::Maintenance => String::new(),
        },
        route: match mode {
            Mode::Running => pem(&authority.issue(&route, now()).unwrap()),
            Mode::Closed | Mode::Maintenance => Default::default(),
        },
        rbac: Rbac::Enabled,
        key_usage: KeyUsage::Unchecked,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Certificate and key.
pub(crate) fn pem(identity: &Identity) -> (String, String) {
    let key = identity.key.to_pem().unwrap().expose().to_vec();
    (text(identity.certificate.to_pem()), text(key))
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: ClientConfig,
) -> Result<Channel, tonic::transport::Error> {
    let tls = TlsConnector::from(Arc::new(config));
    let connector = tower::service_fn(move |_| {
        let tls = tls.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            // As clients do: thousands of short calls would else wait for each other's acknowledgement.
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
        }
    });
    Endpoint::from_static("http://node")
        .connect_with_connector(connector)
        .await
}

/// A client that shows `identity` and takes any server.
pub(crate) fn client(identity: Option<&Identity>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
            let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key))
                .unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: TlsTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General(
            "TLS 1.2 was not to be spoken".to_owned(),
        ))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ED25519,
            SignatureScheme::ECDSA_NISTP256_SHA256,
        ]
    }
}
