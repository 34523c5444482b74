// SPDX-License-Identifier: MPL-2.0
//! Finds the addresses of the control plane, by the host that the configuration names.
//!
//! Owns: `Endpoint` `controlplane`, and when a name that nobody knows is asked for again.
//! Never: shows the addresses of another host than that of the configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::acquire;
use crate::node::Node;
use crate::resources::Endpoint;

/// Who writes them.
pub(crate) const OWNER: &str = "k8s.StaticEndpointController";

/// The first pause after a failure, and the longest: at the start there is no network yet.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Addresses of a name that are shown: who answers for it could send as many as fit in a packet.
const ADDRESSES_MAX: usize = 16;

/// Finds them, for ever.
pub(crate) async fn follow(node: Arc<Node>) {
    let mut hosts = node.endpoint.subscribe();
    let (first, longest) = PAUSE;
    let mut pause = first;
    let mut shown: Option<String> = None;
    let mut said = String::new();
    loop {
        let host = hosts.borrow_and_update().clone();
        if host != shown {
            // What is shown is another host's.
            show(&node, None);
            pause = first;
        }
        let found = match &host {
            None => Ok(None),
            Some(host) => acquire::addresses(&node.places, host).await.map(Some),
        };
        let changed = match found {
            Ok(addresses) => {
                // Unless another host was named meanwhile: then it is that one's turn at once.
                if *hosts.borrow() == host {
                    show(&node, addresses);
                }
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
        shown = host;
    }
}

fn show(node: &Node, addresses: Option<Vec<IpAddr>>) {
    let wanted = addresses.map(|mut addresses| {
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        (Endpoint::CONTROL_PLANE.to_owned(), Endpoint { addresses })
    });
    node.replace(OWNER, BTreeMap::from_iter(wanted));
}
