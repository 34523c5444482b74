// SPDX-License-Identifier: MPL-2.0
//! Changing a value of META.
//!
//! Owns: the answers, and what each trouble is in gRPC.
//! Never: shows a value; the resources do.

use std::sync::Arc;

use ::api::machine;
use tonic::Status;

use crate::meta::{self, Trouble};
use crate::node::Node;

pub(super) async fn write(
    node: &Arc<Node>,
    request: machine::MetaWriteRequest,
) -> Result<machine::MetaWriteResponse, Status> {
    let written = meta::write(node, request.key, request.value).await;
    written.map_err(|trouble| status(&trouble))?;
    Ok(machine::MetaWriteResponse {
        messages: vec![machine::MetaWrite { metadata: None }],
    })
}

pub(super) async fn delete(
    node: &Arc<Node>,
    request: machine::MetaDeleteRequest,
) -> Result<machine::MetaDeleteResponse, Status> {
    let deleted = meta::delete(node, request.key).await;
    deleted.map_err(|trouble| status(&trouble))?;
    Ok(machine::MetaDeleteResponse {
        messages: vec![machine::MetaDelete { metadata: None }],
    })
}

fn status(trouble: &Trouble) -> Status {
    let text = trouble.to_string();
    match trouble {
        Trouble::NoKey(_) | Trouble::TooLong(_) => Status::invalid_argument(text),
        Trouble::Missing(_) => Status::not_found(text),
        Trouble::NotLoaded => Status::failed_precondition(text),
        Trouble::Busy => Status::resource_exhausted(text),
        Trouble::Disk(_) => Status::unavailable(text),
    }
}
