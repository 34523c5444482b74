// SPDX-License-Identifier: MPL-2.0
//! What netd wants of the kernel and tells of it, without a kernel.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use heapless::String;
use netd::desired::{Kinds, Order, is_physical, orders, resolv_conf};
use netd::dhcp::Event;
use netd::links::{Change, GONE_MAX, LINKS_MAX, Links};
use netd::news::{Caller, Network};
use netd::slots::{Followed, SLOTS_MAX, Slots};
use proptest::prelude::{any, prop, prop_assert, proptest};
use proto::net::{LeaseState, Reply, Request};
use sys::seqpacket::{Next, Peer, Service as _};
use wire::dhcp::{Kind, Message};
use wire::rtnetlink::{
    Address, Dump, IFF_LOWER_UP, IFF_UP, Link, News, PROTOCOL_DHCP, Route, Word,
};

const NOW: Duration = Duration::from_secs(100);
const RANDOM: u32 = 7;

fn link(index: u32, flags: u32, kind: &str) -> Link {
    let mut link = Link {
        index,
        arp_type: 1,
        flags,
        name: String::new(),
        mtu: 1500,
        hardware_address: heapless::Vec::from_slice(&[2, 0, 0, 0, 0, 1]).unwrap(),
        permanent_address: heapless::Vec::from_slice(&[2, 0, 0, 0, 0, 1]).unwrap(),
        broadcast_address: heapless::Vec::from_slice(&[0xff; 6]).unwrap(),
        lower_index: 0,
        master_index: 0,
        queue_discipline: Word::try_from("pfifo_fast").unwrap(),
        oper_state: 6,
        kind: Word::try_from(kind).unwrap(),
        slave_kind: Word::new(),
    };
    link.name = String::try_from(format!("eth{index}").as_str()).unwrap();
    link
}

fn up(index: u32) -> Link {
    link(index, IFF_UP | IFF_LOWER_UP, "")
}

fn address(link_index: u32, last: u8, protocol: u8) -> Address {
    Address {
        link_index,
        address: IpAddr::from([10, 0, 0, last]),
        local: Some(IpAddr::from([10, 0, 0, last])),
        prefix_len: 24,
        scope: 0,
        flags: 0,
        broadcast: None,
        valid_s: 100,
        preferred_s: 100,
        protocol,
    }
}

fn route(link_index: u32, protocol: u8) -> Route {
    Route {
        destination: IpAddr::from([0, 0, 0, 0]),
        prefix_len: 0,
        gateway: Some(IpAddr::from([10, 0, 0, 1])),
        source: None,
        link_index,
        priority: 1024,
        protocol,
        scope: 0,
        table: 254,
        flags: 0,
        mtu: 0,
    }
}

/// A network with these links, followed to the end.
fn network(all: &[Link]) -> Network {
    let mut network = Network {
        complete: true,
        ..Network::default()
    };
    for link in all {
        network.links.apply(News::Link(link.clone()));
    }
    follow(&mut network);
    network
}

fn follow(network: &mut Network) -> Vec<Followed> {
    let Network { links, slots, .. } = network;
    let mut all = Vec::new();
    while let Some(followed) = slots.follow(links, &Kinds::new(), &String::new(), NOW) {
        if let Followed::CarrierCame(index) = followed {
            slots
                .get_mut(index)
                .unwrap()
                .client
                .step(Event::CarrierCame, NOW, RANDOM);
        }
        all.push(followed);
    }
    all
}

/// Gives the client of a link a lease.
fn give(slots: &mut Slots, index: u32, change: impl FnOnce(&mut Message)) {
    let client = &mut slots.get_mut(index).unwrap().client;
    let mut message = Message::new(Kind::Offer, RANDOM, client.hardware());
    message.yours = Ipv4Addr::new(10, 0, 0, 15);
    message.options.server = Some(Ipv4Addr::new(10, 0, 0, 1));
    message.options.subnet_mask = Some(Ipv4Addr::new(255, 255, 255, 0));
    message.options.lease_s = Some(100);
    change(&mut message);
    client.step(Event::Received(&message), NOW, RANDOM);
    message.kind = Kind::Ack;
    client.step(Event::Received(&message), NOW, RANDOM);
    assert_eq!(client.state(), LeaseState::Bound);
}

