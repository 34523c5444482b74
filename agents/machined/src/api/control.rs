// SPDX-License-Identifier: MPL-2.0
//! Services: listing them, and starting, stopping and restarting those that may be.
//!
//! Owns: the answers of the service methods.
//! Never: says that something happened before init did.

use api::machine;
use proto::Refusal;
use tonic::Status;

use crate::news::Error;
use crate::node::Node;
use crate::services::{Verb, may_control};

pub(super) fn list(node: &Node) -> machine::ServiceListResponse {
    let state = node.state();
    let services = state.services.iter().map(|(_, entry)| entry.wire());
    machine::ServiceListResponse {
        messages: vec![machine::ServiceList {
            metadata: None,
            services: services.collect(),
        }],
    }
}

pub(super) async fn start(node: &Node, id: &str) -> Result<machine::ServiceStartResponse, Status> {
    let resp = order(node, id, Verb::Start).await?;
    Ok(machine::ServiceStartResponse {
        messages: vec![machine::ServiceStart {
            metadata: None,
            resp,
        }],
    })
}

pub(super) async fn stop(node: &Node, id: &str) -> Result<machine::ServiceStopResponse, Status> {
    let resp = order(node, id, Verb::Stop).await?;
    Ok(machine::ServiceStopResponse {
        messages: vec![machine::ServiceStop {
            metadata: None,
            resp,
        }],
    })
}

pub(super) async fn restart(
    node: &Node,
    id: &str,
) -> Result<machine::ServiceRestartResponse, Status> {
    let resp = order(node, id, Verb::Restart).await?;
    Ok(machine::ServiceRestartResponse {
        messages: vec![machine::ServiceRestart {
            metadata: None,
            resp,
        }],
    })
}

async fn order(node: &Node, id: &str, verb: Verb) -> Result<String, Status> {
    if node.state().services.get(id).is_none() {
        return Err(Status::not_found(format!("service \"{id}\" not found")));
    }
    let word = verb.name();
    if !may_control(id, verb) {
        return Err(Status::failed_precondition(format!(
            "service \"{id}\" doesn't support {word} operation via API"
        )));
    }
    let done = match verb {
        Verb::Start => "started",
        Verb::Stop => "stopped",
        Verb::Restart => "restarted",
    };
    let Some(result) = node.keepers.order(id, verb).await else {
        return Err(if node.keepers.are_kept() {
            Status::failed_precondition(format!("service \"{id}\": its description was refused"))
        } else {
            Status::unavailable(format!(
                "service \"{id}\": extension services are looked at when logd, udevd and netd run"
            ))
        });
    };
    match result {
        Ok(()) => Ok(format!("Service \"{id}\" {done}")),
        Err(Error::Refused(Refusal::NotFound)) => {
            Err(Status::not_found(format!("service \"{id}\" not found")))
        }
        Err(Error::Refused(refusal)) => Err(Status::failed_precondition(format!(
            "service \"{id}\": {refusal}"
        ))),
        Err(error) => Err(Status::unavailable(format!("init: {error}"))),
    }
}
