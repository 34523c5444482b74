// SPDX-License-Identifier: MPL-2.0
//! trustd: runs on a node for as long as that has trust to give.
//!
//! Owns: its description, its start and its end.
//! Never: runs it on a worker, where it would have nothing to do but be asked.

use std::sync::Arc;
use std::time::Duration;

use proto::Refusal;
use proto::paths::UID_TRUSTD;
use proto::service::{Ready, Restart, Seccomp, ServiceSpec, State};
use proto::supervisor::{Named, Request};

use crate::extensions::wait_for_core;
use crate::news::{Error, init};
use crate::node::Node;

/// Its name at init.
const NAME: &str = "trustd";
/// Thirty connections and what TLS needs for them, several times over.
const MEMORY: u64 = 16 * 1024 * 1024;
/// Its own thread, and room.
const PIDS: u32 = 8;
/// As the other agents that nodes are reached by; it goes before those that this node needs itself.
const OOM_SCORE_ADJ: i16 = -800;
/// It holds nothing that takes longer to write.
const STOP_TIMEOUT_MS: u32 = 5_000;
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
        let done = match (wanted, is_there(&node)) {
            (true, false) => start(&node).await,
            (false, true) => init::order(&node, &Request::Stop(Named { name: NAME })).await,
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

async fn start(node: &Node) -> Result<(), Error> {
    match init::order(node, &Request::Define(spec())).await {
        // It was there before machined was.
        Ok(()) | Err(Error::Refused(Refusal::Exists)) => {}
        Err(error) => return Err(error),
    }
    init::order(node, &Request::Start(Named { name: NAME })).await
}

/// Whether init sees to it already.
fn is_there(node: &Node) -> bool {
    let state = node.state();
    let entry = state.services.get(NAME);
    entry.is_some_and(|entry| match entry.status.state {
        State::Waiting | State::Starting | State::Running | State::BackingOff => true,
        State::Stopping | State::Stopped | State::Finished | State::Failed => false,
    })
}

fn spec() -> ServiceSpec<'static> {
    let mut spec = ServiceSpec::new(NAME, "/usr/lib/ichor/trustd");
    spec.uid = UID_TRUSTD;
    spec.gid = UID_TRUSTD;
    spec.memory_max = MEMORY;
    spec.pids_max = PIDS;
    spec.oom_score_adj = OOM_SCORE_ADJ;
    spec.restart = Restart::Always;
    spec.ready = Ready::OnMessage;
    spec.stop_timeout_ms = STOP_TIMEOUT_MS;
    spec.seccomp = Seccomp::Agent;
    // The list has room for eight.
    let _full = spec.after.push("logd");
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trustd_has_no_right_but_its_user() {
        let spec = spec();

        assert_eq!(spec.capabilities, 0);
        assert_eq!((spec.uid, spec.gid), (UID_TRUSTD, UID_TRUSTD));
        assert_eq!(spec.seccomp, Seccomp::Agent);
        assert!(spec.memory_max > 0 && spec.pids_max > 0);
    }
}
