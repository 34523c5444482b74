// SPDX-License-Identifier: MPL-2.0
//! trustd: runs on a node for as long as that has trust to give.
//!
//! Owns: its description, its start and its end.
//! Never: runs it on a worker, where it would have nothing to do but be asked.

use std::sync::Arc;
use std::time::Duration;

use proto::paths::UID_TRUSTD;

use crate::extensions::wait_for_core;
use crate::node::Node;
use crate::services::Agent;

const TRUSTD: Agent = Agent {
    name: "trustd",
    program: "/usr/lib/ichor/trustd",
    user: UID_TRUSTD,
    // Thirty connections and what TLS needs for them, several times over.
    memory_max: 16 * 1024 * 1024,
    // Its own thread, and room.
    pids_max: 8,
    // As the other agents that nodes are reached by; it goes before those that this node needs itself.
    oom_score_adj: -800,
};
/// How long after a failure the next try is.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Keeps it running or not, for ever.
pub(crate) async fn keep(node: Arc<Node>) {
    let mut trust = node.trust.subscribe();
    // On a worker, and in maintenance, there is nothing to see to.
    while !trust.borrow_and_update().is_there() {
        if trust.changed().await.is_err() {
            return;
        }
    }
    wait_for_core(&node).await;
    let mut complained = false;
    loop {
        let wanted = trust.borrow_and_update().is_there();
        let done = match (wanted, TRUSTD.is_there(&node)) {
            (true, false) => TRUSTD.start(&node).await,
            (false, true) => TRUSTD.stop(&node).await,
            (true, true) | (false, false) => Ok(()),
        };
        let pause = match done {
            Ok(()) => {
                complained = false;
                Duration::MAX
            }
            Err(error) => {
                if !complained {
                    node.journal
                        .log(format_args!("cannot start or stop trustd: {error}"));
                    complained = true;
                }
                TRY_AGAIN
            }
        };
        if let Ok(Err(_ended)) = tokio::time::timeout(pause, trust.changed()).await {
            return;
        }
    }
}
