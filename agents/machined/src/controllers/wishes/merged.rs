// SPDX-License-Identifier: MPL-2.0
//! What is left of the wishes for the network: the higher layer wins.
//!
//! Links are merged field by field. Of everything else the highest wish is taken as it is; of name
//! servers those of one layer come one after the other.
//!
//! Owns: that rule.
//! Never: makes a wish of its own.

use std::collections::BTreeMap;

use resource::{Controller, Desired, View};

use super::ids::without_layer;
use super::resolvers;
use crate::controllers::layered::{Layered, by_layer, highest, joined, merging};
use crate::resources::{AddressSpec, LinkSpec, OperatorSpec, ResolverSpec, RouteSpec};

pub(super) fn links() -> Controller {
    merging::<LinkSpec>("network.LinkMergeController", |view, desired| {
        let mut merged: BTreeMap<&str, LinkSpec> = BTreeMap::new();
        for (id, wish) in with_ids::<LinkSpec>(view) {
            match merged.get_mut(id) {
                Some(present) => present.add(wish),
                None => {
                    merged.insert(id, wish.clone());
                }
            }
        }
        for (id, link) in merged {
            desired.put(id, link);
        }
        Ok(())
    })
}

pub(super) fn addresses() -> Controller {
    merging::<AddressSpec>("network.AddressMergeController", |view, desired| {
        each::<AddressSpec>(view, desired);
        Ok(())
    })
}

pub(super) fn routes() -> Controller {
    merging::<RouteSpec>("network.RouteMergeController", |view, desired| {
        each::<RouteSpec>(view, desired);
        Ok(())
    })
}

pub(super) fn operators() -> Controller {
    merging::<OperatorSpec>("network.OperatorMergeController", |view, desired| {
        each::<OperatorSpec>(view, desired);
        Ok(())
    })
}

pub(super) fn resolvers() -> Controller {
    merging::<ResolverSpec>("network.ResolverMergeController", |view, desired| {
        if let Some((layer, wishes)) = highest::<ResolverSpec>(view) {
            let servers = joined(wishes.iter().map(|wish| &wish.servers));
            desired.put(resolvers::ID, ResolverSpec { servers, layer });
        }
        Ok(())
    })
}

/// All wishes with their ids after merging, the lowest layer first.
fn with_ids<'a, T: Layered>(view: &View<'a>) -> impl Iterator<Item = (&'a str, &'a T)> {
    let wishes = by_layer::<T>(view).into_iter();
    wishes.map(|wish| {
        (
            without_layer(&wish.metadata.id, wish.spec.layer()),
            wish.spec,
        )
    })
}

/// Of each id the highest wish: the last one that is put counts.
fn each<T: Layered + Clone>(view: &View<'_>, desired: &mut Desired) {
    for (id, wish) in with_ids::<T>(view) {
        desired.put(id, wish.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::{Layer, NETWORK_CONFIG};

    #[test]
    fn links_are_merged_field_by_field() {
        let mut bench = Bench::of(links());
        bench.say_within(
            NETWORK_CONFIG,
            "configuration/eth0",
            LinkSpec {
                mtu: 9000,
                ..LinkSpec::up("eth0", Layer::Configuration)
            },
        );
        bench.say_within(
            NETWORK_CONFIG,
            "cmdline/eth0",
            LinkSpec {
                mtu: 1400,
                parent: "eth9".to_owned(),
                ..LinkSpec::up("eth0", Layer::Cmdline)
            },
        );

        bench.run();

        let merged = bench.store.get::<LinkSpec>("eth0").unwrap();
        assert_eq!((merged.mtu, merged.parent.as_str()), (9000, "eth9"));
        assert_eq!(merged.layer, Layer::Configuration);
    }

    #[test]
    fn servers_of_two_leases_come_one_after_the_other_and_the_configuration_wins() {
        let mut bench = Bench::of(resolvers());
        let say = |bench: &mut Bench, id: &str, servers: &[&str], layer| {
            let servers = servers
                .iter()
                .map(|server| server.parse().unwrap())
                .collect();
            bench.say_within(NETWORK_CONFIG, id, ResolverSpec { servers, layer });
            bench.run();
            let merged = bench.store.get::<ResolverSpec>("resolvers").unwrap();
            merged
                .servers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };

        say(
            &mut bench,
            "default/resolvers",
            &["1.1.1.1"],
            Layer::Default,
        );
        say(
            &mut bench,
            "dhcp4/eth0/resolvers",
            &["10.0.0.1"],
            Layer::Operator,
        );
        let leased = say(
            &mut bench,
            "dhcp4/eth1/resolvers",
            &["10.1.0.1", "10.0.0.1"],
            Layer::Operator,
        );
        let configured = say(
            &mut bench,
            "configuration/resolvers",
            &["9.9.9.9"],
            Layer::Configuration,
        );

        assert_eq!(leased, ["10.0.0.1", "10.1.0.1"]);
        assert_eq!(configured, ["9.9.9.9"]);
    }
}
