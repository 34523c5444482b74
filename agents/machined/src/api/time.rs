// SPDX-License-Identifier: MPL-2.0
//! The time of the node beside that of a time server.
//!
//! Owns: which servers are asked, and the wire form of instants.
//! Never: sets the clock.

use ::api::time::time_service_server::TimeService;
use ::api::time::{Time, TimeRequest, TimeResponse};
use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use super::{Api, Reply};
use crate::node::Node;
use crate::ntp::{self, Trouble};
use crate::resources::{TIME_SERVERS, TimeServerStatus};

/// How many of the servers are asked before it is given up.
const SERVERS_MAX: usize = 4;

#[tonic::async_trait]
impl TimeService for Api {
    async fn time(&self, _: Request<()>) -> Reply<TimeResponse> {
        let mut last = Trouble::Failed("no time server is known".to_owned());
        for server in in_use(&self.node).iter().take(SERVERS_MAX) {
            match ntp::compare(&self.node.asks, &self.node.places, server).await {
                Ok(compared) => return Ok(Response::new(told(server, compared))),
                Err(trouble) => last = trouble,
            }
        }
        Err(status(&last))
    }

    async fn time_check(&self, request: Request<TimeRequest>) -> Reply<TimeResponse> {
        let server = &request.get_ref().server;
        let compared = ntp::compare(&self.node.asks, &self.node.places, server).await;
        compared
            .map(|compared| Response::new(told(server, compared)))
            .map_err(|trouble| status(&trouble))
    }
}

/// Those of the configuration, of a lease or of the kernel's command line, whoever counts most.
fn in_use(node: &Node) -> Vec<String> {
    let state = node.state();
    let found = state.store.get::<TimeServerStatus>(TIME_SERVERS);
    found.map_or_else(Vec::new, |found| found.servers.clone())
}

fn told(server: &str, compared: ntp::Compared) -> TimeResponse {
    TimeResponse {
        messages: vec![Time {
            metadata: None,
            server: server.to_owned(),
            localtime: Some(timestamp(compared.local)),
            remotetime: Some(timestamp(compared.remote)),
        }],
    }
}

fn timestamp(nanos: i128) -> Timestamp {
    const SECOND: i128 = 1_000_000_000;
    Timestamp {
        seconds: i64::try_from(nanos.div_euclid(SECOND)).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos.rem_euclid(SECOND)).unwrap_or(0),
    }
}

fn status(trouble: &Trouble) -> Status {
    let text = trouble.to_string();
    match trouble {
        Trouble::NoName(_) => Status::invalid_argument(text),
        Trouble::TooMany => Status::resource_exhausted(text),
        Trouble::Failed(_) => Status::unavailable(text),
    }
}
