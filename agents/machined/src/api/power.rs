// SPDX-License-Identifier: MPL-2.0
//! Reboot and shutdown: the answer comes first, then the sequence.
//!
//! Owns: beginning those sequences for a caller, who follows them by its actor id.
//! Never: answers that it will be done when it cannot be.

use std::sync::Arc;

use api::machine;
use tonic::Status;

use crate::life;
use crate::node::Node;
use crate::sequence::Sequence;

pub(super) fn reboot(
    node: &Arc<Node>,
    _request: machine::RebootRequest,
) -> Result<machine::RebootResponse, Status> {
    let actor_id = begin(node, Sequence::Reboot)?;
    Ok(machine::RebootResponse {
        messages: vec![machine::Reboot {
            metadata: None,
            actor_id,
        }],
    })
}

pub(super) fn shutdown(
    node: &Arc<Node>,
    _request: machine::ShutdownRequest,
) -> Result<machine::ShutdownResponse, Status> {
    // Without Kubernetes there is nothing to drain: forced or not is the same.
    let actor_id = begin(node, Sequence::Shutdown)?;
    Ok(machine::ShutdownResponse {
        messages: vec![machine::Shutdown {
            metadata: None,
            actor_id,
        }],
    })
}

fn begin(node: &Arc<Node>, wanted: Sequence) -> Result<String, Status> {
    if node.arguments.in_container() {
        return Err(Status::failed_precondition(format!(
            "{} is not possible in a container",
            wanted.name()
        )));
    }
    Ok(life::go_down(node, wanted, "asked for over the API"))
}
