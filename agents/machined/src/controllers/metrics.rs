// SPDX-License-Identifier: MPL-2.0
//! Tells who serves metrics where.
//!
//! Owns: the document `MetricsConfig`.
//! Never: opens a socket.

use std::net::SocketAddr;

use resource::{Body, Controller, Input};
use tokio::sync::watch;

use crate::resources::MachineConfig;

pub(super) fn controller(metrics: watch::Sender<Option<SocketAddr>>) -> Controller {
    Controller {
        name: "runtime.MetricsController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _| {
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let wanted = configuration.and_then(|loaded| loaded.0.machine.metrics);
            metrics.send_if_modified(|present| {
                let differs = *present != wanted;
                *present = wanted;
                differs
            });
            Ok(())
        })),
    }
}
