// SPDX-License-Identifier: MPL-2.0
//! What netd promises at its socket.
//!
//! Owns: subscribers, bad messages, other users, one connection too many.
//! Never: cares what the network is.

use std::fs;
use std::net::Ipv4Addr;

use proto::net::{LeaseState, Link, Reply, Request};
use proto::{Greeting, Refusal};
use sys::seqpacket;

use crate::LEASE;
use crate::lab::{Lab, Script, hear, ip, run, say, snapshot};

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
        if told.prefix_len == 0 && told.priority == 1024 && told.protocol == 16
            && told.source == Some(address.into()))));
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
fn a_link_says_its_speed_and_queue_and_what_it_is_in_and_an_address_whom_it_reaches() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait_address(LEASE);
    ip(&format!("-n {} link add br0 type bridge", lab.node));
    ip(&format!(
        "-n {} link add eth9 type veth peer name eth8",
        lab.node
    ));
    ip(&format!("-n {} link set eth9 master br0", lab.node));
    let client = lab.greeted();
    let mut told = snapshot(&client);

    let mut link = |name: &str, holds: fn(&Link) -> bool| loop {
        let found = told.iter().find_map(|reply| match reply {
            Reply::Link(link) if link.name == name && holds(link) => Some(link.clone()),
            _ => None,
        });
        match found {
            Some(link) => break link,
            None => told.push(hear(&client).unwrap()),
        }
    };
    let bridge = link("br0", |_| true);
    let inside = link("eth9", |link| link.master_index != 0);
    let below = link("eth8", |_| true);
    assert_eq!(inside.master_index, bridge.index);
    assert_eq!(
        (inside.lower_index, inside.slave_kind.as_str()),
        (below.index, "bridge")
    );
    assert_eq!((below.master_index, below.slave_kind.as_str()), (0, ""));
    let cable = link("eth0", |link| link.hardware.speed_mbit != 0);
    // What the kernel's driver of veth says (drivers/net/veth.c).
    let (speed_mbit, duplex) = (10_000, 1);
    assert_eq!(
        (cable.hardware.speed_mbit, cable.hardware.duplex),
        (speed_mbit, duplex)
    );
    assert_eq!(
        (
            cable.queue_discipline.as_str(),
            cable.hardware.driver.as_str()
        ),
        ("noqueue", "")
    );
    assert_eq!(
        (&cable.broadcast_address[..], &cable.permanent_address[..]),
        (&[0xff; 6][..], &[][..])
    );
    let address = told.iter().find_map(|reply| match reply {
        Reply::Address(told) if told.link_name == "eth0" => told.broadcast.zip(told.local),
        _ => None,
    });
    let all = Ipv4Addr::new(10, 9, 0, 255).into();
    assert_eq!(address, Some((all, Ipv4Addr::new(10, 9, 0, 15).into())));
}

#[test]
fn who_asks_gets_a_packet_socket_that_hears_what_they_say() {
    let (mut lab, _server) = Lab::with(Script::default());
    lab.wait_address(LEASE);
    let client = lab.greeted();
    say(&client, &Request::PacketSocket(()));

    let mut buffer = [0; proto::MAX_MESSAGE];
    let received = seqpacket::receive(&client, &mut buffer).unwrap();

    let seqpacket::Received::Message(len, Some(socket)) = received else {
        panic!("{received:?}");
    };
    let reply = Reply::decode(&buffer[..len]).unwrap();
    assert_eq!(reply, Reply::PacketSocket(()));
    let mut frame = [0; 2048];
    let nothing = sys::net::recv(&socket, &mut frame[..], sys::net::RecvFlags::empty());
    assert_eq!(nothing.unwrap_err(), sys::io::Errno::AGAIN);
    // Its network is the one that netd is in, where `lo` is 1.
    sys::packet::bind(&socket, 1, sys::packet::EVERY_PROTOCOL).unwrap();
    let send = "echo x > /dev/udp/127.0.0.1/9";
    run("ip", &["netns", "exec", &lab.node, "bash", "-c", send]);
    sys::io::ioctl_fionbio(&socket, false).unwrap();
    let patience = Some(std::time::Duration::from_secs(20));
    let receiving = sys::net::sockopt::Timeout::Recv;
    sys::net::sockopt::set_socket_timeout(&socket, receiving, patience).unwrap();
    let heard = sys::net::recv(&socket, &mut frame[..], sys::net::RecvFlags::empty());
    let (_, len) = heard.unwrap();
    assert_eq!(&frame[12..14], [8, 0]);
    assert!(len > 34 && sys::packet::received_at(&socket).is_ok());
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
        // Not one of the three that exist.
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
