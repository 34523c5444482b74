// SPDX-License-Identifier: MPL-2.0
//! Sockets of the node.
//!
//! Owns: what the request means, and what is refused of it.
//! Never: reads the kernel's tables where others wait; they are long on a busy node.

use std::sync::Arc;

use api::machine::netstat_request::{Filter, NetNs};
use api::machine::{Netstat, NetstatRequest, NetstatResponse};
use api::quota::Share;
use api::rbac::Roles;
use tonic::{Response, Status};

use crate::browse::Look;
use crate::node::Node;
use crate::proc::sockets;

/// Whose sockets are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Networks {
    /// Nobody's.
    None,
    /// The node's own.
    Host,
}

impl Networks {
    /// Reads what a request names. `talosctl netstat` names the host's network, and with `-k` all
    /// others besides; those are of pods, and there are none.
    fn of(named: Option<NetNs>) -> Result<Self, Status> {
        let Some(named) = named else {
            return Ok(Self::Host);
        };
        if let Some(name) = named.netns.first() {
            return Err(Status::unimplemented(format!(
                "network namespace {name:?}: there are no pods yet"
            )));
        }
        Ok(if named.hostnetwork {
            Self::Host
        } else {
            Self::None
        })
    }
}

pub(super) async fn netstat(
    node: &Arc<Node>,
    roles: Roles,
    request: NetstatRequest,
) -> Result<Response<NetstatResponse>, Status> {
    let networks = Networks::of(request.netns)?;
    let filter = Filter::try_from(request.filter)
        .map_err(|_| Status::invalid_argument(format!("filter {}: unknown", request.filter)))?;
    let Some(protocols) = request.l4proto else {
        return Err(Status::invalid_argument("l4proto: no protocol is named"));
    };
    let with_processes = request.feature.is_some_and(|feature| feature.pid);
    let places = node.places.clone();
    let look = Look::Names(Share::of(roles));
    let looked = node.slots.run(look, move || {
        let mut found = match networks {
            Networks::None => Vec::new(),
            Networks::Host => sockets::list(&places, &protocols, filter).map_err(unlisted)?,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_050_the_hosts_sockets_are_told_when_they_are_meant() {
        let named = |hostnetwork, allnetns| {
            let netns = Vec::new();
            Some(NetNs {
                hostnetwork,
                netns,
                allnetns,
            })
        };
        for (named, meant) in [
            // Left out: whoever does not know of namespaces.
            (None, Networks::Host),
            // `netstat`, and `netstat -k`.
            (named(true, false), Networks::Host),
            (named(true, true), Networks::Host),
            // Pods alone, and nothing at all.
            (named(false, true), Networks::None),
            (named(false, false), Networks::None),
        ] {
            assert_eq!(Networks::of(named.clone()).unwrap(), meant, "{named:?}");
        }
        let pod = NetNs {
            hostnetwork: true,
            netns: vec!["pod".to_owned()],
            allnetns: false,
        };
        let refused = Networks::of(Some(pod)).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unimplemented);
    }
}
