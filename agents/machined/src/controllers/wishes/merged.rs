// SPDX-License-Identifier: MPL-2.0
//! What is left of the wishes for the network: the higher layer wins.
//!
//! Links are merged field by field. Of everything else the highest wish is taken as it is; of name
//! servers those of one layer come one after the other.
//!
//! Owns: that rule, and ids without the layer.
//! Never: makes a wish of its own.

use std::collections::BTreeMap;

use resource::{Body, Controller, Desired, Failure, Input, Output, ResourceSpec, View};

use super::resolvers;
use crate::resources::{
    AddressSpec, Layer, LinkSpec, NETWORK_CONFIG, OperatorSpec, ResolverSpec, RouteSpec,
};

pub(super) fn links() -> Controller {
    merging::<LinkSpec>("network.LinkMergeController", |view, desired| {
        let mut merged: BTreeMap<String, LinkSpec> = BTreeMap::new();
        for (id, wish) in by_layer(view, |wish: &LinkSpec| wish.layer) {
            match merged.get_mut(id) {
                Some(present) => present.add(wish),
                None => {
                    merged.insert(id.to_owned(), wish.clone());
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
        highest(view, desired, |wish: &AddressSpec| wish.layer);
        Ok(())
    })
}

pub(super) fn routes() -> Controller {
    merging::<RouteSpec>("network.RouteMergeController", |view, desired| {
        highest(view, desired, |wish: &RouteSpec| wish.layer);
        Ok(())
    })
}

pub(super) fn operators() -> Controller {
    merging::<OperatorSpec>("network.OperatorMergeController", |view, desired| {
        highest(view, desired, |wish: &OperatorSpec| wish.layer);
        Ok(())
    })
}

pub(super) fn resolvers() -> Controller {
    merging::<ResolverSpec>("network.ResolverMergeController", |view, desired| {
        let mut merged: Option<ResolverSpec> = None;
        for (_, wish) in by_layer(view, |wish: &ResolverSpec| wish.layer) {
            match &mut merged {
                Some(present) if present.layer == wish.layer => {
                    for server in &wish.servers {
                        if !present.servers.contains(server) {
                            present.servers.push(*server);
                        }
                    }
                }
                Some(_) | None => merged = Some(wish.clone()),
            }
        }
        if let Some(merged) = merged {
            desired.put(resolvers::ID, merged);
        }
        Ok(())
    })
}

type Reconcile = fn(&View<'_>, &mut Desired) -> Result<(), Failure>;

fn merging<T: ResourceSpec>(name: &'static str, reconcile: Reconcile) -> Controller {
    Controller {
        name,
        inputs: vec![Input::of::<T>().within(NETWORK_CONFIG)],
        outputs: vec![Output::of::<T>()],
        body: Body::Pure(reconcile),
    }
}

/// All wishes with their ids after merging, the lowest layer first.
fn by_layer<'a, T: ResourceSpec>(
    view: &View<'a>,
    layer: impl Fn(&T) -> Layer,
) -> Vec<(&'a str, &'a T)> {
    let mut found: Vec<_> = view
        .list_within::<T>(NETWORK_CONFIG)
        .map(|wish| {
            let layer = layer(wish.spec);
            (without_layer(&wish.metadata.id, layer), layer, wish.spec)
        })
        .collect();
    // It keeps the order of ids within a layer.
    found.sort_by_key(|(_, layer, _)| *layer);
    found.into_iter().map(|(id, _, spec)| (id, spec)).collect()
}

fn highest<T: ResourceSpec>(view: &View<'_>, desired: &mut Desired, layer: fn(&T) -> Layer) {
    for (id, wish) in by_layer(view, layer) {
        desired.put(id, wish.clone());
    }
}

/// Takes the layer off an id, or the operator and its link.
fn without_layer(id: &str, layer: Layer) -> &str {
    let labels = match layer {
        Layer::Operator => 2,
        Layer::Default | Layer::Cmdline | Layer::Configuration => 1,
    };
    let mut rest = id;
    for _ in 0..labels {
        rest = rest.split_once('/').map_or(rest, |(_, after)| after);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn the_layer_and_the_operator_are_no_part_of_what_is_merged() {
        for (id, layer, expected) in [
            ("default/lo/::1/128", Layer::Default, "lo/::1/128"),
            (
                "dhcp4/eth0/eth0/10.0.0.2/24",
                Layer::Operator,
                "eth0/10.0.0.2/24",
            ),
            (
                "configuration/dhcp4/eth0",
                Layer::Configuration,
                "dhcp4/eth0",
            ),
        ] {
            assert_eq!(without_layer(id, layer), expected);
        }
    }

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
