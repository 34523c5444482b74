// SPDX-License-Identifier: MPL-2.0
//! Whose clients a node lets in, with the real apid and real TLS in front of the real machined.
//!
//! Owns: the machine's own CA, accepted ones, and all others.
//! Never: looks inside machined or apid.

use std::time::Duration;

use ::api::machine::apply_configuration_request::Mode;
use config::document::CertificateOnly;
use config::{Base64Bytes, Configuration};
use pki::{Authority, Identity, Leaf};
use tonic::Code;

use crate::api::{apply, running};
use crate::configurations::now;
use crate::front::through;
use crate::node::TestNode;

/// The CA of a configuration.
pub(crate) fn authority(text: &str) -> Authority {
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    let machine = loaded.document().unwrap().machine.clone().unwrap();
    machine.ca.unwrap().authority().unwrap()
}

pub(crate) fn admin(authority: &Authority) -> Identity {
    with_roles(authority, &["os:admin"])
}

pub(crate) fn with_roles(authority: &Authority, roles: &[&str]) -> Identity {
    let leaf = Leaf::client(roles, Duration::from_secs(3600));
    authority.issue(&leaf, now()).unwrap()
}

/// The same configuration with these CAs accepted.
fn accepting(text: &str, certificates: Vec<Vec<u8>>) -> String {
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    let mut document = loaded.document().unwrap().clone();
    document.machine.as_mut().unwrap().accepted_cas = certificates
        .into_iter()
        .map(|pem| CertificateOnly {
            crt: Base64Bytes(pem),
        })
        .collect();
    document.to_yaml()
}

/// Waits until a client is let in, or is not.
async fn until(node: &TestNode, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    node.until(what, async || holds().await.then_some(())).await;
}

#[tokio::test(flavor = "current_thread")]
async fn cfg_05_clients_of_an_accepted_ca_are_let_in_beside_those_of_the_machines_own() {
    let (mut node, mut client) = running().await;
    let door = node.open_door().await;
    let text = node.read("system/state/config.yaml");
    let own = authority(&text);
    let [next, stranger] = [(); 2].map(|()| Authority::machine(now()).unwrap());
    until(&node, "the door opens", async || {
        through(door, &own, &admin(&own)).await.is_some()
    })
    .await;
    assert!(through(door, &own, &admin(&next)).await.is_none());

    let mut pem = next.certificate().to_pem();
    pem.pop();
    let wider = accepting(&text, vec![pem]);
    let reply = client
        .apply_configuration(apply(&wider, Mode::NoReboot))
        .await
        .unwrap();

    let warnings = &reply.get_ref().messages[0].warnings;
    let unkept = |line: &String| line.contains("not acted on") && line.contains("acceptedCAs");
    assert!(!warnings.iter().any(unkept), "{warnings:?}");
    until(&node, "the accepted CA's client comes in", async || {
        through(door, &own, &admin(&next)).await.is_some()
    })
    .await;
    assert!(through(door, &own, &admin(&own)).await.is_some());
    assert!(through(door, &own, &admin(&stranger)).await.is_none());

    client
        .apply_configuration(apply(&text, Mode::NoReboot))
        .await
        .unwrap();
    until(&node, "it is out again", async || {
        through(door, &own, &admin(&next)).await.is_none()
    })
    .await;
    assert!(through(door, &own, &admin(&own)).await.is_some());
}

#[tokio::test(flavor = "current_thread")]
async fn accepted_cas_that_would_close_the_door_are_refused_by_their_place() {
    let (node, mut client) = running().await;
    let text = node.read("system/state/config.yaml");
    let own = authority(&text);
    let ca = |_| Authority::machine(now()).unwrap().certificate().to_pem();
    let key = own.key().to_pem().unwrap().expose().to_vec();

    for (certificates, says) in [
        (vec![b"no certificate".to_vec()], "machine.acceptedCAs[0]"),
        (vec![Vec::new()], "machine.acceptedCAs[0]"),
        (vec![key], "machine.acceptedCAs[0]"),
        (
            vec![ca(0), admin(&own).certificate.to_pem()],
            "machine.acceptedCAs[1]",
        ),
        ((0..16).map(ca).collect(), "machine.acceptedCAs"),
    ] {
        let wrong = accepting(&text, certificates);
        let refused = client
            .apply_configuration(apply(&wrong, Mode::Auto))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(refused.message().contains(says), "{says}: {refused:?}");
    }

    assert_eq!(node.read("system/state/config.yaml"), text);
}
