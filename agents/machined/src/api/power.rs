// SPDX-License-Identifier: MPL-2.0
//! Reboot and shutdown: the answer comes first, then the sequence.
//!
//! Owns: beginning those sequences for a caller, who follows them by its actor id.
//! Never: answers that it will be done when it cannot be.

use std::sync::Arc;

use api::machine;
use tonic::Status;

use crate::clock;
use crate::node::Node;
use crate::resources::MachineStage;
use crate::sequence::{self, Sequence};

pub(super) fn reboot(
    node: &Arc<Node>,
    _request: machine::RebootRequest,
) -> Result<machine::RebootResponse, Status> {
    let actor_id = begin(node, Sequence::Reboot, MachineStage::Rebooting)?;
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
    let actor_id = begin(node, Sequence::Shutdown, MachineStage::ShuttingDown)?;
    Ok(machine::ShutdownResponse {
        messages: vec![machine::Shutdown {
            metadata: None,
            actor_id,
        }],
    })
}

fn begin(node: &Arc<Node>, wanted: Sequence, stage: MachineStage) -> Result<String, Status> {
    if node.arguments.in_container() {
        return Err(Status::failed_precondition(format!(
            "{} is not possible in a container",
            wanted.name()
        )));
    }
    let actor_id = node.state().events.next_id(clock::now().wall);
    let (node, actor) = (Arc::clone(node), actor_id.clone());
    tokio::spawn(async move {
        node.journal
            .console(format_args!("{} asked for over the API", wanted.name()));
        let before = node.state().sequencer.stage;
        node.set_stage(stage);
        if sequence::run(&node, wanted, &actor).await.is_err()
            && let Some(before) = before
        {
            // It did not begin: another sequence goes on, or a task failed.
            node.set_stage(before);
        }
    });
    Ok(actor_id)
}
