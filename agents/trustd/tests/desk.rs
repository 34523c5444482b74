// SPDX-License-Identifier: MPL-2.0
//! trustd seen from outside: real TLS sockets on loopback, and a machined that is a double.
//!
//! Owns: the promises to nodes: who is given what, what is refused how.
//! Never: needs a right or a network of the machine it runs on.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(clippy::panic, reason = "a test fails where it stands")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use api::securityapi::CertificateRequest;
use api::securityapi::security_service_client::SecurityServiceClient;
use hyper_util::rt::TokioIo;
use pki::{Algorithm, Authority, Certificate, Key, Leaf, Names, UnixTime};
use proto::Greeting;
use proto::trust::{MAX_MESSAGE, Reply, Trust};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use sys::net::SocketType;
use sys::seqpacket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

const PATIENCE: Duration = Duration::from_secs(20);
const TOKEN: &str = "abcdef.0123456789abcdef";

struct Office {
    ca: Authority,
    address: SocketAddr,
    folder: PathBuf,
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn now() -> UnixTime {
    UnixTime::from(SystemTime::now())
}

/// What machined would tell.
fn told(ca: &Authority) -> Vec<u8> {
    let leaf = Leaf::api_server("node-1", Names::parse(["127.0.0.1"]).unwrap());
    let server = ca.issue(&leaf, now()).unwrap();
    let (ca_pem, ca_key) = ca.to_pem().unwrap();
    Reply::Trust(Trust {
        certificate_pem: &text(server.certificate.to_pem()),
        key_pem: &text(server.key.to_pem().unwrap().expose().to_vec()),
        ca_pem: &text(ca_pem),
        ca_key_pem: &text(ca_key.expose().to_vec()),
        token: TOKEN,
    })
    .encode_to_vec()
}

trait EncodeToVec {
    fn encode_to_vec(&self) -> Vec<u8>;
}

impl EncodeToVec for Reply<'_> {
    fn encode_to_vec(&self) -> Vec<u8> {
        let mut buffer = vec![0; MAX_MESSAGE];
        let len = self.encode(&mut buffer).unwrap();
        buffer.truncate(len);
        buffer
    }
}

