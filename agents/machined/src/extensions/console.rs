// SPDX-License-Identifier: MPL-2.0
//! The output of a service on the console too (`logToConsole`).
//!
//! Owns: from where on its log is shown.
//! Never: loses a line silently: a log that moved on faster than the console says so.

use std::sync::Arc;
use std::time::Duration;

use crate::news::logs::{AtEnd, Reader};
use crate::node::Node;

/// How long to wait for a log that is not there, or for logd.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows what the service `id` says, from its first line on, for ever.
pub(super) async fn show(node: Arc<Node>, id: String) {
    // After a restart of machined, what was said before has been shown.
    let resumed = node.state().services.get(&id).is_some();
    let mut lines = if resumed { 0 } else { u32::MAX };
    loop {
        if let Ok(mut reader) = Reader::open(&node.places, &id, lines).await {
            // Only what comes next, should the reader be lost.
            lines = 0;
            while let Ok(piece) = reader.next(AtEnd::Wait).await {
                let piece = piece.unwrap_or_default();
                for line in String::from_utf8_lossy(&piece).lines() {
                    node.journal.pass_on(format_args!("{id}: {line}"));
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
