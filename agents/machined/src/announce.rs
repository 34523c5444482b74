// SPDX-License-Identifier: MPL-2.0
//! Tells followers of events where the node is and how the machine does.
//!
//! Owns: when that is told: with every change; where it is also from time to time, for those who came later.
//! Never: tells where the node is while it has no address.

use std::sync::Arc;
use std::time::Duration;

use crate::node::Node;

/// How often it is told again where the node is (the documents' number).
const PERIOD: Duration = Duration::from_mins(10);

/// Tells where the node is for ever.
pub(crate) async fn announce(node: Arc<Node>) {
    let mut announced = node.announced.subscribe();
    loop {
        let event = announced.borrow_and_update().clone();
        if !event.addresses.is_empty() {
            node.publish("", "AddressEvent", &event);
        }
        if let Ok(Err(_ended)) = tokio::time::timeout(PERIOD, announced.changed()).await {
            return;
        }
    }
}

/// Tells how the machine does for ever.
pub(crate) async fn status(node: Arc<Node>) {
    let mut status = node.status.subscribe();
    loop {
        let event = status.borrow_and_update().clone();
        if let Some(event) = event {
            node.tell_status(event);
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
