// SPDX-License-Identifier: MPL-2.0
//! Tells who ships logs and events where they go.
//!
//! Owns: the receivers of services' logs, of the kernel's log and of events, as one list.
//! Never: opens a connection.

use resource::{Body, Controller, Input};

use crate::resources::{EventSinkConfig, KmsgLogConfig, MachineConfig};
use crate::shipping::{Destination, Endpoint, Wanted, What};

pub(super) fn controller(wanted: &Wanted) -> Controller {
    let wanted = wanted.clone();
    Controller {
        name: "runtime.KmsgLogDeliveryController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<KmsgLogConfig>().only(KmsgLogConfig::ID),
            Input::of::<EventSinkConfig>().only(EventSinkConfig::ID),
        ],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _| {
            let mut destinations = Vec::new();
            if let Some(kernel) = view.get::<KmsgLogConfig>(KmsgLogConfig::ID) {
                let endpoints = kernel.0.iter().filter_map(Endpoint::of);
                destinations.extend(endpoints.map(|endpoint| Destination {
                    what: What::Kernel,
                    endpoint,
                    tags: std::collections::BTreeMap::new(),
                }));
            }
            if let Some(configuration) = view.get::<MachineConfig>(MachineConfig::ID) {
                for written in &configuration.0.machine.log_destinations {
                    if let Some(endpoint) = Endpoint::of(&written.url) {
                        destinations.push(Destination {
                            what: What::Services,
                            endpoint,
                            tags: written.tags.clone(),
                        });
                    }
                }
            }
            let sink = view.get::<EventSinkConfig>(EventSinkConfig::ID);
            wanted.set(destinations, sink.map(|sink| sink.0.clone()));
            Ok(())
        })),
    }
}
