// SPDX-License-Identifier: MPL-2.0
//! netd in a network namespace, with its own user and capabilities, against DHCP servers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod lab;

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use lab::{Lab, Script, Server, hear, ip, run, say, snapshot};
use proto::net::{LeaseState, Reply, Request};
use proto::{Greeting, Refusal};
use sys::seqpacket;
use wire::dhcp::{ClasslessRoute, Kind};

const LEASE: &str = "10.9.0.15/24";

fn renewal(seen: &lab::Seen) -> bool {
    seen.message.kind == Kind::Request && !seen.message.client.is_unspecified()
}

/// Asks for the address of before: it names the address and no server.
fn reboot(seen: &lab::Seen) -> bool {
    let options = &seen.message.options;
    seen.message.kind == Kind::Request && options.requested.is_some() && options.server.is_none()
}

#[test]
fn a_lease_gives_address_routes_mtu_and_resolvers() {
    let via = |destination: [u8; 4], prefix_len| ClasslessRoute {
        destination: destination.into(),
        prefix_len,
        gateway: Ipv4Addr::new(10, 9, 0, 1),
    };
    let on_link = ClasslessRoute {
        destination: Ipv4Addr::new(10, 88, 0, 0),
        prefix_len: 16,
        gateway: Ipv4Addr::UNSPECIFIED,
    };
    let far = ClasslessRoute {
        gateway: Ipv4Addr::new(192, 0, 2, 1),
        ..via([10, 99, 0, 0], 16)
    };
    let (mut lab, _server) = Lab::with(Script {
        mtu: Some(1400),
        routes: vec![via([10, 77, 0, 0], 16), via([0; 4], 0), on_link, far],
        router: Some(Ipv4Addr::new(10, 9, 0, 200)),
        dns: vec![Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(9, 9, 9, 9)],
        ..Script::default()
    });

    lab.wait_said("eth0: lease 10.9.0.15/24 from 10.9.0.1 for 600s");
    lab.wait("routes", |lab| lab.routes().contains("10.99.0.0/16"));

    let address = lab.addresses("eth0");
    assert!(
        address.contains("inet 10.9.0.15/24 brd 10.9.0.255 scope global dynamic"),
        "{address}"
    );
    assert!(
        address.contains("valid_lft 60") || address.contains("valid_lft 59"),
        "{address}"
    );
    let routes = lab.routes();
    for route in [
        "default via 10.9.0.1 dev eth0 proto dhcp src 10.9.0.15 metric 1024",
        "10.77.0.0/16 via 10.9.0.1 dev eth0 proto dhcp src 10.9.0.15 metric 1024",
        "10.88.0.0/16 dev eth0 proto dhcp scope link src 10.9.0.15 metric 1024",
        "10.99.0.0/16 via 192.0.2.1 dev eth0 proto dhcp src 10.9.0.15 metric 1024",
        "192.0.2.1 dev eth0 proto dhcp scope link src 10.9.0.15 metric 1024",
    ] {
        assert!(routes.contains(route), "{route} is not in {routes}");
    }
    // RFC 3442: the router option counts for nothing beside classless routes.
    assert!(!routes.contains("10.9.0.200"), "{routes}");
    assert!(ip(&format!("-n {} link show eth0", lab.node)).contains("mtu 1400"));
    lab.wait("resolv.conf", |lab| {
        lab.resolv_conf() == "nameserver 10.9.0.1\nnameserver 9.9.9.9\nsearch lab.test\n"
    });
    assert!(ip(&format!("-n {} addr show lo", lab.node)).contains("inet 127.0.0.1/8"));
}

