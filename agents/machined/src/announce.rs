// SPDX-License-Identifier: MPL-2.0
//! Tells followers of events where the node is.
//!
//! Owns: when that is told: with every change, and from time to time, for those who came later.
//! Never: tells it while the node has no address.

use std::sync::Arc;
use std::time::Duration;

use crate::node::Node;

/// How often it is told again (the documents' number).
const PERIOD: Duration = Duration::from_mins(10);

/// Tells it for ever.
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
