// SPDX-License-Identifier: MPL-2.0
//! What netd promises of its leases.
//!
//! Owns: how one is got, kept, renewed and lost.
//! Never: asks a server of the machine it runs on.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use wire::dhcp::{ClasslessRoute, Kind};

use crate::lab::{Lab, Script, ip, snapshot};
use crate::{LEASE, reboot, renewal};

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
