// SPDX-License-Identifier: MPL-2.0
//! A worker gets its certificate: a real machined on both sides, and a real trustd between them.
//!
//! Owns: the way from two configurations of one cluster to a worker whose door is open.
//! Never: looks inside machined.

use std::net::SocketAddr;
use std::time::Duration;

use ::api::machine;
use pki::{Certificate, Identity};
use proto::door::{MAX_MESSAGE, Mode, Reply, Request};
use proto::trust;
use proto::{Greeting, Refusal};

use crate::clients::as_admin;
use crate::configurations::cluster;
use crate::node::{DEADLINE, TestNode, eth0};

/// Has trustd of a control plane run.
async fn trustd_of(node: &mut TestNode) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = node.path("run/ichor/trust.sock");
    let places = trustd::Places {
        listen: None,
        machined: socket.to_str().unwrap().to_owned(),
    };
    node.agents.push(tokio::spawn(async move {
        let Err(fatal) = trustd::serve(listener, places, None).await;
        panic!("{fatal}");
    }));
    address
}

async fn apply(node: &TestNode, configuration: &str) {
    node.until_maintenance().await;
    let request = machine::ApplyConfigurationRequest {
        data: configuration.as_bytes().to_vec(),
        mode: 1,
        ..Default::default()
    };
    let mut client = node.client().await;
    client.apply_configuration(as_admin(request)).await.unwrap();
}

struct Opened {
    identity: Identity,
    ca: Vec<u8>,
    route: String,
}

