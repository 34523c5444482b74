// SPDX-License-Identifier: MPL-2.0
//! The addresses by which others know this node.
//!
//! Owns: `NodeAddress`: `current` as it is, `routed`, to which others find a way, `accumulative` with
//! the last there were, `default`, which stays while it exists; and of all but the last what each
//! filter leaves.
//! Never: counts loopback or link-local addresses, or those of a link without a carrier, or remembers
//! without end: a host on the link can make up prefixes for ever, and each address is a name in the
//! API's certificate.

use std::collections::BTreeSet;
use std::net::IpAddr;

use resource::{Body, Controller, Desired, Input, Output};

use crate::resources::{AddressStatus, LinkStatus, NodeAddress, NodeAddressFilter, Prefix};

/// `RT_SCOPE_LINK`: addresses that mean something on one link only.
const SCOPE_LINK: u8 = 253;
/// `IFA_F_TENTATIVE | IFA_F_DADFAILED`: not usable, or not yet.
const NOT_USABLE: u32 = 0x40 | 0x08;

/// How many addresses are remembered besides those that the node has.
const REMEMBERED_MAX: usize = 64;

pub(super) fn controller() -> Controller {
    let mut ever: Vec<Prefix> = Vec::new();
    let mut default: Option<Prefix> = None;
    Controller {
        name: "network.NodeAddressController",
        inputs: vec![
            Input::of::<AddressStatus>(),
            Input::of::<LinkStatus>(),
            Input::of::<NodeAddressFilter>(),
        ],
        outputs: vec![Output::of::<NodeAddress>()],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            // By number: a link may be renamed while its addresses stay.
            let running: BTreeSet<u32> = view
                .list::<LinkStatus>()
                .filter(|link| link.spec.is_running())
                .map(|link| link.spec.index)
                .collect();
            let mut current: Vec<Prefix> = view
                .list::<AddressStatus>()
                .filter(|status| running.contains(&status.spec.link_index))
                .filter(|status| is_usable(status.spec))
                .map(|status| status.spec.address)
                .collect();
            // IPv4 first, then by value: the same whatever the order of links.
            current.sort();
            current.dedup();
            remember(&mut ever, &current);
            let mut accumulative = ever.clone();
            accumulative.sort();
            if default.is_none_or(|kept| !current.contains(&kept)) {
                default = current.first().copied().or(default);
            }
            if let Some(default) = default {
                desired.put("default", NodeAddress(vec![default]));
            }
            // Addresses that are not on this machine, as clouds have them, nobody tells here: all
            // that it has are routed to it.
            for (id, all) in [
                ("current", &current),
                ("routed", &current),
                ("accumulative", &accumulative),
            ] {
                for filter in view.list::<NodeAddressFilter>() {
                    let left = all
                        .iter()
                        .filter(|prefix| passes(filter.spec, prefix.address));
                    let id = format!("{id}-{}", filter.metadata.id);
                    desired.put(id, NodeAddress(left.copied().collect()));
                }
                desired.put(id, NodeAddress(all.clone()));
            }
            Ok(())
        })),
    }
}

/// Adds what is new, and forgets what was here the longest time ago.
fn remember(ever: &mut Vec<Prefix>, current: &[Prefix]) {
    let mut gone = std::mem::take(ever);
    gone.retain(|address| !current.contains(address));
    let forgotten = gone.len().saturating_sub(REMEMBERED_MAX);
    ever.extend(gone.into_iter().skip(forgotten));
    ever.extend_from_slice(current);
}

/// Whether a filter leaves an address.
fn passes(filter: &NodeAddressFilter, address: IpAddr) -> bool {
    let within = |networks: &[Prefix]| networks.iter().any(|network| network.contains(address));
    (filter.include.is_empty() || within(&filter.include)) && !within(&filter.exclude)
}