fn wanted(network: &Network) -> Vec<Order> {
    orders(&network.links, &network.slots, &Kinds::new(), NOW).to_vec()
}

#[test]
fn only_what_a_driver_made_is_physical_unless_its_kind_is_named() {
    let kinds: Kinds = ["veth"]
        .into_iter()
        .map(|kind| String::try_from(kind).unwrap())
        .collect();
    let not_ethernet = Link {
        arp_type: 772,
        ..link(1, 0, "")
    };

    assert!(is_physical(&link(1, 0, ""), &Kinds::new()));
    assert!(!is_physical(&not_ethernet, &Kinds::new()));
    for kind in ["veth", "bridge", "dummy", "vlan", "wireguard", "other"] {
        assert!(!is_physical(&link(1, 0, kind), &Kinds::new()), "{kind}");
        assert_eq!(is_physical(&link(1, 0, kind), &kinds), kind == "veth");
    }
}

#[test]
fn loopback_and_physical_links_are_brought_up_and_no_others() {
    let mut loopback = link(1, 8, "");
    loopback.arp_type = 772;
    let network = network(&[loopback, link(2, 0, ""), link(3, 0, "bridge"), up(4)]);

    assert_eq!(wanted(&network), [Order::Up(1), Order::Up(2)]);
}

#[test]
fn what_we_made_without_a_lease_is_removed_and_what_others_made_is_not() {
    let mut network = network(&[up(2)]);
    for protocol in [0, PROTOCOL_DHCP, 3] {
        network
            .links
            .apply(News::Address(address(2, protocol, protocol)));
        network.links.apply(News::Route(route(2, protocol)));
    }

    assert_eq!(
        wanted(&network),
        [
            Order::RemoveRoute(route(2, PROTOCOL_DHCP)),
            Order::RemoveAddress(address(2, PROTOCOL_DHCP, PROTOCOL_DHCP)),
        ]
    );
}

#[test]
fn what_we_made_on_links_that_have_no_client_is_left_alone() {
    let mut network = network(&[link(2, 1, "bridge")]);
    network
        .links
        .apply(News::Address(address(2, 9, PROTOCOL_DHCP)));

    assert_eq!(wanted(&network), []);
}

#[test]
fn a_lease_asks_for_its_address_before_its_routes_and_then_for_nothing() {
    let mut network = network(&[up(2)]);
    give(&mut network.slots, 2, |message| {
        message
            .options
            .routers
            .push(Ipv4Addr::new(10, 0, 0, 1))
            .unwrap();
    });
    let first = wanted(&network);
    let [Order::AddAddress(address), Order::AddRoute(route)] = first[..] else {
        panic!("{first:?}");
    };
    assert_eq!((address.valid_s, address.protocol), (101, PROTOCOL_DHCP));
    assert_eq!((route.priority, route.protocol), (1024, PROTOCOL_DHCP));

    network.links.apply(News::Address(address));
    network.links.apply(News::Route(route));
    let slot = network.slots.get_mut(2).unwrap();
    slot.installed = slot
        .client
        .lease()
        .map(|lease| (lease.address, lease.expires_at));
    assert_eq!(wanted(&network), []);
}

#[test]
fn a_gateway_outside_the_network_gets_a_route_of_its_own_first() {
    let mut network = network(&[up(2)]);
    give(&mut network.slots, 2, |message| {
        message.options.subnet_mask = Some(Ipv4Addr::BROADCAST);
        message
            .options
            .routers
            .push(Ipv4Addr::new(169, 254, 1, 1))
            .unwrap();
    });
    let routes: Vec<Route> = wanted(&network)
        .into_iter()
        .filter_map(|order| {
            if let Order::AddRoute(route) = order {
                Some(route)
            } else {
                None
            }
        })
        .collect();

    assert_eq!(routes.len(), 2);
    assert_eq!(routes[0].destination, IpAddr::from([169, 254, 1, 1]));
    assert_eq!((routes[0].prefix_len, routes[0].gateway), (32, None));
    assert_eq!(routes[1].gateway, Some(IpAddr::from([169, 254, 1, 1])));
}