/// The next door that is open for the cluster, and has `address`.
async fn opened(node: &TestNode, address: &str) -> Opened {
    let door = node.door().await;
    let mut buffer = [0; 8];
    let len = Request::Subscribe(()).encode(&mut buffer).unwrap();
    door.send(&buffer[..len]).await.unwrap();
    let mut buffer = vec![0; MAX_MESSAGE];
    let wait = async {
        loop {
            let message = door.receive(&mut buffer).await.unwrap().unwrap();
            let Reply::Door(told) = Reply::decode(message).unwrap() else {
                panic!("not a door");
            };
            if told.mode != Mode::Running {
                continue;
            }
            let (certificate, key) = (told.certificate_pem, told.key_pem);
            let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
            let addresses = identity.certificate.addresses();
            if addresses.contains(&address.parse().unwrap()) {
                return Opened {
                    identity,
                    ca: told.client_ca_pem.as_bytes().to_vec(),
                    route: told.route_certificate_pem.to_owned(),
                };
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn k8s_13_a_worker_gets_its_certificate_from_a_control_plane_and_a_new_one_for_new_names() {
    let (control_plane, worker) = cluster("https://127.0.0.1:6443");
    let mut first = TestNode::started("");
    apply(&first, &control_plane).await;
    let mut second = TestNode::new("");
    second.trustd = trustd_of(&mut first).await;
    second.start();
    apply(&second, &worker).await;

    let own = opened(&first, "10.5.0.2").await;
    let given = opened(&second, "10.5.0.2").await;

    let ca = Certificate::from_pem(&given.ca).unwrap();
    assert_eq!(given.ca, own.ca);
    let certificate = &given.identity.certificate;
    assert!(certificate.is_signed_by(&ca));
    assert!(certificate.is_for(&given.identity.key));
    assert_eq!(certificate.organizations(), [] as [String; 0]);
    assert!(!certificate.is_authority());
    // It passes nothing on to others; a control plane does.
    assert_eq!(given.route, "");
    assert!(!own.route.is_empty());

    first
        .until("trustd is started", async || {
            let init = first.init.lock().unwrap();
            (init.trustd == ["define", "start"]).then_some(())
        })
        .await;
    assert!(second.init.lock().unwrap().trustd.is_empty());

    let mut news = eth0("10.5.0.2");
    news.extend(eth0("10.9.9.9"));
    second.net.send_modify(|net| net.news = news);

    let next = opened(&second, "10.9.9.9").await;
    assert_ne!(next.identity.certificate, given.identity.certificate);
}

#[tokio::test(flavor = "current_thread")]
async fn diag_01_a_worker_that_finds_no_control_plane_tries_again_until_it_does() {
    let (control_plane, worker) = cluster("https://127.0.0.1:6443");
    // The port is known before anybody listens there.
    let address = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let mut second = TestNode::new("");
    second.trustd = address;
    second.start();
    apply(&second, &worker).await;
    second
        .until("the configuration is stored", async || {
            (second.read("system/state/config.yaml") == worker).then_some(())
        })
        .await;

    let mut first = TestNode::started("");
    apply(&first, &control_plane).await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let places = trustd::Places {
        listen: None,
        machined: first
            .path("run/ichor/trust.sock")
            .to_str()
            .unwrap()
            .to_owned(),
    };
    first.agents.push(tokio::spawn(async move {
        let Err(fatal) = trustd::serve(listener, places, None).await;
        panic!("{fatal}");
    }));

    opened(&second, "10.5.0.2").await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_worker_of_another_cluster_gets_nothing() {
    let (control_plane, _) = cluster("https://127.0.0.1:6443");
    let (_, stranger) = cluster("https://127.0.0.1:6443");
    let mut first = TestNode::started("");
    apply(&first, &control_plane).await;
    let mut second = TestNode::new("");
    second.trustd = trustd_of(&mut first).await;
    second.start();
    apply(&second, &stranger).await;

    let waited = tokio::time::timeout(Duration::from_secs(3), opened(&second, "10.5.0.2")).await;

    assert!(waited.is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn svc_04_trust_is_told_on_a_control_plane_alone_and_in_order() {
    let (control_plane, worker) = cluster("https://cluster.example:6443");
    for (configuration, is_trusted) in [(control_plane, true), (worker, false)] {
        let node = TestNode::started("");
        let socket = node.path("run/ichor/trust.sock");
        let line = machined::seqpacket::Connection::open(&socket)
            .await
            .unwrap();
        let mut buffer = vec![0; trust::MAX_MESSAGE];
        let mut send = [0; 16];
        let len = trust::Request::Subscribe(()).encode(&mut send).unwrap();
        line.send(&send[..len]).await.unwrap();
        let answer = line.receive(&mut buffer).await.unwrap().unwrap();
        let refused = trust::Reply::Refused(Refusal::NotGreeted);
        assert_eq!(trust::Reply::decode(answer).unwrap(), refused);
        for request in [
            trust::Request::Hello(Greeting::OURS),
            trust::Request::Subscribe(()),
        ] {
            let len = request.encode(&mut send).unwrap();
            line.send(&send[..len]).await.unwrap();
        }
        line.receive(&mut buffer).await.unwrap().unwrap();
        // In maintenance there is none.
        let answer = line.receive(&mut buffer).await.unwrap().unwrap();
        let Ok(trust::Reply::Trust(told)) = trust::Reply::decode(answer) else {
            panic!("no trust");
        };
        assert_eq!((told.ca_key_pem, told.token), ("", ""));

        apply(&node, &configuration).await;

        if !is_trusted {
            node.until("the configuration is stored", async || {
                (node.read("system/state/config.yaml") == configuration).then_some(())
            })
            .await;
            let quiet = line.receive(&mut buffer);
            let quiet = tokio::time::timeout(Duration::from_millis(300), quiet).await;
            assert!(quiet.is_err());
            continue;
        }
        let answer = tokio::time::timeout(DEADLINE, line.receive(&mut buffer)).await;
        let answer = answer.unwrap().unwrap().unwrap();
        let Ok(trust::Reply::Trust(told)) = trust::Reply::decode(answer) else {
            panic!("no trust");
        };
        assert!(!told.token.is_empty() && !told.ca_key_pem.is_empty());
        let certificate = Certificate::from_pem(told.certificate_pem.as_bytes()).unwrap();
        // Workers come by the name of the cluster.
        let names = certificate.dns_names();
        assert!(
            names.iter().any(|name| name == "cluster.example"),
            "{names:?}"
        );
    }
}
