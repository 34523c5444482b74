// SPDX-License-Identifier: MPL-2.0
//! Lines to logd, which keeps them.
//!
//! Owns: the connection, and saying again what logd has not answered.
//! Never: makes a controller wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use proto::log::{Lines, Reply, Request};
use proto::{Refusal, paths};

use crate::news::{Error, Line, Retry};
use crate::node::Node;

/// How long it waits when it has said too much: logd has room for some lines again then.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// How long it waits when machined has just started, and the node is to answer soon.
const START_PAUSE: Duration = Duration::from_secs(3);

/// Delivers for ever.
pub(crate) async fn deliver(node: Arc<Node>) {
    tokio::time::sleep(START_PAUSE).await;
    let mut retry = Retry::of("logd");
    let mut lines = node.controllers.next().await;
    loop {
        let Err(error) = deliver_on(&node, &mut lines, &mut retry).await;
        retry.wait(&node, error).await;
    }
}

/// Delivers over one connection. What it fails with stays in `lines`: a line that is there twice
/// tells as much as one that is there once, and one that is lost tells nothing.
async fn deliver_on(
    node: &Node,
    lines: &mut String,
    retry: &mut Retry,
) -> Result<Infallible, Error> {
    let mut line = Line::open(&node.places.at(paths::LOGD_SOCKET)).await?;
    loop {
        let bytes = lines.as_bytes();
        line.send(|buffer| Request::Append(Lines { bytes }).encode(buffer))
            .await?;
        match Reply::decode(line.receive().await?) {
            Ok(Reply::Appended(())) => {
                retry.succeeded();
                *lines = node.controllers.next().await;
            }
            Ok(Reply::Refused(Refusal::Full)) => tokio::time::sleep(FULL_PAUSE).await,
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
            _other => return Err(Error::Unexpected),
        }
    }
}