#[test]
fn dnsmasq_gives_a_lease_to_a_user_with_three_capabilities() {
    let mut lab = Lab::new();
    let leases = std::env::temp_dir().join(format!("{}.leases", lab.node));
    let dnsmasq = Command::new("ip")
        .args(["netns", "exec", &lab.far, "dnsmasq", "--keep-in-foreground"])
        .args([
            "--conf-file=/dev/null",
            "--port=0",
            "--interface=srv",
            "--bind-interfaces",
        ])
        .args([
            "--dhcp-range=10.9.0.50,10.9.0.50,120s",
            "--dhcp-option=26,1420",
            "--no-ping",
        ])
        .args(["--dhcp-option=121,10.77.0.0/16,10.9.0.1,0.0.0.0/0,10.9.0.1"])
        .args([
            "--dhcp-option=6,10.9.0.1",
            "--dhcp-option=15,real.test",
            "--user=root",
        ])
        .args(["--pid-file=", "--log-facility=-"])
        .arg(format!("--dhcp-leasefile={}", leases.display()))
        .stderr(Stdio::null())
        .spawn()
        .expect("dnsmasq, of the package dnsmasq-base");
    lab.others.push(dnsmasq);
    lab.start();

    lab.wait_said("eth0: lease 10.9.0.50/24 from 10.9.0.1 for 120s");
    lab.wait("route", |lab| {
        lab.routes().contains("10.77.0.0/16 via 10.9.0.1")
    });
    lab.wait("resolv.conf", |lab| {
        lab.resolv_conf() == "nameserver 10.9.0.1\nsearch real.test\n"
    });
    let status = fs::read_to_string(format!("/proc/{}/status", lab.pid())).unwrap();
    // CAP_NET_BIND_SERVICE 10, CAP_NET_ADMIN 12, CAP_NET_RAW 13; CAP_SYS_CHROOT 18 for chroot(1).
    assert!(status.contains("CapEff:\t0000000000043400"), "{status}");
    assert!(status.contains("Uid:\t53\t53"), "{status}");

    let _ = fs::remove_file(leases);
}

#[test]
fn a_lease_is_renewed_at_t1_with_its_server_and_the_address_never_leaves() {
    let (mut lab, server) = Lab::with(Script {
        lease_s: 30,
        times: Some((2, 20)),
        ..Script::default()
    });
    lab.wait_address(LEASE);

    for _ in 0..2 {
        let seen = server.wait("renewal", renewal);
        assert!(seen.unicast);
        assert_eq!(seen.message.client, Ipv4Addr::new(10, 9, 0, 15));
        assert_eq!(seen.message.options.server, None);
    }
    lab.wait_said("prolonged by 10.9.0.1 for 30s");

    assert!(lab.has_address(LEASE));
    assert!(
        !lab.changed
            .iter()
            .any(|line| line.starts_with("Deleted") && line.contains(LEASE))
    );
}

#[test]
fn a_server_deaf_to_renewals_is_asked_by_broadcast_at_t2() {
    let (mut lab, server) = Lab::with(Script {
        lease_s: 60,
        times: Some((1, 3)),
        answers_unicast: false,
        ..Script::default()
    });
    lab.wait_address(LEASE);

    assert!(server.wait("renewal", renewal).unicast);
    assert!(
        !server
            .wait("rebinding", |seen| renewal(seen) && !seen.unicast)
            .unicast
    );
    lab.wait_said("prolonged");

    assert!(lab.has_address(LEASE));
}

#[test]
fn a_refused_renewal_takes_the_address_away_and_a_new_one_is_found() {
    let (mut lab, server) = Lab::with(Script {
        lease_s: 60,
        times: Some((2, 30)),
        ..Script::default()
    });
    lab.wait_address(LEASE);
    server.change(|script| {
        script.denies = true;
        script.address = Ipv4Addr::new(10, 9, 0, 16);
    });

    lab.wait_said("a DHCP server took 10.9.0.15 back");
    server.change(|script| script.denies = false);
    lab.wait_address("10.9.0.16/24");

    assert!(!lab.has_address(LEASE));
    lab.wait("route", |lab| {
        lab.routes()
            .contains("default via 10.9.0.1 dev eth0 proto dhcp src 10.9.0.16")
    });
}

#[test]
fn a_server_that_disappears_costs_the_address_at_its_end_and_nothing_else() {
    let (mut lab, server) = Lab::with(Script {
        lease_s: 5,
        times: Some((1, 2)),
        mtu: Some(1300),
        ..Script::default()
    });
    lab.wait_address(LEASE);
    lab.wait("route", |lab| lab.routes().contains("default"));
    ip(&format!("-n {} addr add 192.0.2.7/24 dev eth0", lab.node));
    ip(&format!(
        "-n {} route add 198.51.100.0/24 via 192.0.2.1",
        lab.node
    ));
    server.change(|script| script.answers = false);

    lab.wait_said("eth0: lease of 10.9.0.15 expired");
    lab.wait("no address", |lab| !lab.has_address(LEASE));
    lab.wait("no route", |lab| !lab.routes().contains("proto dhcp"));
    lab.wait("resolvers", |lab| {
        lab.resolv_conf() == "nameserver 1.1.1.1\nnameserver 8.8.8.8\n"
    });
    lab.wait("old MTU", |lab| {
        ip(&format!("-n {} link show eth0", lab.node)).contains("mtu 1500")
    });
    assert!(lab.has_address("192.0.2.7/24"));
    assert!(lab.routes().contains("198.51.100.0/24 via 192.0.2.1"));

    server.forget();
    server.wait("search", |seen| seen.message.kind == Kind::Discover);
    server.change(|script| script.answers = true);
    lab.wait_address(LEASE);
}

