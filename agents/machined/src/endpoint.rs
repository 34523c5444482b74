// SPDX-License-Identifier: MPL-2.0
//! Finds the addresses of the host that leads to the control plane.
//!
//! Owns: `HostAddresses`, and when a name that nobody knows is asked for again.
//! Never: says what the host leads to; `controllers::static_endpoint` does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::acquire;
use crate::node::Node;
use crate::resources::HostAddresses;

/// Who writes them.
pub(crate) const OWNER: &str = "k8s.lookup";

/// The first pause after a failure, and the longest: at the start there is no network yet.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Addresses of a name that are shown: who answers for it could send as many as fit in a packet.
const ADDRESSES_MAX: usize = 16;

/// Finds them, for ever.
pub(crate) async fn follow(node: Arc<Node>) {
    let mut hosts = node.endpoint.subscribe();
    let (first, longest) = PAUSE;
    let mut pause = first;
    let mut asked: Option<String> = None;
    let mut said = String::new();
    loop {
        let host = hosts.borrow_and_update().clone();
        if host != asked {
            pause = first;
        }
        let found = match &host {
            None => Ok(None),
            Some(host) => acquire::addresses(&node.places, host)
                .await
                .map(|addresses| Some((host.clone(), in_order(addresses)))),
        };
        let changed = match found {
            Ok(found) => {
                node.replace(OWNER, BTreeMap::from_iter(found));
                pause = first;
                said.clear();
                hosts.changed().await
            }
            Err(error) => {
                let text = format!("the control plane has no address: {error}; it is tried again");
                // Once a story is enough.
                if text != said {
                    node.journal.log(&text);
                    said = text;
                }
                let waited = tokio::time::timeout(pause, hosts.changed()).await;
                pause = pause.saturating_mul(2).min(longest);
                waited.unwrap_or(Ok(()))
            }
        };
        if changed.is_err() {
            return;
        }
        asked = host;
    }
}

fn in_order(mut addresses: Vec<IpAddr>) -> HostAddresses {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    HostAddresses(addresses)
}
