// SPDX-License-Identifier: MPL-2.0
//! Which time servers it is: those of the highest layer.
//!
//! Owns: that choice.
//! Never: mixes two layers.

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
    let all = view.list_within::<TimeServerSpec>(NETWORK_CONFIG);
    if let Some(best) = all.max_by_key(|wish| wish.spec.layer) {
        desired.put(TIME_SERVERS, best.spec.clone());
    }
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
}
