// SPDX-License-Identifier: MPL-2.0
//! What followers of events are told about the node's name and addresses.
//!
//! Owns: name and addresses as one message.
//! Never: publishes it; `announce` does.

use api::machine::AddressEvent;
use resource::{Body, Controller, Input};
use tokio::sync::watch;

use crate::resources::{HostnameStatus, NodeAddress};

pub(super) fn controller(announced: watch::Sender<AddressEvent>) -> Controller {
    Controller {
        name: "network.AddressEventController",
        inputs: vec![
            Input::of::<NodeAddress>().only("current"),
            Input::of::<HostnameStatus>().only(HostnameStatus::ID),
        ],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _| {
            let hostname = view.get::<HostnameStatus>(HostnameStatus::ID);
            let addresses = view.get::<NodeAddress>("current");
            let addresses = addresses.into_iter().flat_map(|all| &all.0);
            let event = AddressEvent {
                hostname: hostname.map(HostnameStatus::full).unwrap_or_default(),
                addresses: addresses.map(|prefix| prefix.address.to_string()).collect(),
            };
            announced.send_if_modified(|present| {
                let differs = *present != event;
                *present = event;
                differs
            });
            Ok(())
        })),
    }
}
