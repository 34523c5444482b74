// SPDX-License-Identifier: MPL-2.0
//! The administrator's kubeconfig, with a certificate that the cluster's CA of this node signs.
//!
//! Owns: its form, and the archive that it travels in.
//! Never: asks Kubernetes anything, or keeps what it issued.

use std::time::Duration;

use ::api::common::Data;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::document::ClusterConfig;
use pki::{Authority, Identity, Leaf, UnixTime};
use serde::Serialize;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::generate::{document, present};
use crate::node::Node;
use crate::{browse, clock};

/// How long the certificate lives when the configuration does not say: a year.
const LIFETIME: Duration = Duration::from_secs(8_760 * 3_600);
/// Who it is for: the group that may do everything (RBAC of Kubernetes, "default roles").
const GROUP: &str = "system:masters";
const USER: &str = "admin";
/// The name of the only file in the archive.
const FILE: &str = "kubeconfig";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kubeconfig {
    api_version: &'static str,
    kind: &'static str,
    clusters: [Named<Cluster>; 1],
    users: [Named<User>; 1],
    contexts: [Named<Context>; 1],
    #[serde(rename = "current-context")]
    current_context: String,
}

#[derive(Serialize)]
struct Named<T> {
    name: String,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Cluster {
    cluster: Reached,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Reached {
    server: String,
    certificate_authority_data: String,
}

#[derive(Serialize)]
struct User {
    user: Shown,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    client_certificate_data: String,
    client_key_data: String,
}

#[derive(Serialize)]
struct Context {
    context: Joined,
}

#[derive(Serialize)]
struct Joined {
    cluster: String,
    namespace: &'static str,
    user: String,
}

pub(super) fn issue(node: &Node) -> Result<BoxStream<Data>, Status> {
    let loaded = present(node)
        .ok_or_else(|| Status::failed_precondition("this node has no configuration"))?;
    let kind = loaded.machine.kind;
    if !kind.is_control_plane() {
        // The facts mark this method for control planes: elsewhere it is not there.
        return Err(Status::unimplemented(
            "kubeconfigs are made by control plane nodes only",
        ));
    }
    let cluster = document(&loaded)
        .and_then(|document| document.cluster)
        .ok_or_else(|| Status::failed_precondition("cluster: missing in the configuration"))?;
    let lifetime = lifetime(&cluster)?;
    let authority = authority(&cluster)?;
    let now = UnixTime::from(clock::now().wall);
    let leaf = Leaf {
        common_name: USER.to_owned(),
        key_encipherment: true,
        ..Leaf::client(&[GROUP], lifetime)
    };
    let identity = authority
        .issue(&leaf, now)
        .map_err(|error| Status::internal(format!("no certificate: {error}")))?;
    let text = written(&cluster, &authority, &identity)?;
    let archive = browse::archive_of(FILE, text.as_bytes(), now.0)
        .map_err(|error| Status::internal(format!("the archive: {error}")))?;
    node.journal.log(format_args!(
        "a kubeconfig was issued over the API: {USER} of {GROUP}, {} s",
        lifetime.as_secs()
    ));
    let data = Data {
        metadata: None,
        bytes: archive,
    };
    Ok(Box::pin(tokio_stream::iter([Ok(data)])))
}

fn lifetime(cluster: &ClusterConfig) -> Result<Duration, Status> {
    let Some(settings) = &cluster.admin_kubeconfig else {
        return Ok(LIFETIME);
    };
    let written = settings.cert_lifetime.to_std().ok_or_else(|| {
        Status::failed_precondition("cluster.adminKubeconfig.certLifetime: below zero")
    })?;
    // What is not written is zero.
    Ok(if written.is_zero() { LIFETIME } else { written })
}

fn authority(cluster: &ClusterConfig) -> Result<Authority, Status> {
    let pair = cluster
        .ca
        .as_ref()
        .filter(|pair| !pair.key.is_empty())
        .ok_or_else(|| Status::failed_precondition("cluster.ca: this node has not its key"))?;
    Authority::from_pem(&pair.crt.0, pair.key.expose())
        .map_err(|error| Status::failed_precondition(format!("cluster.ca: {error}")))
}

fn written(
    cluster: &ClusterConfig,
    authority: &Authority,
    identity: &Identity,
) -> Result<String, Status> {
    let endpoint = cluster.control_plane.as_ref();
    let server = endpoint
        .and_then(|plane| plane.endpoint.clone())
        .ok_or_else(|| Status::failed_precondition("cluster.controlPlane.endpoint: missing"))?;
    let key = identity.key.to_pem();
    let key = key.map_err(|error| Status::internal(format!("the key: {error}")))?;
    let name = cluster.cluster_name.clone();
    let user = format!("{USER}@{name}");
    let kubeconfig = Kubeconfig {
        api_version: "v1",
        kind: "Config",
        clusters: [Named {
            name: name.clone(),
            what: Cluster {
                cluster: Reached {
                    server,
                    certificate_authority_data: STANDARD.encode(authority.certificate().to_pem()),
                },
            },
        }],
        users: [Named {
            name: user.clone(),
            what: User {
                user: Shown {
                    client_certificate_data: STANDARD.encode(identity.certificate.to_pem()),
                    client_key_data: STANDARD.encode(key.expose()),
                },
            },
        }],
        contexts: [Named {
            name: user.clone(),
            what: Context {
                context: Joined {
                    cluster: name,
                    namespace: "default",
                    user: user.clone(),
                },
            },
        }],
        current_context: user,
    };
    serde_yaml_ng::to_string(&kubeconfig)
        .map_err(|error| Status::internal(format!("the kubeconfig: {error}")))
}
