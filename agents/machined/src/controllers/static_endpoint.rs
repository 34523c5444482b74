// SPDX-License-Identifier: MPL-2.0
//! Which name or address of the configuration leads to the control plane.
//!
//! Owns: telling it to `crate::endpoint`, which finds the addresses.
//! Never: looks up a name: that takes time, and all controllers share one thread.

use resource::{Body, Controller, Input};
use tokio::sync::watch;

use super::cluster;
use super::roots::endpoint;
use crate::resources::MachineConfig;

pub(super) fn controller(wanted: watch::Sender<Option<String>>) -> Controller {
    Controller {
        name: "k8s.StaticEndpointWishController",
        inputs: vec![Input::of::<MachineConfig>().only(MachineConfig::ID)],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _| {
            let host = cluster(view).and_then(endpoint).map(|url| url.0.host);
            wanted.send_if_modified(|present| {
                let differs = *present != host;
                *present = host;
                differs
            });
            Ok(())
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::testing::{configuration, worker};

    #[test]
    fn rsrc_029_the_host_of_the_configuration_is_told_on_every_kind_of_node() {
        let wanted = watch::Sender::default();
        let mut bench = Bench::of(controller(wanted.clone()));
        let mut told = wanted.subscribe();

        bench.say(MachineConfig::ID, worker());
        bench.run();
        assert_eq!(told.borrow_and_update().as_deref(), Some("10.5.0.2"));

        let named = configuration("https://10.5.0.2:6443", "https://api.example:6443");
        bench.say(MachineConfig::ID, named);
        bench.run();
        assert_eq!(told.borrow_and_update().as_deref(), Some("api.example"));
    }
}
