// SPDX-License-Identifier: MPL-2.0
//! Which time servers it is: all of the highest layer that names any.
//!
//! Owns: that choice.
//! Never: mixes two layers, or lets one lease hide what another names.

use resource::{Controller, Desired, Failure, View};

use super::layered::{highest, joined, merging};
use crate::resources::{TIME_SERVERS, TimeServerSpec};

pub(super) fn controller() -> Controller {
    merging::<TimeServerSpec>("network.TimeServerMergeController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    if let Some((layer, wishes)) = highest::<TimeServerSpec>(view) {
        let servers = joined(wishes.iter().map(|wish| &wish.servers));
        desired.put(TIME_SERVERS, TimeServerSpec { servers, layer });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::{Layer, NETWORK_CONFIG};

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
