// SPDX-License-Identifier: MPL-2.0
//! The name servers in use.
//!
//! Owns: `ResolverStatus`, from what DHCP gave, or netd takes when it gave none; netd writes the
//! file.
//! Never: shows more than the three that resolvers look at.

use std::net::IpAddr;

use proto::net::DEFAULT_RESOLVERS;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{LeaseStatus, ResolverStatus};

/// `MAXNS` of resolv.conf(5).
const SERVERS_MAX: usize = 3;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.ResolverSpecController",
        inputs: vec![Input::of::<LeaseStatus>()],
        outputs: vec![Output::of::<ResolverStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut servers: Vec<IpAddr> = Vec::new();
    for lease in view.list::<LeaseStatus>() {
        for server in &lease.spec.dns {
            let server = IpAddr::from(*server);
            if lease.spec.bound && !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    if servers.is_empty() {
        servers.extend(DEFAULT_RESOLVERS.map(IpAddr::V4));
    }
    servers.truncate(SERVERS_MAX);
    desired.put("resolvers", ResolverStatus(servers));
    Ok(())
}
