// SPDX-License-Identifier: MPL-2.0
//! Which time servers it is: all of the highest layer that names any.
//!
//! Owns: that choice.
//! Never: mixes two layers, or lets one lease hide what another names.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{NETWORK_CONFIG, TIME_SERVERS, TimeServerSpec};

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.TimeServerMergeController",
        inputs: vec![Input::of::<TimeServerSpec>().within(NETWORK_CONFIG)],
        outputs: vec![Output::of::<TimeServerSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let wishes = || {
        let all = view.list_within::<TimeServerSpec>(NETWORK_CONFIG);
        all.map(|wish| wish.spec)
    };
    let Some(layer) = wishes().map(|wish| wish.layer).max() else {
        return Ok(());
    };
    let mut servers: Vec<String> = Vec::new();
    for server in wishes()
        .filter(|wish| wish.layer == layer)
        .flat_map(|wish| &wish.servers)
    {
        if !servers.contains(server) {
            servers.push(server.clone());
        }
    }
    desired.put(TIME_SERVERS, TimeServerSpec { servers, layer });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Layer;

    #[test]
    fn the_configuration_wins_over_the_default() {
        let mut bench = Bench::of(controller());
        for layer in [Layer::Configuration, Layer::Default] {
            let spec = TimeServerSpec {
                servers: vec![layer.name().to_owned()],
                layer,
            };
            bench.say_within(NETWORK_CONFIG, layer.name(), spec);
        }

        bench.run();

        let found = bench.store.get::<TimeServerSpec>(TIME_SERVERS).unwrap();
        assert_eq!(found.servers, ["configuration"]);
    }

    #[test]
    fn what_two_leases_name_is_asked_together() {
        let mut bench = Bench::of(controller());
        for (id, names) in [("dhcp4/eth0", ["a", "b"]), ("dhcp4/eth1", ["b", "c"])] {
            let spec = TimeServerSpec {
                servers: names.map(str::to_owned).to_vec(),
                layer: Layer::Operator,
            };
            bench.say_within(NETWORK_CONFIG, id, spec);
        }

        bench.run();

        let found = bench.store.get::<TimeServerSpec>(TIME_SERVERS).unwrap();
        assert_eq!(found.servers, ["a", "b", "c"]);
    }
}
