// SPDX-License-Identifier: MPL-2.0
//! What the STATE files give a start of the machine: a configuration that was left to it, on trial or
//! for good, or the stored one.
//!
//! Owns: which of them it is, and that what was left to a start happens once.
//! Never: tries again what was on trial when the machine ended: nobody confirmed it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::{accept, load_failed, refused};
use crate::lower;
use crate::node::Node;
use crate::state_volume;
use crate::stored::{self, Next};
use crate::trial::{self, Purpose, Way};

/// Takes what is on a STATE partition that is found late, and goes on for ever.
pub(super) async fn arrive_late(node: &Arc<Node>) -> Infallible {
    if !state_volume::is_mounted(node) {
        state_volume::arrives(node).await;
        let _taken = take(node);
    }
    std::future::pending().await
}

/// Takes what was left to this start of the machine, or the stored configuration.
pub(super) fn take(node: &Arc<Node>) -> bool {
    trial::ended_with(node, "machine");
    if node.places.left_to_next_start().exists() {
        // machined was started again, and not the machine: what was left still waits.
        return from_stored(node);
    }
    match stored::next(&node.places) {
        Ok(None) => {}
        Ok(Some(Next::Staged(source))) => take_staged(node, &source),
        Ok(Some(Next::Trial(source, within))) => {
            if try_out(node, &source, within) {
                return true;
            }
        }
        Err(error) => load_failed(node, &format!("what this start was to begin with: {error}")),
    }
    from_stored(node)
}

/// Makes the staged configuration the stored one, if it is good.
fn take_staged(node: &Node, source: &[u8]) {
    let taken = match lower::load(source, node.arguments.mode()) {
        Ok(_) => stored::take_staged(&node.places),
        // Another version of the system took it for a good one.
        Err(refusal) => {
            refused(node, "the staged configuration", &refusal);
            stored::forget_next(&node.places)
        }
    };
    match taken {
        Ok(()) => {}
        Err(error) => load_failed(node, &format!("the staged configuration: {error}")),
    }
}

/// Begins the trial of a configuration; `false` if it cannot be tried.
fn try_out(node: &Arc<Node>, source: &[u8], within: Duration) -> bool {
    let mode = node.arguments.mode();
    let loaded = match lower::load(source, mode) {
        Ok(loaded) => loaded,
        Err(refusal) => {
            refused(node, "the configuration to be tried", &refusal);
            if let Err(error) = stored::forget_next(&node.places) {
                load_failed(node, &format!("the configuration to be tried: {error}"));
            }
            return false;
        }
    };
    let before = match stored::stored(&node.places) {
        // A node that refuses what is stored would wait for another, as one that has nothing does.
        Ok(Some(before)) => lower::load(&before, mode)
            .inspect_err(|refusal| refused(node, "the stored configuration", refusal))
            .ok(),
        Ok(None) => None,
        Err(error) => {
            load_failed(node, &format!("the stored configuration: {error}"));
            return false;
        }
    };
    // On disk before in force: whatever happens from now on happens once.
    if let Err(error) = stored::begin_trial(&node.places) {
        load_failed(node, &format!("the configuration to be tried: {error}"));
        return false;
    }
    trial::begin(
        node,
        (Purpose::Confirm, Way::Start),
        loaded,
        before.map(Arc::new),
        within,
    );
    true
}

/// Takes the stored configuration, if there is a good one.
pub(crate) fn from_stored(node: &Node) -> bool {
    let source = match stored::stored(&node.places) {
        Ok(Some(source)) => source,
        Ok(None) => return false,
        Err(error) => {
            load_failed(node, &format!("the stored configuration: {error}"));
            return false;
        }
    };
    match lower::load(&source, node.arguments.mode()) {
        Ok(loaded) => {
            accept(node, loaded);
            true
        }
        Err(refusal) => {
            refused(node, "the stored configuration", &refusal);
            false
        }
    }
}