#[test]
fn an_mtu_that_the_kernel_refused_is_not_asked_for_again() {
    let mut network = network(&[up(2)]);
    give(&mut network.slots, 2, |message| {
        message.options.mtu = Some(9000)
    });
    assert!(wanted(&network).contains(&Order::Mtu(2, 9000)));
    network.slots.get_mut(2).unwrap().mtu_refused = Some(9000);

    assert!(!wanted(&network).contains(&Order::Mtu(2, 9000)));
}

#[test]
fn a_restart_remembers_our_address_and_keeps_its_routes_and_file() {
    let mut network = Network {
        complete: true,
        ..Network::default()
    };
    network.links.apply(News::Link(up(2)));
    network
        .links
        .apply(News::Address(address(2, 15, PROTOCOL_DHCP)));
    network.links.apply(News::Address(address(2, 99, 0)));
    network.links.apply(News::Route(route(2, PROTOCOL_DHCP)));
    follow(&mut network);

    let held = network
        .slots
        .get_mut(2)
        .unwrap()
        .client
        .held()
        .unwrap()
        .address();
    assert_eq!(held, Ipv4Addr::new(10, 0, 0, 15));
    assert_eq!(wanted(&network), []);
    assert_eq!(resolv_conf(&network.slots), None);
}

#[test]
fn resolv_conf_has_at_most_three_servers_once_each_and_defaults_without_any() {
    let mut network = network(&[up(2), up(3)]);
    let text = resolv_conf(&network.slots).unwrap();
    assert_eq!(text, "nameserver 1.1.1.1\nnameserver 8.8.8.8\n");
    for index in [2, 3] {
        give(&mut network.slots, index, |message| {
            let last = u8::try_from(index).unwrap();
            for server in [[9, 9, 9, 9], [10, 0, 0, last], [10, 0, 1, last]] {
                message.options.dns.push(server.into()).unwrap();
            }
            message.options.domain = String::try_from(format!("d{index}").as_str()).unwrap();
        });
    }

    let text = resolv_conf(&network.slots).unwrap();
    assert_eq!(
        text,
        "nameserver 9.9.9.9\nnameserver 10.0.0.2\nnameserver 10.0.1.2\nsearch d2\n"
    );
}

#[test]
fn one_link_too_many_is_told_once_and_listed_again_when_there_is_room() {
    let mut links = Links::new();
    let count = u32::try_from(LINKS_MAX).unwrap();
    for index in 1..=count {
        assert_eq!(
            links.apply(News::Link(link(index, 0, "veth"))),
            Change::Something
        );
    }
    assert_eq!(
        links.apply(News::Link(up(count + 1))),
        Change::Full(Dump::Links)
    );
    assert_eq!(links.apply(News::Link(up(count + 2))), Change::Nothing);
    assert!(!links.wants_listing());
    assert!(links.link(count).is_some() && links.link(count + 1).is_none());

    links.apply(News::LinkGone(1));
    assert!(links.wants_listing());
    links.begin_listing();
    assert!(!links.wants_listing());
    assert_eq!(links.apply(News::Link(up(count + 1))), Change::Something);
}

#[test]
fn one_physical_link_too_many_is_told_once() {
    let count = u32::try_from(SLOTS_MAX).unwrap();
    let all: Vec<Link> = (1..=count + 1).map(up).collect();
    let mut network = Network::default();
    for link in &all {
        network.links.apply(News::Link(link.clone()));
    }

    let full = follow(&mut network);
    assert_eq!(
        full.iter()
            .filter(|what| matches!(what, Followed::Full(_)))
            .count(),
        1
    );
    assert_eq!(follow(&mut network), []);
    network.links.apply(News::LinkGone(1));
    let followed = follow(&mut network);
    assert!(followed.contains(&Followed::Dropped(1)));
    assert!(
        followed.contains(&Followed::Made(count + 1)),
        "{followed:?}"
    );
}