#[test]
fn a_carrier_that_comes_back_brings_the_same_address() {
    let (mut lab, server) = Lab::with(Script::default());
    lab.wait_address(LEASE);
    ip(&format!("-n {} link set srv down", lab.far));
    lab.wait_said("eth0: no carrier");
    assert!(lab.has_address(LEASE));
    server.forget();
    ip(&format!("-n {} link set srv up", lab.far));

    let seen = server.wait("the same address", reboot);
    assert_eq!(
        seen.message.options.requested,
        Some(Ipv4Addr::new(10, 9, 0, 15))
    );
    lab.wait("second lease", |lab| {
        lab.said
            .iter()
            .filter(|line| line.contains("eth0: lease 10.9.0.15/24"))
            .count()
            == 2
    });
    assert!(lab.has_address(LEASE));
}

#[test]
fn a_link_taken_down_and_its_lost_routes_are_put_back() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    ip(&format!("-n {} link set eth0 down", lab.node));

    lab.wait_said("eth0: no carrier");
    lab.wait("route again", |lab| {
        lab.routes().contains("default via 10.9.0.1")
    });
    assert!(lab.has_address(LEASE));
}

#[test]
fn what_others_delete_is_put_back() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));

    ip(&format!("-n {} route del default", lab.node));
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    ip(&format!("-n {} addr del {LEASE} dev eth0", lab.node));
    lab.wait_address(LEASE);
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
}

#[test]
fn a_link_that_comes_later_is_brought_up_and_gets_a_lease() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait_address(LEASE);
    let subscriber = lab.greeted();
    snapshot(&subscriber);
    ip(&format!(
        "link add eth1 netns {} type veth peer name srv1 netns {}",
        lab.node, lab.far
    ));
    ip(&format!("-n {} link set srv1 up", lab.far));
    let _second = Server::start(
        &lab.far,
        "srv1",
        Script {
            address: Ipv4Addr::new(10, 9, 1, 20),
            ..Script::default()
        },
    );

    lab.wait_said("eth1: lease 10.9.1.20/24");
    lab.wait("address", |lab| {
        lab.addresses("eth1").contains("10.9.1.20/24")
    });
    ip(&format!("-n {} link del eth1", lab.node));
    loop {
        if let Reply::LinkGone(_) = hear(&subscriber).unwrap() {
            break;
        }
    }
    assert!(lab.has_address(LEASE));
    assert!(lab.is_alive());
}

#[test]
fn killed_and_started_again_it_keeps_the_address_and_asks_for_it_again() {
    let (mut lab, server) = Lab::with(Script::default());
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    lab.wait("file", |lab| lab.resolv_conf().contains("10.9.0.1"));
    lab.kill();
    server.forget();
    lab.changed.clear();
    lab.said.clear();
    lab.start();

    let seen = server.wait("the same address", reboot);
    assert_eq!(
        seen.message.options.requested,
        Some(Ipv4Addr::new(10, 9, 0, 15))
    );
    lab.wait_said("eth0: lease 10.9.0.15/24");
    let client = lab.greeted();
    snapshot(&client);
    lab.listen();
    let lost: Vec<_> = lab
        .changed
        .iter()
        .filter(|line| line.starts_with("Deleted"))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(lab.has_address(LEASE));
    assert!(lab.resolv_conf().contains("nameserver 10.9.0.1"));
}

#[test]
fn killed_and_started_again_without_a_server_it_keeps_the_address_until_its_end() {
    let (mut lab, server) = Lab::with(Script {
        lease_s: 20,
        ..Script::default()
    });
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    server.change(|script| script.answers = false);
    lab.kill();
    lab.said.clear();
    lab.start();

    server.forget();
    server.wait("the same address", reboot);
    assert!(lab.has_address(LEASE));
    assert!(lab.routes().contains("default via 10.9.0.1"));
    lab.wait("end", |lab| !lab.has_address(LEASE));
    lab.wait("no route", |lab| !lab.routes().contains("proto dhcp"));
}

