// SPDX-License-Identifier: MPL-2.0
//! Images: which are there, and pulling one.
//!
//! Owns: the namespaces. `system` is what containers of the configuration are made of; `cri`, the images of
//! Kubernetes, is not built.
//! Never: takes a namespace that was not named for one of them.

use api::common::ContainerdNamespace as Namespace;
use api::machine;
use proto::images::REFERENCE_MAX;
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::containers::orders::{self, Held, Trouble};
use crate::node::Node;

pub(super) async fn list(
    node: &Node,
    request: machine::ImageListRequest,
) -> Result<BoxStream<machine::ImageListResponse>, Status> {
    system_only(request.namespace)?;
    let held = orders::list(node).await.map_err(status)?;
    let images = held.into_iter().map(|held| Ok(wire(held)));
    Ok(Box::pin(tokio_stream::iter(images)))
}

pub(super) async fn pull(
    node: &Node,
    request: &machine::ImagePullRequest,
) -> Result<machine::ImagePullResponse, Status> {
    system_only(request.namespace)?;
    let reference = request.reference.as_str();
    if reference.is_empty() || reference.len() > REFERENCE_MAX {
        return Err(Status::invalid_argument(format!(
            "reference: wants an image, in at most {REFERENCE_MAX} bytes"
        )));
    }
    orders::pull(node, reference).await.map_err(status)?;
    Ok(machine::ImagePullResponse {
        messages: vec![machine::ImagePull { metadata: None }],
    })
}

fn system_only(namespace: i32) -> Result<(), Status> {
    match Namespace::try_from(namespace) {
        Ok(Namespace::NsSystem) => Ok(()),
        Ok(Namespace::NsCri) => Err(Status::unimplemented(
            "namespace \"cri\": there is no container runtime yet; images of containers of the configuration are in \"system\"",
        )),
        Ok(Namespace::NsUnknown) | Err(_) => Err(Status::invalid_argument(format!(
            "namespace {namespace}: wants \"system\" (1) or \"cri\" (2)"
        ))),
    }
}

fn wire(held: Held) -> machine::ImageListResponse {
    let seconds = i64::try_from(held.created_at).unwrap_or(i64::MAX);
    machine::ImageListResponse {
        metadata: None,
        name: held.reference,
        digest: held.digest,
        size: i64::try_from(held.size).unwrap_or(i64::MAX),
        created_at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
    }
}

fn status(trouble: Trouble) -> Status {
    match trouble {
        Trouble::Away(error) => Status::unavailable(format!("imaged: {error}")),
        Trouble::No(reason) => Status::failed_precondition(reason),
        Trouble::Later(reason) => Status::unavailable(reason),
    }
}