#[test]
fn a_link_with_another_hardware_address_gets_a_new_client() {
    let mut network = network(&[up(2)]);
    give(&mut network.slots, 2, |_| {});
    let mut other = up(2);
    other.hardware_address = heapless::Vec::from_slice(&[2, 9, 9, 9, 9, 9]).unwrap();
    network.links.apply(News::Link(other));

    let followed = follow(&mut network);
    assert_eq!(followed[..2], [Followed::Dropped(2), Followed::Made(2)]);
}

#[test]
fn a_link_that_goes_takes_its_addresses_and_routes_along() {
    let mut network = network(&[up(2), up(3)]);
    for index in [2, 3] {
        network.links.apply(News::Address(address(index, 9, 0)));
        network.links.apply(News::Route(route(index, 0)));
    }
    network.links.apply(News::LinkGone(2));

    assert!(
        network
            .links
            .addresses
            .items()
            .all(|address| address.link_index == 3)
    );
    assert!(
        network
            .links
            .routes
            .items()
            .all(|route| route.link_index == 3)
    );
}

#[test]
fn what_a_listing_does_not_show_is_gone() {
    let mut links = Links::new();
    links.apply(News::Link(up(2)));
    links.apply(News::Address(address(2, 9, 0)));
    links.begin_listing();
    links.apply(News::Link(up(2)));

    assert_eq!(links.take_unlisted(Dump::Links), None);
    assert_eq!(
        links.take_unlisted(Dump::Addresses),
        Some(Change::Something)
    );
    assert_eq!(links.take_unlisted(Dump::Addresses), None);
    assert_eq!(links.addresses.items().count(), 0);
}

#[test]
fn a_route_with_other_flags_or_another_mtu_is_the_same_route_and_news() {
    let mut network = network(&[up(2)]);
    network.links.apply(News::Route(route(2, 2)));
    let mut told = subscribed(&mut network);
    hear(&mut network, &mut told);
    let mut heard = Vec::new();
    for (flags, mtu) in [(0x4000, 0), (0x4000, 1400), (0x4000, 1400)] {
        let route = Route {
            flags,
            mtu,
            ..route(2, 2)
        };
        network.links.apply(News::Route(route));
        heard.extend(hear(&mut network, &mut told));
    }
    network.links.apply(News::RouteGone(route(2, 2)));

    let [Reply::Route(first), Reply::Route(second)] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!((first.flags, first.mtu), (0x4000, 0));
    assert_eq!((second.flags, second.mtu), (0x4000, 1400));
    assert_eq!(network.links.routes.items().count(), 0);
}

#[test]
fn routes_of_other_tables_are_not_watched() {
    let mut links = Links::new();

    assert_eq!(
        links.apply(News::Route(Route {
            table: 255,
            ..route(2, 2)
        })),
        Change::Nothing
    );
    assert_eq!(links.routes.items().count(), 0);
}

const ROOT: Peer = Peer {
    pid: 1,
    uid: 0,
    gid: 0,
};

