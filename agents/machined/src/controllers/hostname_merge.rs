// SPDX-License-Identifier: MPL-2.0
//! The host name of the highest layer.
//!
//! Owns: `network/HostnameSpecs`.
//! Never: mixes two layers.

use resource::{Controller, Desired, Failure, View};

use super::layered::{highest, merging};
use crate::resources::{HostnameSpec, HostnameStatus};

pub(super) fn controller() -> Controller {
    merging::<HostnameSpec>("network.HostnameMergeController", reconcile)
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let of_it = highest::<HostnameSpec>(view).map(|(_, wishes)| wishes);
    // Two of one layer: the first id, whatever the order they came in.
    if let Some(first) = of_it.and_then(|wishes| wishes.first().copied()) {
        desired.put(HostnameStatus::ID, first.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::{Layer, NETWORK_CONFIG};

    #[test]
    fn diag_13_the_highest_layer_wins_and_the_lower_one_comes_back() {
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