#[test]
fn without_a_server_it_says_so_once_and_goes_on() {
    let (mut lab, server) = Lab::with(Script {
        answers: false,
        ..Script::default()
    });

    lab.wait_said("eth0: no DHCP server answered yet, still asking");
    for _ in 0..2 {
        server.wait("search", |seen| seen.message.kind == Kind::Discover);
    }
    assert!(lab.is_alive());
    let said = lab
        .said
        .iter()
        .filter(|line| line.contains("no DHCP server"))
        .count();
    assert_eq!(said, 1, "{:?}", lab.said);
    lab.wait("resolvers", |lab| lab.resolv_conf().contains("1.1.1.1"));
    server.change(|script| script.answers = true);
    lab.wait_address(LEASE);
}

#[test]
fn a_subscriber_hears_everything_then_news() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    let client = lab.greeted();
    let told = snapshot(&client);

    let link = |name: &str| {
        told.iter()
            .any(|reply| matches!(reply, Reply::Link(link) if link.name == name))
    };
    assert!(link("lo") && link("eth0"), "{told:?}");
    let address = Ipv4Addr::new(10, 9, 0, 15);
    assert!(told.iter().any(|reply| matches!(reply, Reply::Address(told)
        if told.address == address && told.prefix_len == 24 && told.link_name == "eth0")));
    assert!(told.iter().any(|reply| matches!(reply, Reply::Route(told)
        if told.prefix_len == 0 && told.priority == 1024 && told.protocol == 16)));
    let lease = told.iter().find_map(|reply| match reply {
        Reply::Lease(lease) => Some(lease),
        _ => None,
    });
    let lease = lease.unwrap();
    assert_eq!(lease.state, LeaseState::Bound);
    assert_eq!(lease.server, Some(Ipv4Addr::new(10, 9, 0, 1)));
    assert_eq!((lease.domain.as_str(), lease.lease_s), ("lab.test", 600));

    ip(&format!("-n {} addr add 192.0.2.7/24 dev lo", lab.node));
    let wanted = Ipv4Addr::new(192, 0, 2, 7);
    while !matches!(hear(&client), Some(Reply::Address(told)) if told.address == wanted) {}
    ip(&format!("-n {} addr del 192.0.2.7/24 dev lo", lab.node));
    while !matches!(hear(&client), Some(Reply::AddressGone(told)) if told.address == wanted) {}
}

#[test]
fn ten_thousand_malformed_messages_harm_nobody() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait_address(LEASE);
    let good = lab.greeted();
    let before = lab.memory();
    let client = lab.greeted();
    let mut random: u32 = 1;
    for round in 0_usize..10_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut message = vec![0; 1 + round % 40];
        for byte in &mut message {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = random.to_be_bytes()[0];
        }
        // Not one of the two that exist.
        message[0] |= 4;
        if round % 1000 == 0 {
            message.resize(proto::MAX_MESSAGE + 1, 0);
        }
        seqpacket::send(&client, &message).unwrap();
        assert_eq!(
            hear(&client),
            Some(Reply::Refused(Refusal::Malformed)),
            "{round}"
        );
    }
    for _ in 0..100 {
        let stranger = lab.connect();
        seqpacket::send(&stranger, &[0xff; 100]).unwrap();
        assert_eq!(hear(&stranger), Some(Reply::Refused(Refusal::NotGreeted)));
        assert_eq!(hear(&stranger), None);
    }

    assert!(!snapshot(&good).is_empty());
    assert!(lab.is_alive());
    let after = lab.memory();
    assert!(after <= before + 64, "{before} kB became {after} kB");
}

#[test]
fn who_does_not_greet_or_speaks_another_version_is_refused_and_closed() {
    let mut lab = Lab::new();
    lab.start();
    for (request, refusal) in [
        (Request::Subscribe(()), Refusal::NotGreeted),
        (Request::Hello(Greeting { version: 999 }), Refusal::Version),
    ] {
        let client = lab.connect();
        say(&client, &request);
        assert_eq!(hear(&client), Some(Reply::Refused(refusal)));
        assert_eq!(hear(&client), None);
    }
}

#[test]
fn another_user_is_refused_and_closed() {
    let mut lab = Lab::new();
    lab.start();
    let client = lab.connect_as(sys::process::Uid::from_raw(65_534));

    say(&client, &Request::Hello(Greeting::OURS));

    assert_eq!(hear(&client), Some(Reply::Refused(Refusal::NotAllowed)));
    assert_eq!(hear(&client), None);
    assert!(!snapshot(&lab.greeted()).is_empty());
}