fn encoded(request: &Request) -> Vec<u8> {
    let mut buffer = [0; 64];
    let len = request.encode(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

/// All that a subscriber is told now.
fn hear(network: &mut Network, told: &mut Caller) -> Vec<Reply> {
    let mut all = Vec::new();
    let mut buffer = [0; proto::MAX_MESSAGE];
    while let Next::Message(len) = network.next(told, &mut buffer) {
        all.push(Reply::decode(&buffer[..len]).unwrap());
        network.told(told);
        assert!(all.len() < 10_000, "it never ends");
    }
    all
}

fn subscribed(network: &mut Network) -> Caller {
    let mut told = Caller::default();
    let request = encoded(&Request::Subscribe(()));
    assert_eq!(
        network.request(ROOT, &mut told, &request, &mut [0; 64]),
        None
    );
    told
}

#[test]
fn only_the_right_user_is_admitted() {
    let other = Peer { uid: 50, ..ROOT };
    for (user, peer, expected) in [
        (0, ROOT, true),
        (0, other, false),
        (50, ROOT, false),
        (50, other, true),
    ] {
        let network = Network {
            user,
            ..Network::default()
        };

        assert_eq!(network.admits(peer), expected, "{user} {peer:?}");
    }
}

#[test]
fn nothing_is_told_before_the_kernel_was_heard_whole() {
    let mut network = network(&[up(2)]);
    network.complete = false;
    let mut told = subscribed(&mut network);
    assert_eq!(hear(&mut network, &mut told), []);
    network.complete = true;

    assert_eq!(
        hear(&mut network, &mut told).last(),
        Some(&Reply::Synced(()))
    );
}

#[test]
fn changes_that_come_faster_than_they_are_read_are_told_once() {
    let mut network = network(&[up(2)]);
    let mut told = subscribed(&mut network);
    hear(&mut network, &mut told);
    for mtu in 1000..1100 {
        network.links.apply(News::Link(Link { mtu, ..up(2) }));
    }

    let news = hear(&mut network, &mut told);
    assert!(
        matches!(&news[..], [Reply::Link(link)] if link.mtu == 1099),
        "{news:?}"
    );
}

#[test]
fn what_went_before_the_subscription_is_not_told() {
    let mut network = network(&[up(2), up(3)]);
    network.links.apply(News::LinkGone(3));
    follow(&mut network);
    let mut told = subscribed(&mut network);

    let all = hear(&mut network, &mut told);
    assert!(
        !all.iter().any(|reply| matches!(reply, Reply::LinkGone(_))),
        "{all:?}"
    );
    assert_eq!(all.last(), Some(&Reply::Synced(())));
}

#[test]
fn a_lifetime_that_runs_is_no_news() {
    let mut network = network(&[up(2)]);
    network.links.apply(News::Address(address(2, 9, 0)));
    let mut told = subscribed(&mut network);
    hear(&mut network, &mut told);
    network.links.apply(News::Address(Address {
        valid_s: 5,
        preferred_s: 5,
        ..address(2, 9, 0)
    }));

    assert_eq!(hear(&mut network, &mut told), []);
}

#[test]
fn a_subscriber_too_far_behind_is_closed() {
    let mut network = network(&[up(2)]);
    let mut told = subscribed(&mut network);
    hear(&mut network, &mut told);
    for _ in 0..=GONE_MAX {
        network.links.apply(News::Address(address(2, 9, 0)));
        network.links.apply(News::AddressGone(address(2, 9, 0)));
    }

    let mut buffer = [0; proto::MAX_MESSAGE];
    assert!(matches!(network.next(&told, &mut buffer), Next::Close));
    // A new one is not.
    let mut told = subscribed(&mut network);
    assert_eq!(
        hear(&mut network, &mut told).last(),
        Some(&Reply::Synced(()))
    );
}

proptest! {
    #[test]
    fn whoever_reads_in_whatever_rhythm_ends_up_with_what_there_is(
        events in prop::collection::vec((0_u8..5, 1_u32..6, any::<bool>()), 0..60),
    ) {
        let mut network = network(&[]);
        let mut told = subscribed(&mut network);
        let mut seen = std::collections::BTreeMap::new();
        let mut take = |all: Vec<Reply>| {
            for reply in all {
                match reply {
                    Reply::Link(link) => { seen.insert(link.index, link.mtu); }
                    Reply::LinkGone(gone) => { seen.remove(&gone.index); }
                    _ => {}
                }
            }
            seen.clone()
        };
        for (what, index, reads) in events {
            let news = match what {
                0 | 1 => News::LinkGone(index),
                mtu => News::Link(Link { mtu: 1000 + u32::from(mtu), ..up(index) }),
            };
            network.links.apply(news);
            if reads {
                take(hear(&mut network, &mut told));
            }
        }
        let seen = take(hear(&mut network, &mut told));
        let there: std::collections::BTreeMap<u32, u32> =
            network.links.links.items().map(|link| (link.index, link.mtu)).collect();
        prop_assert!(seen == there, "{seen:?} {there:?}");
    }
}