fn is_usable(status: &AddressStatus) -> bool {
    let address = status.address.address;
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    status.scope < SCOPE_LINK
        && status.flags & NOT_USABLE == 0
        && !link_local
        && !address.is_loopback()
        && !address.is_multicast()
        && !address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::controllers::wishes::given;

    /// With a link for [`address`].
    fn bench() -> Bench {
        let mut bench = Bench::of(controller());
        bench.say("eth0", given::link(2));
        bench
    }

    fn address(text: &str, flags: u32) -> AddressStatus {
        AddressStatus {
            address: Prefix {
                address: text.parse().unwrap(),
                length: 24,
            },
            local: None,
            broadcast: None,
            link_index: 2,
            link_name: "eth0".to_owned(),
            scope: 0,
            flags,
        }
    }

    fn addresses(bench: &Bench, id: &str) -> Vec<String> {
        let found = bench.store.get::<NodeAddress>(id);
        found.map_or_else(Vec::new, |found| {
            found.0.iter().map(|p| p.address.to_string()).collect()
        })
    }

    #[test]
    fn only_addresses_that_others_can_use_count() {
        let mut bench = bench();
        for (text, flags) in [
            ("127.0.0.1", 0),
            ("169.254.3.4", 0),
            ("::1", 0),
            ("fe80::1", 0),
            ("10.0.0.9", 0x40),
            ("fd00::7", 0),
            ("10.0.0.5", 0x80),
        ] {
            bench.say(text, address(text, flags));
        }

        bench.run();

        assert_eq!(addresses(&bench, "current"), ["10.0.0.5", "fd00::7"]);
        assert_eq!(addresses(&bench, "default"), ["10.0.0.5"]);
    }

    #[test]
    fn accumulative_keeps_what_went_and_default_stays_while_it_is_there() {
        let mut bench = bench();
        bench.say("a", address("10.0.0.5", 0));
        bench.run();
        bench.say("b", address("10.0.0.1", 0));
        bench.run();
        assert_eq!(addresses(&bench, "default"), ["10.0.0.5"]);

        bench
            .store
            .tear_down(
                "test",
                "network",
                <AddressStatus as resource::ResourceSpec>::KIND,
                "a",
                bench.now.wall,
            )
            .unwrap();
        bench.run();

        assert_eq!(addresses(&bench, "current"), ["10.0.0.1"]);
        assert_eq!(addresses(&bench, "default"), ["10.0.0.1"]);
        assert_eq!(addresses(&bench, "accumulative"), ["10.0.0.1", "10.0.0.5"]);
    }

    #[test]
    fn rsrc_084_each_filter_leaves_its_own() {
        let network = |text: &str| Prefix::from(config::Cidr::parse(text).unwrap());
        let mut bench = bench();
        bench.say("a", address("10.0.0.5", 0));
        bench.say("b", address("10.244.1.1", 0));
        bench.say("c", address("fd00::7", 0));
        let pods = vec![network("10.244.0.0/16")];
        bench.say(
            "no-k8s",
            NodeAddressFilter {
                include: Vec::new(),
                exclude: pods.clone(),
            },
        );
        bench.say(
            "only-k8s",
            NodeAddressFilter {
                include: pods,
                exclude: Vec::new(),
            },
        );

        bench.run();

        for id in ["current", "routed", "accumulative"] {
            let filtered = |filter: &str| addresses(&bench, &format!("{id}-{filter}"));
            assert_eq!(filtered("no-k8s"), ["10.0.0.5", "fd00::7"], "{id}");
            assert_eq!(filtered("only-k8s"), ["10.244.1.1"], "{id}");
            assert_eq!(addresses(&bench, id).len(), 3, "{id}");
        }
    }

    #[test]
    fn net_09_addresses_of_a_link_without_a_carrier_are_not_current() {
        let mut bench = bench();
        bench.say("eth0/10.0.0.5/24", address("10.0.0.5", 0));
        let of_another = AddressStatus {
            link_index: 3,
            ..address("10.1.0.5", 0)
        };
        bench.say("eth1/10.1.0.5/24", of_another);

        for (oper_state, current) in [
            (0, &["10.0.0.5"][..]),
            (1, &[]),
            (2, &[]),
            (3, &[]),
            (4, &[]),
            (5, &[]),
            (6, &["10.0.0.5"]),
        ] {
            let link = LinkStatus {
                oper_state,
                ..given::link(2)
            };
            bench.say("eth0", link);
            bench.run();

            assert_eq!(addresses(&bench, "current"), current, "{oper_state}");
            assert_eq!(addresses(&bench, "routed"), current, "{oper_state}");
            // What the node was reached by stays in its certificate and in its own names.
            assert_eq!(addresses(&bench, "accumulative"), ["10.0.0.5"]);
            assert_eq!(addresses(&bench, "default"), ["10.0.0.5"]);
        }
    }

    #[test]
    fn without_addresses_there_is_no_default() {
        let mut bench = Bench::of(controller());

        bench.run();

        assert_eq!(addresses(&bench, "current"), Vec::<String>::new());
        assert!(bench.store.get::<NodeAddress>("default").is_none());
    }

    #[test]
    fn prefixes_that_are_made_up_without_end_are_not_remembered_without_end() {
        let mut bench = bench();
        bench.say("eth0/own", address("10.5.0.2", 0));

        for number in 0..1000 {
            let made_up = format!("fd00:{number:x}::2");
            bench.say("eth0/made-up", address(&made_up, 0));
            bench.run();
        }

        let ever = addresses(&bench, "accumulative");
        assert_eq!(ever.len(), REMEMBERED_MAX + 2);
        for kept in ["10.5.0.2", "fd00:3e7::2", "fd00:3e6::2"] {
            assert!(
                ever.iter().any(|address| address.starts_with(kept)),
                "no {kept} in {ever:?}"
            );
        }
    }
}
