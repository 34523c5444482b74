// SPDX-License-Identifier: MPL-2.0
//! Sockets of the node.
//!
//! Owns: what the request means, and what is refused of it.
//! Never: reads the kernel's tables where others wait; they are long on a busy node.

use std::sync::Arc;

use api::machine::netstat_request::Filter;
use api::machine::{Netstat, NetstatRequest, NetstatResponse};
use api::quota::Share;
use api::rbac::Roles;
use tonic::{Response, Status};

use crate::browse::Look;
use crate::node::Node;
use crate::proc::sockets;

pub(super) async fn netstat(
    node: &Arc<Node>,
    roles: Roles,
    request: NetstatRequest,
) -> Result<Response<NetstatResponse>, Status> {
    let networks = request.netns.unwrap_or_default();
    if let Some(name) = networks.netns.first() {
        return Err(Status::unimplemented(format!(
            "network namespace {name:?}: there are no pods yet"
        )));
    }
    let filter = Filter::try_from(request.filter)
        .map_err(|_| Status::invalid_argument(format!("filter {}: unknown", request.filter)))?;
    let Some(protocols) = request.l4proto else {
        return Err(Status::invalid_argument("l4proto: no protocol is named"));
    };
    let with_processes = request.feature.is_some_and(|feature| feature.pid);
    let places = node.places.clone();
    let look = Look::Names(Share::of(roles));
    let looked = node.slots.run(look, move || {
        let mut found = sockets::list(&places, &protocols, filter).map_err(unlisted)?;
        if with_processes {
            sockets::name_processes(&places, &mut found);
        }
        Ok(NetstatResponse {
            messages: vec![Netstat {
                metadata: None,
                connectrecord: found,
            }],
        })
    });
    looked.await
}

fn unlisted(error: sockets::Error) -> Status {
    match error {
        sockets::Error::Unread(..) => Status::internal(error.to_string()),
        sockets::Error::TooMany => Status::resource_exhausted(error.to_string()),
    }
}
