// SPDX-License-Identifier: MPL-2.0
//! `dashboard`.
//!
//! Owns: the way to each node, again whenever it was lost.
//! Never: gives up because a node is away: that is what one wants to see.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use dashboard::{Dial, Dialled, Seat};

use crate::session::Target;
use crate::trouble::Trouble;

/// Nobody sees more, and the node has other work.
const INTERVAL_MIN: Duration = Duration::from_millis(250);

pub(crate) async fn run(target: Target, every: Duration) -> Result<(), Trouble> {
    if every < INTERVAL_MIN {
        return Err(Trouble::new(format!(
            "--update-interval is at least {} ms",
            INTERVAL_MIN.as_millis()
        )));
    }
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Trouble::new("`dashboard` needs a terminal")
            .hint("scripts get the same from `get`, `processes`, `memory` and `logs`"));
    }
    let mut names = target.nodes.clone();
    if names.is_empty() {
        // The endpoint itself, of which there is one then.
        names.extend(target.addresses.first().map(|address| address.host.clone()));
    }
    let nodes = Arc::new(Nodes { target });
    let ended = dashboard::run(&names, Seat::Elsewhere, nodes, every).await;
    ended.map_err(|error| Trouble::new(format!("the terminal failed: {error}")))
}

/// The nodes of the command line.
#[derive(Debug)]
struct Nodes {
    target: Target,
}

impl Dial for Nodes {
    fn dial(&self, node: usize) -> Dialled<'_> {
        Box::pin(async move {
            let name = self.target.nodes.get(node).map(String::as_str);
            let session = self.target.open().await;
            let source = session.and_then(|session| session.source(name));
            source.map_err(|trouble| trouble.to_string())
        })
    }
}