impl Office {
    /// One that is open.
    async fn open() -> Self {
        let ca = Authority::machine(now()).unwrap();
        let office = Self::told(&told(&ca), ca).await;
        timeout(PATIENCE, async {
            while office.channel().await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        office
    }

    /// One whose machined says `message`.
    async fn told(message: &[u8], ca: Authority) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("trustd-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("trust.sock").to_str().unwrap().to_owned();
        let listener = seqpacket::listen(&socket, SocketType::SEQPACKET).unwrap();
        sys::io::ioctl_fionbio(&listener, false).unwrap();
        let message = message.to_vec();
        std::thread::spawn(move || {
            let line = sys::net::accept(&listener).unwrap();
            let mut buffer = [0; 64];
            let welcome = Reply::Welcome(Greeting::OURS).encode_to_vec();
            // It greets, then it subscribes; then it is told, and the line stays.
            for answer in [welcome, message] {
                seqpacket::receive(&line, &mut buffer).unwrap();
                seqpacket::send(&line, &answer).unwrap();
            }
            let _ended = seqpacket::receive(&line, &mut buffer);
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = trustd::Places {
            listen: None,
            machined: socket,
        };
        tokio::spawn(async move {
            let Err(fatal) = trustd::serve(listener, places, None).await;
            panic!("{fatal}");
        });
        Self {
            ca,
            address,
            folder,
        }
    }

    /// A node that believes the machine CA, and nobody else.
    async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        let mut roots = RootCertStore::empty();
        let ca = self.ca.certificate().der().to_vec();
        roots.add(CertificateDer::from(ca)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        let address = self.address;
        let connector = tower::service_fn(move |_| {
            let tls = tls.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::from(address.ip());
                Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
            }
        });
        Endpoint::from_static("http://node")
            .connect_with_connector(connector)
            .await
    }

    /// Asks for a certificate; what comes back is it and the CA.
    async fn ask(&self, token: Option<&str>, csr: Vec<u8>) -> Result<(Vec<u8>, Vec<u8>), Status> {
        let mut client = SecurityServiceClient::new(self.channel().await.unwrap());
        let mut request = Request::new(CertificateRequest { csr });
        if let Some(token) = token {
            let metadata = request.metadata_mut();
            metadata.insert(api::wire::TOKEN, token.parse().unwrap());
        }
        let call = client.certificate(request);
        let answer = timeout(PATIENCE, call).await.unwrap()?.into_inner();
        Ok((answer.crt, answer.ca))
    }
}

fn csr(key: &Key, organizations: &[&str]) -> Vec<u8> {
    let names = Names::parse(["node-2", "10.0.0.3"]).unwrap();
    pki::Request::new(key, "node-2", organizations, &names)
        .unwrap()
        .to_pem()
}

#[tokio::test]
async fn svc_08_a_node_with_the_token_gets_a_servers_certificate_and_no_role() {
    let office = Office::open().await;
    let key = Key::generate(Algorithm::Ed25519).unwrap();

    let (crt, ca) = office
        .ask(Some(TOKEN), csr(&key, &["os:admin", "os:impersonator"]))
        .await
        .unwrap();

    let certificate = Certificate::from_pem(&crt).unwrap();
    assert_eq!(ca, office.ca.to_pem().unwrap().0);
    assert!(certificate.is_signed_by(office.ca.certificate()));
    assert!(certificate.is_for(&key));
    assert_eq!(certificate.organizations(), [] as [String; 0]);
    assert_eq!(certificate.dns_names(), ["node-2"]);
    assert!(!certificate.is_authority() && !certificate.is_only_for_clients());
}

#[tokio::test]
async fn svc_08_a_wrong_token_is_refused_after_a_while_and_holds_up_nobody() {
    let office = Office::open().await;
    let key = Key::generate(Algorithm::Ed25519).unwrap();
    for token in [
        None,
        Some(""),
        Some("abcdef.0123456789abcdee"),
        Some("abcdef"),
    ] {
        let began_at = Instant::now();
        let guess = office.ask(token, csr(&key, &[]));
        let honest = async {
            let asked = office.ask(Some(TOKEN), csr(&key, &[])).await;
            (asked, began_at.elapsed())
        };
        let (guessed, (asked, took)) = tokio::join!(guess, honest);

        let status = guessed.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
        assert!(!status.message().contains(TOKEN));
        assert!(began_at.elapsed() >= Duration::from_secs(1));
        asked.unwrap();
        assert!(took < began_at.elapsed());
    }
}

#[tokio::test]
async fn rpc_056_what_is_no_request_is_refused_with_its_reason() {
    let office = Office::open().await;
    let key = Key::generate(Algorithm::Ed25519).unwrap();
    let mut forged = csr(&key, &[]);
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };

    for bytes in [forged, b"nonsense".to_vec(), Vec::new()] {
        let status = office.ask(Some(TOKEN), bytes).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().starts_with("csr: "), "{status}");
    }
    // Longer than any request: it is not read.
    let long = vec![b'a'; 64 * 1024];
    assert!(office.ask(Some(TOKEN), long).await.is_err());
    office.ask(Some(TOKEN), csr(&key, &[])).await.unwrap();
}

#[tokio::test]
async fn rpc_055_it_knows_one_method() {
    let office = Office::open().await;
    for path in [
        "/securityapi.SecurityService/Other",
        "/machine.MachineService/Version",
    ] {
        let mut grpc = tonic::client::Grpc::new(office.channel().await.unwrap());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();

        let status = grpc.unary(Request::new(()), path.parse().unwrap(), codec);

        assert_eq!(status.await.unwrap_err().code(), Code::Unimplemented);
    }
}

#[tokio::test]
async fn without_trust_callers_are_hung_up_on() {
    let ca = Authority::machine(now()).unwrap();
    let none = Reply::Trust(Trust {
        certificate_pem: "",
        key_pem: "",
        ca_pem: "",
        ca_key_pem: "",
        token: "",
    })
    .encode_to_vec();
    let office = Office::told(&none, ca).await;

    let mut stream = TcpStream::connect(office.address).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap();

    assert!(answer.is_empty() && read.is_ok_and(|len| len == 0));
}

#[tokio::test]
async fn whoever_is_silent_or_talks_nonsense_is_gone_at_the_deadline() {
    let office = Office::open().await;
    let mut nonsense = TcpStream::connect(office.address).await.unwrap();
    nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _closed = timeout(PATIENCE, nonsense.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(!answer.starts_with(b"HTTP"));
    let mut silent = TcpStream::connect(office.address).await.unwrap();
    tokio::time::pause();
    let began_at = Instant::now();

    let _closed = silent.read_to_end(&mut answer).await;

    let took = began_at.elapsed().as_secs();
    assert!((14..17).contains(&took), "{took}");
}

#[tokio::test]
async fn strangers_that_hold_every_place_hold_up_a_node_by_moments() {
    let office = Office::open().await;
    let key = Key::generate(Algorithm::Ed25519).unwrap();
    // With fifteen seconds for each these would take two minutes.
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(TcpStream::connect(office.address).await.unwrap());
    }

    let asked = timeout(PATIENCE, office.ask(Some(TOKEN), csr(&key, &[])));

    asked.await.unwrap().unwrap();
}
