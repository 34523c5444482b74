// SPDX-License-Identifier: MPL-2.0
//! Where the configuration says that the control plane is.
//!
//! Owns: `Endpoint` `controlplane`, and telling `crate::endpoint` whose addresses are asked for.
//! Never: looks up a name: that takes time, and all controllers share one thread.

use resource::{Body, Controller, Input, Output};
use tokio::sync::watch;

use super::cluster;
use super::roots::endpoint;
use crate::resources::{Endpoint, HostAddresses, MachineConfig};

pub(super) fn controller(wanted: watch::Sender<Option<String>>) -> Controller {
    Controller {
        name: "k8s.StaticEndpointController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<HostAddresses>(),
        ],
        outputs: vec![Output::of::<Endpoint>()],
        body: Body::Acting(Box::new(move |view, desired| {
            let host = cluster(view).and_then(endpoint).map(|url| url.0.host);
            // What is known of another host is not shown.
            let found = host
                .as_deref()
                .and_then(|host| view.get::<HostAddresses>(host));
            if let Some(found) = found {
                let addresses = found.0.clone();
                desired.put(Endpoint::CONTROL_PLANE, Endpoint { addresses });
            }
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
    use std::net::IpAddr;

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

    #[test]
    fn rsrc_029_the_addresses_of_that_host_are_shown_and_those_of_no_other() {
        let mut bench = Bench::of(controller(watch::Sender::default()));
        let shown = |bench: &mut Bench| {
            bench.run();
            let found = bench.store.get::<Endpoint>(Endpoint::CONTROL_PLANE);
            found.map(|found| found.addresses.clone())
        };
        let address: IpAddr = "10.5.0.2".parse().unwrap();
        bench.say(MachineConfig::ID, worker());
        assert_eq!(shown(&mut bench), None);

        bench.say("10.5.0.2", HostAddresses(vec![address]));
        assert_eq!(shown(&mut bench), Some(vec![address]));

        let named = configuration("https://10.5.0.2:6443", "https://api.example:6443");
        bench.say(MachineConfig::ID, named);
        assert_eq!(shown(&mut bench), None);
    }
}
