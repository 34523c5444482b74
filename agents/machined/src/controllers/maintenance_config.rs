// SPDX-License-Identifier: MPL-2.0
//! Where a node without a configuration is reached.
//!
//! Owns: `MaintenanceServiceConfig`.
//! Never: opens the door; apid does.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{MaintenanceServiceConfig, NodeAddress};

pub(super) fn controller() -> Controller {
    Controller {
        name: "runtime.MaintenanceConfigController",
        inputs: vec![Input::of::<NodeAddress>().only("current")],
        outputs: vec![Output::of::<MaintenanceServiceConfig>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let current = view.get::<NodeAddress>("current");
    let current = current.map_or(&[][..], |addresses| &addresses.0);
    let config = MaintenanceServiceConfig {
        listen_address: format!(":{}", api::wire::APID_PORT),
        reachable_addresses: current.iter().map(|prefix| prefix.address).collect(),
    };
    desired.put("maintenance", config);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;

    #[test]
    fn rsrc_118_a_node_in_maintenance_is_reached_at_all_its_addresses() {
        let mut bench = Bench::of(controller());
        let prefix = Prefix {
            address: "10.5.0.2".parse().unwrap(),
            length: 24,
        };
        bench.say("current", NodeAddress(vec![prefix]));

        bench.run();

        let config = bench.store.get::<MaintenanceServiceConfig>("maintenance");
        let config = config.unwrap();
        assert_eq!(config.listen_address, ":50000");
        assert_eq!(config.reachable_addresses, [prefix.address]);
    }
}
