// SPDX-License-Identifier: MPL-2.0
//! What netd promises when links come and go and others change things.
//!
//! Owns: carriers, links, what is put back, what the kernel refuses, its floods of news.
//! Never: leaves a wish unfulfilled in silence.

use std::fs;
use std::net::Ipv4Addr;

use proto::net::Reply;
use wire::dhcp::ClasslessRoute;

use crate::lab::{Lab, Script, Server, hear, ip, run, snapshot};
use crate::{LEASE, reboot, renewal};

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
