// SPDX-License-Identifier: MPL-2.0
//! What machined promises on the socket that tells apid how to open the door.
//!
//! Owns: the door in maintenance and after, and 10,000 messages that are none.
//! Never: looks inside machined.
use crate::clients::as_admin;
use crate::configurations::configuration;
use crate::node::{TestNode, eth0};
use ::api::machine;
use pki::Certificate;
use proto::door::{MAX_MESSAGE, Mode, Reply, Request};
use proto::{Greeting, Refusal};

async fn subscribed(node: &TestNode) -> machined::seqpacket::Connection {
    let door = node.door().await;
    let mut buffer = [0; 8];
    let len = Request::Subscribe(()).encode(&mut buffer).unwrap();
    door.send(&buffer[..len]).await.unwrap();
    door
}

/// The next door that is as wanted.
async fn next(
    door: &machined::seqpacket::Connection,
    wanted: Mode,
    has: &str,
) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut buffer = vec![0; MAX_MESSAGE];
    let wait = async {
        loop {
            let message = door.receive(&mut buffer).await.unwrap().unwrap();
            let Reply::Door(told) = Reply::decode(message).unwrap() else {
                panic!("not a door");
            };
            if told.mode == wanted && told.names.contains(&has) {
                let pems = [told.certificate_pem, told.key_pem, told.client_ca_pem];
                let [certificate, key, ca] = pems.map(|pem| pem.as_bytes().to_vec());
                return (certificate, key, ca);
            }
        }
    };
    tokio::time::timeout(crate::node::DEADLINE, wait)
        .await
        .unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn the_door_is_told_in_maintenance_and_again_when_there_is_a_configuration() {
    let node = TestNode::started("");
    let door = subscribed(&node).await;

    let (certificate, key, ca) = next(&door, Mode::Maintenance, "10.5.0.2").await;
    assert!(ca.is_empty());
    let identity = pki::Identity::from_pem(&certificate, &key).unwrap();
    assert!(
        identity
            .certificate
            .addresses()
            .contains(&"10.5.0.2".parse().unwrap())
    );
    let text = configuration("box.lab.example");
    let mut client = node.client().await;
    let request = machine::ApplyConfigurationRequest {
        data: text.as_bytes().to_vec(),
        mode: 1,
        ..Default::default()
    };
    client.apply_configuration(as_admin(request)).await.unwrap();

    let (certificate, key, ca) = next(&door, Mode::Running, "box.lab.example").await;
    let identity = pki::Identity::from_pem(&certificate, &key).unwrap();
    let names = identity.certificate.dns_names();
    for name in ["box", "box.lab.example", "api.example"] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} in {names:?}"
        );
    }
    let authority = Certificate::from_pem(&ca).unwrap();
    assert!(authority.is_authority());
}

#[tokio::test(flavor = "current_thread")]
async fn a_control_plane_gives_apid_a_certificate_that_speaks_for_others_and_maintenance_none() {
    let node = TestNode::started("");
    let door = subscribed(&node).await;
    let mut client = node.client().await;
    let request = machine::ApplyConfigurationRequest {
        data: configuration("box.lab.example").into_bytes(),
        mode: 1,
        ..Default::default()
    };
    client.apply_configuration(as_admin(request)).await.unwrap();
    let mut buffer = vec![0; MAX_MESSAGE];
    let wait = async {
        loop {
            let message = door.receive(&mut buffer).await.unwrap().unwrap();
            let Reply::Door(told) = Reply::decode(message).unwrap() else {
                panic!("not a door");
            };
            let (certificate, key) = (told.route_certificate_pem, told.route_key_pem);
            match told.mode {
                Mode::Running => {
                    break pki::Identity::from_pem(certificate.as_bytes(), key.as_bytes());
                }
                Mode::Closed | Mode::Maintenance => assert!(certificate.is_empty()),
            }
        }
    };

    let waited = tokio::time::timeout(crate::node::DEADLINE, wait).await;

    let certificate = waited.unwrap().unwrap().certificate;
    assert_eq!(certificate.organizations(), ["os:impersonator"]);
    assert!(certificate.is_only_for_clients());
    let lifetime = certificate.not_before().until(certificate.not_after());
    assert!(lifetime < std::time::Duration::from_secs(2 * 86_400));
}

#[tokio::test(flavor = "current_thread")]
async fn a_new_address_means_a_new_certificate() {
    let node = TestNode::started("");
    let door = subscribed(&node).await;
    let (first, ..) = next(&door, Mode::Maintenance, "10.5.0.2").await;

    let mut news = eth0("10.5.0.2");
    news.extend(eth0("10.9.9.9"));
    node.net.send_modify(|net| net.news = news);

    // The name may be told before the certificate that has it.
    let second = loop {
        let (told, ..) = next(&door, Mode::Maintenance, "10.9.9.9").await;
        if told != first {
            break told;
        }
    };
    let certificate = Certificate::from_pem(&second).unwrap();
    assert!(
        certificate
            .addresses()
            .contains(&"10.9.9.9".parse().unwrap())
    );
}

#[tokio::test(flavor = "current_thread")]
async fn the_order_of_the_conversation_is_kept() {
    let node = TestNode::started("");
    let path = node.path("run/ichor/machined.sock");
    let mut buffer = [0; 256];
    let open = machined::seqpacket::Connection::open(&path).await.unwrap();
    let len = Request::Subscribe(()).encode(&mut buffer).unwrap();
    open.send(&buffer[..len]).await.unwrap();
    let early = open.receive(&mut buffer).await.unwrap().unwrap();
    assert_eq!(
        Reply::decode(early),
        Ok(Reply::Refused(Refusal::NotGreeted))
    );

    let other = machined::seqpacket::Connection::open(&path).await.unwrap();
    let greeting = Greeting { version: 999 };
    let len = Request::Hello(greeting).encode(&mut buffer).unwrap();
    other.send(&buffer[..len]).await.unwrap();
    let version = other.receive(&mut buffer).await.unwrap().unwrap();
    assert_eq!(Reply::decode(version), Ok(Reply::Refused(Refusal::Version)));
    assert!(other.receive(&mut buffer).await.unwrap().is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn ten_thousand_messages_that_are_none_do_no_harm() {
    let node = TestNode::started("");
    let path = node.path("run/ichor/machined.sock");
    // Numbers from a fixed seed: the same messages in every run.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut sent = 0;

    while sent < 10_000 {
        let connection = machined::seqpacket::Connection::open(&path).await.unwrap();
        for _ in 0..50 {
            sent += 1;
            let len = usize::try_from(random() % 300).unwrap() + 1;
            let mut message: Vec<u8> = (0..len).map(|_| random().to_le_bytes()[0]).collect();
            // Half of them begin like a message of ours.
            if sent % 2 == 0 {
                message[0] = u8::try_from(1 + random() % 2).unwrap();
            }
            if connection.send(&message).await.is_err() {
                break;
            }
            match connection.receive(&mut buffer).await {
                // It answers a refusal, or a real answer to what happened to be real.
                Ok(Some(bytes)) => assert!(Reply::decode(bytes).is_ok()),
                Ok(None) | Err(_) => break,
            }
        }
    }

    let door = subscribed(&node).await;
    next(&door, Mode::Maintenance, "10.5.0.2").await;
}