#[test]
fn one_connection_too_many_is_told_so() {
    let mut lab = Lab::new();
    lab.start();
    let connections: Vec<_> = (0..8).map(|_| lab.greeted()).collect();
    let client = lab.connect();

    assert_eq!(hear(&client), Some(Reply::Refused(Refusal::Full)));
    drop(connections);
    lab.wait("room", |lab| {
        let client = lab.connect();
        say(&client, &Request::Hello(Greeting::OURS));
        hear(&client) == Some(Reply::Welcome(Greeting::OURS))
    });
}

#[test]
fn a_subscriber_that_does_not_read_holds_up_nobody() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait_address(LEASE);
    let deaf = lab.greeted();
    say(&deaf, &Request::Subscribe(()));
    let attentive = lab.greeted();
    snapshot(&attentive);
    // Each change is four messages or more; no socket holds a thousand of them.
    let mut batch = String::new();
    for number in 0..250 {
        batch += &format!("addr add 10.200.{number}.1/24 dev lo\n");
        batch += &format!("addr del 10.200.{number}.1/24 dev lo\n");
    }
    batch += "addr add 192.0.2.99/32 dev lo\n";
    let file = std::env::temp_dir().join(format!("{}.batch", lab.node));
    fs::write(&file, batch).unwrap();
    run("ip", &["-n", &lab.node, "-batch", file.to_str().unwrap()]);
    fs::remove_file(file).unwrap();

    let wanted = Ipv4Addr::new(192, 0, 2, 99);
    let mut reader = attentive;
    loop {
        match hear(&reader) {
            Some(Reply::Address(told)) if told.address == wanted => break,
            Some(_) => {}
            // Too far behind: it begins anew, and finds all there.
            None => {
                reader = lab.greeted();
                say(&reader, &Request::Subscribe(()));
            }
        }
    }
    assert!(lab.is_alive());
    drop(deaf);
}

#[test]
fn news_that_overruns_its_queue_is_made_up_for_by_a_listing() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    let pid = lab.pid().to_string();
    run("kill", &["-STOP", &pid]);
    let mut batch = String::new();
    for number in 0..3000 {
        batch += &format!(
            "addr add 10.200.{}.{}/32 dev lo\n",
            number / 250,
            number % 250
        );
        batch += &format!(
            "addr del 10.200.{}.{}/32 dev lo\n",
            number / 250,
            number % 250
        );
    }
    batch += "addr add 192.0.2.99/32 dev lo\n";
    batch += &format!("addr del {LEASE} dev eth0\n");
    let file = std::env::temp_dir().join(format!("{}.batch", lab.node));
    fs::write(&file, batch).unwrap();
    run("ip", &["-n", &lab.node, "-batch", file.to_str().unwrap()]);
    fs::remove_file(file).unwrap();
    run("kill", &["-CONT", &pid]);

    lab.wait_said("more news from the kernel than there is room for");
    lab.wait_address(LEASE);
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    let client = lab.greeted();
    let wanted = Ipv4Addr::new(192, 0, 2, 99);
    assert!(
        snapshot(&client)
            .iter()
            .any(|reply| matches!(reply, Reply::Address(told) if told.address == wanted))
    );
}

#[test]
fn a_route_that_the_kernel_refuses_is_told_once_and_spoils_nothing_else() {
    let to = |destination: [u8; 4], prefix_len, gateway: [u8; 4]| ClasslessRoute {
        destination: destination.into(),
        prefix_len,
        gateway: gateway.into(),
    };
    let (mut lab, server) = Lab::with(Script {
        lease_s: 60,
        times: Some((6, 30)),
        // A broadcast address is no gateway.
        routes: vec![
            to([10, 77, 0, 0], 16, [10, 9, 0, 255]),
            to([0; 4], 0, [10, 9, 0, 1]),
        ],
        ..Script::default()
    });

    lab.wait_said("eth0: cannot add a route: EINVAL");
    lab.wait("route", |lab| lab.routes().contains("default via 10.9.0.1"));
    for _ in 0..2 {
        server.wait("renewal", renewal);
    }
    lab.listen();
    let said = lab
        .said
        .iter()
        .filter(|line| line.contains("cannot"))
        .count();
    assert_eq!(said, 1, "{:?}", lab.said);
}
