// SPDX-License-Identifier: MPL-2.0
//! The host name of the highest layer.
//!
//! Owns: `network/HostnameSpecs`.
//! Never: mixes two layers.

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{HostnameSpec, HostnameStatus, NETWORK_CONFIG};

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.HostnameMergeController",
        inputs: vec![Input::of::<HostnameSpec>().within(NETWORK_CONFIG)],
        outputs: vec![Output::of::<HostnameSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let best = view
        .list_within::<HostnameSpec>(NETWORK_CONFIG)
        .max_by(|a, b| {
            let by_layer = a.spec.layer.cmp(&b.spec.layer);
            // Two of one layer: the first id, whatever the order they came in.
            by_layer.then(b.metadata.id.cmp(&a.metadata.id))
        });
    if let Some(best) = best {
        desired.put(HostnameStatus::ID, best.spec.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Layer;

    #[test]
    fn the_highest_layer_wins_and_the_lower_one_comes_back() {
        let mut bench = Bench::of(controller());
        let mut seen = Vec::new();
        for layer in [
            Layer::Operator,
            Layer::Default,
            Layer::Configuration,
            Layer::Cmdline,
        ] {
            let spec = HostnameSpec {
                hostname: layer.name().to_owned(),
                domainname: String::new(),
                layer,
            };
            bench.say_within(NETWORK_CONFIG, layer.name(), spec);
            bench.run();
            let found = bench.store.get::<HostnameSpec>(HostnameStatus::ID);
            seen.push(found.map(|spec| spec.layer));
        }
        let kind = <HostnameSpec as resource::ResourceSpec>::KIND;
        let gone = bench.store.tear_down(
            "test",
            NETWORK_CONFIG,
            kind,
            "configuration",
            bench.now.wall,
        );
        bench.run();

        assert_eq!(gone, Ok(true));
        assert_eq!(
            seen,
            [
                Some(Layer::Operator),
                Some(Layer::Operator),
                Some(Layer::Configuration),
                Some(Layer::Configuration),
            ]
        );
        let left = bench.store.get::<HostnameSpec>(HostnameStatus::ID);
        assert_eq!(left.map(|spec| spec.layer), Some(Layer::Operator));
    }
}
