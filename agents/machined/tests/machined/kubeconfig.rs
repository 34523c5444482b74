// SPDX-License-Identifier: MPL-2.0
//! What machined promises of the administrator's kubeconfig.
//!
//! Owns: its form, its certificate, and who gets none.
//! Never: asks Kubernetes.

use std::io::Read as _;

use ::api::machine::apply_configuration_request::Mode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::Configuration;
use extension::tar::Archive;
use flate2::read::GzDecoder;
use pki::{Certificate, Identity};
use serde_yaml_ng::Value;
use tonic::{Code, Status};

use crate::api::{apply, collect, running};
use crate::clients::{Client, as_admin, with_role};
use crate::configurations::cluster;
use crate::node::TestNode;

/// The only file of the archive.
async fn kubeconfig(client: &mut Client) -> Result<Value, Status> {
    let stream = client.kubeconfig(as_admin(())).await?.into_inner();
    let bytes = collect(stream).await;
    let mut archive = Archive::new(GzDecoder::new(&bytes[..]));
    let member = archive.next().unwrap().unwrap();
    assert_eq!(
        (&member.name[..], member.mode & 0o777),
        (&b"kubeconfig"[..], 0o600)
    );
    let mut text = String::new();
    archive
        .content(member.len)
        .read_to_string(&mut text)
        .unwrap();
    assert!(archive.next().unwrap().is_none());
    Ok(serde_yaml_ng::from_str(&text).unwrap())
}

fn pem(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_025_the_administrator_gets_a_certificate_of_the_clusters_authority() {
    let (node, mut client) = running().await;

    let file = kubeconfig(&mut client).await.unwrap();

    assert_eq!(
        (&file["apiVersion"], &file["kind"]),
        (&"v1".into(), &"Config".into())
    );
    assert_eq!(file["current-context"], "admin@test");
    let context = &file["contexts"][0];
    assert_eq!(context["name"], "admin@test");
    assert_eq!(context["context"]["cluster"], "test");
    assert_eq!(context["context"]["user"], "admin@test");
    assert_eq!(context["context"]["namespace"], "default");
    let cluster = &file["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], "https://10.5.0.2:6443");
    let text = node.read("system/state/config.yaml");
    let stored = Configuration::load(text.as_bytes()).unwrap();
    let ca = stored
        .document()
        .unwrap()
        .cluster
        .clone()
        .unwrap()
        .ca
        .unwrap();
    assert_eq!(
        Certificate::from_pem(&pem(&cluster["certificate-authority-data"])).unwrap(),
        Certificate::from_pem(&ca.crt.0).unwrap()
    );
    let user = &file["users"][0]["user"];
    let certificate = pem(&user["client-certificate-data"]);
    let identity = Identity::from_pem(&certificate, &pem(&user["client-key-data"])).unwrap();
    let certificate = &identity.certificate;
    assert_eq!(certificate.organizations(), ["system:masters"]);
    assert!(certificate.is_only_for_clients());
    let lasts = certificate.not_before().until(certificate.not_after());
    assert_eq!(lasts.as_secs() / 3600, 8760);
}

#[tokio::test(flavor = "current_thread")]
async fn the_configuration_says_how_long_the_certificate_lives() {
    let (node, mut client) = running().await;
    let text = node.read("system/state/config.yaml");
    let text = text.replacen(
        "\ncluster:\n",
        "\ncluster:\n    adminKubeconfig:\n        certLifetime: 2h0m0s\n",
        1,
    );
    let applied = apply(&text, Mode::NoReboot);
    client.apply_configuration(applied).await.unwrap();

    let file = kubeconfig(&mut client).await.unwrap();

    let certificate = pem(&file["users"][0]["user"]["client-certificate-data"]);
    let certificate = Certificate::from_pem(&certificate).unwrap();
    let lasts = certificate.not_before().until(certificate.not_after());
    assert!((7200..7300).contains(&lasts.as_secs()), "{lasts:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_but_an_administrator_gets_a_kubeconfig_and_none_before_a_configuration() {
    let (_node, mut client) = running().await;
    for role in ["os:reader", "os:operator", "os:etcd:backup", ""] {
        let refused = client.kubeconfig(with_role(role, ())).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }

    let node = TestNode::started("");
    node.until_maintenance().await;
    let refused = node.client().await.kubeconfig(as_admin(())).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}

/// The method is there on control planes only (facts, rbac.md).
#[tokio::test(flavor = "current_thread")]
async fn rpc_025_on_a_worker_the_method_is_not_there() {
    let (_, worker) = cluster("https://127.0.0.1:6443");
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut client = node.client().await;
    let applied = client.apply_configuration(apply(&worker, Mode::Auto));
    applied.await.unwrap();

    let refused = node
        .until("it is a worker", async || {
            let refused = node.client().await.kubeconfig(as_admin(())).await;
            let refused = refused.unwrap_err();
            let is_for_its_kind = refused.message().contains("control plane");
            is_for_its_kind.then_some(refused)
        })
        .await;

    assert_eq!(refused.code(), Code::Unimplemented, "{refused:?}");
}
