// SPDX-License-Identifier: MPL-2.0
//! What machined promises of `talos.config=`.
//!
//! Owns: servers of configurations, good and bad, and the names that lead to them.
//! Never: uses a network of the machine it runs on: what needs the port of DNS runs again in a
//! namespace of its own.
use std::sync::Arc;

use ::api::machine::machine_status_event::MachineStage;
use pki::{Authority, Leaf, Names, UnixTime};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::configurations::configuration;
use crate::node::{DEADLINE, TestNode};

/// The only name that the name server knows.
const NAME: &str = "config.lab.example";
/// Set for a test that is in its namespace already.
pub(crate) const INSIDE: &str = "MACHINED_TEST_NAMESPACE";

/// Runs the test of this name again, alone, in a network namespace where only `lo` is.
pub(crate) fn run_in_namespace(test: &str) {
    let program = std::env::current_exe().unwrap();
    let script = "ip link set lo up && exec \"$0\" --exact \"$1\" --nocapture";
    let output = std::process::Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .arg(program)
        .arg(test)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn now() -> UnixTime {
    UnixTime::from(std::time::SystemTime::now())
}

/// A server's side of TLS with a certificate for `name`.
fn tls(authority: &Authority, name: &str) -> TlsAcceptor {
    let leaf = Leaf::api_server(name, Names::parse([name]).unwrap());
    let identity = authority.issue(&leaf, now()).unwrap();
    let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Answers questions for [`NAME`] with 127.0.0.1, and all others with nothing.
async fn serve_names() {
    let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
    let mut question = [0; 512];
    loop {
        let (len, from) = socket.recv_from(&mut question).await.unwrap();
        let question = &question[..len];
        let labels = b"\x06config\x03lab\x07example\x00\x00\x01\x00\x01";
        let known = question[12..].starts_with(labels);
        // An answer without an error, to one question, with one record or none (RFC 1035 §4.1).
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(known), 0, 0, 0, 0]);
        answer.extend(&question[12..]);
        if known {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        socket.send_to(&answer, from).await.unwrap();
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_comes_over_https_from_a_name_and_only_from_a_server_to_be_trusted() {
    if std::env::var_os(INSIDE).is_none() {
        return run_in_namespace(
            "source::a_configuration_comes_over_https_from_a_name_and_only_from_a_server_to_be_trusted",
        );
    }
    let trusted = Authority::machine(now()).unwrap();
    let stranger = Authority::machine(now()).unwrap();
    let names = tokio::spawn(serve_names());
    let server = TcpListener::bind("127.0.0.1:443").await.unwrap();
    let text = configuration("fetched");
    let doors = [
        // Neither a CA that the image does not have, nor another's certificate, is to be trusted.
        tls(&stranger, NAME),
        tls(&trusted, "other.lab.example"),
        tls(&trusted, NAME),
    ];
    let served = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        for door in doors {
            let (stream, _) = server.accept().await.unwrap();
            let Ok(mut stream) = door.accept(stream).await else {
                outcomes.push(String::new());
                continue;
            };
            let mut request = vec![0; 4096];
            let len = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..len]).into_owned();
            outcomes.push(request.lines().take(2).collect::<Vec<_>>().join(" | "));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
            let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        outcomes
    });

    let mut node = TestNode::new(&format!("talos.config=https://{NAME}/node.yaml"));
    for folder in ["etc/ssl/certs", "system/etc"] {
        std::fs::create_dir_all(node.path(folder)).unwrap();
    }
    let ca = String::from_utf8(trusted.certificate().to_pem()).unwrap();
    node.write("etc/ssl/certs/ca-certificates.crt", &ca);
    node.write("system/etc/resolv.conf", "nameserver 127.0.0.1\n");
    node.start();

    let outcomes = tokio::time::timeout(DEADLINE, served)
        .await
        .unwrap()
        .unwrap();
    node.until_stage(MachineStage::Running).await;
    names.abort();
    assert_eq!(
        outcomes[..2],
        ["", ""],
        "a request to a server not to be trusted"
    );
    assert!(
        outcomes[2].starts_with("GET /node.yaml HTTP/1.1"),
        "{outcomes:?}"
    );
    assert_eq!(node.read("proc/sys/kernel/hostname"), "fetched");
}

#[tokio::test(flavor = "current_thread")]
async fn a_configuration_comes_from_the_kernel_argument_when_the_first_answers_are_wrong() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let text = configuration("fetched");
    let asked = tokio::spawn(async move {
        let mut requests = Vec::new();
        let found = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        for answer in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".to_owned(),
            found,
        ] {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let len = stream.read(&mut buffer).await.unwrap();
            let request = String::from_utf8_lossy(&buffer[..len]).into_owned();
            requests.push(request.lines().next().unwrap().to_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        requests
    });

    let node = TestNode::started(&format!(
        "talos.config=http://127.0.0.1:{port}/config?mac=${{mac}}"
    ));
    let requests = tokio::time::timeout(DEADLINE, asked)
        .await
        .unwrap()
        .unwrap();
    node.until_stage(MachineStage::Running).await;

    assert_eq!(
        requests,
        [
            "GET /config?mac=52%3A54%3A00%3A01%3A02%3A03 HTTP/1.1",
            "GET /config?mac=52%3A54%3A00%3A01%3A02%3A03 HTTP/1.1",
            "GET /there HTTP/1.1"
        ]
    );
    assert_eq!(node.read("proc/sys/kernel/hostname"), "fetched");
}
