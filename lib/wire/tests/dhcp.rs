// SPDX-License-Identifier: MPL-2.0
//! DHCP: what dnsmasq really sends, round trips, and bytes that are none of it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::net::Ipv4Addr;

use heapless::{String, Vec};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use wire::dhcp::{
    ClasslessRoute, Endpoints, Error, Kind, Message, PACKET_MAX, PARAMETERS, emit_packet,
    parse_packet,
};

/// Where the message begins in a frame, and where its options do in the message.
const MESSAGE_AT: usize = 14 + 20 + 8;
const OPTIONS_AT: usize = 240;

/// A frame from its beginning, the zeros of its long unused fields, and its end.
fn frame(head: &str, len: usize, tail: &str) -> std::vec::Vec<u8> {
    let bytes = |text: &str| -> std::vec::Vec<u8> {
        let digits: std::vec::Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    let (mut frame, tail) = (bytes(head), bytes(tail));
    frame.resize(len - tail.len(), 0);
    frame.extend(tail);
    frame
}

/// dnsmasq 2.90 offers an address over a veth, whose UDP checksum nobody finished.
fn offer() -> std::vec::Vec<u8> {
    frame(
        "0200 0000 0001 0200 0000 0002 0800 45c0 0166 4c36 0000 4011 184d 0a09 0001 0a09
         0032 0043 0044 0152 15a8 0201 0600 88c0 715f 0000 0000 0000 0000 0a09 0032 0a09
         0001 0000 0000 0200 0000 0001",
        0x174,
        "6382 5363 3501 0236 040a 0900 0133 0400 0000 783a 0400 0000 3c3b 0400 0000 6901
         04ff ffff 001c 040a 0900 ff03 040a 0900 012a 040a 0900 010f 086c 6162 2e74 6573
         7406 080a 0900 0109 0909 0979 0c10 0a4d 0a09 0001 000a 0900 011a 0205 78ff",
    )
}

/// The message in [`offer`].
fn offer_message() -> std::vec::Vec<u8> {
    offer()[MESSAGE_AT..].to_vec()
}

/// A message with these options.
fn with_options(options: &[u8]) -> std::vec::Vec<u8> {
    let mut bytes = offer_message()[..OPTIONS_AT].to_vec();
    bytes.extend_from_slice(options);
    bytes
}

fn discover() -> Message {
    let mut message = Message::new(Kind::Discover, 7, [2, 0, 0, 0, 0, 1]);
    message.options.parameters = Vec::from_slice(PARAMETERS).unwrap();
    message.options.client_id = Vec::from_slice(&[1, 2, 0, 0, 0, 0, 1]).unwrap();
    message.options.host_name = String::try_from("node-1").unwrap();
    message
}

const ENDS: Endpoints = Endpoints {
    source_hardware: [2, 0, 0, 0, 0, 1],
    destination_hardware: [0xff; 6],
    source: Ipv4Addr::UNSPECIFIED,
    destination: Ipv4Addr::BROADCAST,
    source_port: 68,
    destination_port: 67,
};

#[test]
fn a_captured_offer_is_read_whole() {
    let frame = offer();
    let (ends, payload) = parse_packet(&frame).unwrap();
    let offer = Message::parse(payload).unwrap();

    assert_eq!(ends.source, Ipv4Addr::new(10, 9, 0, 1));
    assert_eq!((ends.source_port, ends.destination_port), (67, 68));
    assert_eq!(ends.source_hardware, [2, 0, 0, 0, 0, 2]);
    assert_eq!(offer.kind, Kind::Offer);
    assert_eq!(offer.transaction, 0x88c0_715f);
    assert_eq!(offer.hardware, [2, 0, 0, 0, 0, 1]);
    assert_eq!(offer.yours, Ipv4Addr::new(10, 9, 0, 50));
    let options = &offer.options;
    assert_eq!(options.server, Some(Ipv4Addr::new(10, 9, 0, 1)));
    assert_eq!(options.subnet_mask, Some(Ipv4Addr::new(255, 255, 255, 0)));
    assert_eq!(options.broadcast, Some(Ipv4Addr::new(10, 9, 0, 255)));
    assert_eq!(
        (options.lease_s, options.renewal_s, options.rebinding_s),
        (Some(120), Some(60), Some(105))
    );
    assert_eq!(options.routers, [Ipv4Addr::new(10, 9, 0, 1)]);
    assert_eq!(
        options.dns,
        [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(9, 9, 9, 9)]
    );
    assert_eq!(options.ntp, [Ipv4Addr::new(10, 9, 0, 1)]);
    assert_eq!(options.domain, "lab.test");
    assert_eq!(options.mtu, Some(1400));
    let route = |destination: [u8; 4], prefix_len| ClasslessRoute {
        destination: destination.into(),
        prefix_len,
        gateway: Ipv4Addr::new(10, 9, 0, 1),
    };
    assert_eq!(
        options.routes,
        [route([10, 77, 0, 0], 16), route([0, 0, 0, 0], 0)]
    );
}

#[test]
fn a_captured_frame_cut_anywhere_is_refused() {
    let frame = offer();
    for len in 0..frame.len() {
        assert!(parse_packet(&frame[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_captured_message_cut_before_its_kind_is_refused_and_never_panics() {
    let message = offer_message();
    for len in 0..message.len() {
        let read = Message::parse(&message[..len]);
        assert!(len >= OPTIONS_AT + 3 || read.is_err(), "{len}");
    }
}

#[test]
fn a_frame_with_one_bit_wrong_is_refused() {
    let mut buffer = [0; PACKET_MAX];
    let mut room = [0; PACKET_MAX];
    let frame = emit_packet(&ENDS, discover().emit(&mut room).unwrap(), &mut buffer).unwrap();
    // Hardware addresses have no checksum here; the frame's end is the link's business.
    for at in 14..frame.len() {
        let mut wrong = frame.to_vec();
        wrong[at] ^= 0x10;
        assert!(parse_packet(&wrong).is_err(), "{at}");
    }
}

#[test]
fn a_fragment_another_protocol_and_another_family_are_refused() {
    for (at, byte) in [(20, 0x20), (21, 1), (23, 6), (12, 0x86), (14, 0x65)] {
        let mut wrong = offer();
        wrong[at] = byte;
        assert!(parse_packet(&wrong).is_err(), "{at}");
    }
}

#[test]
fn a_frame_without_a_udp_checksum_is_read() {
    let mut frame = offer();
    frame[40..42].copy_from_slice(&[0, 0]);

    assert!(parse_packet(&frame).is_ok());
}

#[test]
fn hardware_that_is_not_ethernet_and_a_wrong_magic_number_are_refused() {
    for (at, byte) in [(1, 6), (2, 8), (236, 0)] {
        let mut wrong = offer_message();
        wrong[at] = byte;
        assert_eq!(Message::parse(&wrong), Err(Error::NotDhcp), "{at}");
    }
}

#[test]
fn a_kind_that_is_missing_unknown_or_of_the_other_direction_is_refused() {
    for options in [
        &[255][..],
        &[53, 1, 9, 255],
        &[53, 1, 1, 255],
        &[53, 1, 0, 255],
        &[],
    ] {
        assert_eq!(
            Message::parse(&with_options(options)),
            Err(Error::NoKind),
            "{options:?}"
        );
    }
}

#[test]
fn options_of_a_length_they_cannot_have_are_refused() {
    for number in [1, 3, 6, 26, 28, 42, 50, 51, 54, 57, 58, 59] {
        for len in [0_u8, 1, 3, 5] {
            let mut options = vec![53, 1, 2, number, len];
            options.resize(options.len() + usize::from(len), 1);
            let read = Message::parse(&with_options(&options));
            assert_eq!(read, Err(Error::BadOption(number)), "{number} {len}");
        }
    }
}

#[test]
fn an_option_that_runs_over_the_end_is_refused() {
    for options in [
        &[53, 1, 2, 6][..],
        &[53, 1, 2, 6, 8, 1, 1, 1, 1],
        &[53, 200],
    ] {
        assert!(matches!(
            Message::parse(&with_options(options)),
            Err(Error::OptionTooLong(_))
        ));
    }
}

#[test]
fn classless_routes_that_are_not_whole_are_refused() {
    for route in [
        &[33, 0, 0, 0, 0, 1, 1, 1, 1][..],
        &[24, 10, 0],
        &[0, 1, 1, 1],
        &[8],
    ] {
        let mut options = vec![53, 1, 2, 121, u8::try_from(route.len()).unwrap()];
        options.extend_from_slice(route);
        let read = Message::parse(&with_options(&options));
        assert_eq!(read, Err(Error::BadOption(121)), "{route:?}");
    }
}

#[test]
fn classless_routes_split_over_two_options_are_joined() {
    let options = [53, 1, 2, 121, 3, 16, 10, 77, 121, 4, 10, 9, 0, 1, 255];
    let read = Message::parse(&with_options(&options)).unwrap();

    assert_eq!(read.options.routes.len(), 1);
    assert_eq!(read.options.routes[0].gateway, Ipv4Addr::new(10, 9, 0, 1));
}

#[test]
fn more_routes_and_servers_than_there_is_room_for_keep_the_first() {
    let mut options = vec![53, 1, 2];
    for _ in 0..3 {
        options.extend_from_slice(&[121, 90]);
        options.extend_from_slice(&[32, 10, 0, 0, 1, 10, 0, 0, 2].repeat(10));
    }
    options.extend_from_slice(&[6, 20]);
    options.extend_from_slice(&[9; 20]);
    let read = Message::parse(&with_options(&options)).unwrap();

    assert_eq!(read.options.routes.len(), 16);
    assert_eq!(read.options.dns.len(), 3);
}

#[test]
fn bits_beyond_the_prefix_of_a_route_are_cleared() {
    let options = [53, 1, 2, 121, 7, 12, 10, 255, 10, 9, 0, 1, 255];
    let read = Message::parse(&with_options(&options)).unwrap();

    assert_eq!(
        read.options.routes[0].destination,
        Ipv4Addr::new(10, 240, 0, 0)
    );
}

#[test]
fn names_that_could_break_a_file_are_not_believed() {
    for name in ["a\nnameserver 6.6.6.6", "a b", "a;b", "\u{fc}", "a\0b", "#"] {
        let mut options = vec![53, 1, 2, 15, u8::try_from(name.len()).unwrap()];
        options.extend_from_slice(name.as_bytes());
        let read = Message::parse(&with_options(&options)).unwrap();
        assert_eq!(read.options.domain, "", "{name:?}");
    }
}

#[test]
fn a_name_with_a_closing_nul_is_read_without_it() {
    let options = [53, 1, 2, 12, 3, b'n', b'1', 0];

    assert_eq!(
        Message::parse(&with_options(&options))
            .unwrap()
            .options
            .host_name,
        "n1"
    );
}

#[test]
fn a_message_is_as_long_as_old_servers_want_it() {
    let mut buffer = [0; PACKET_MAX];
    assert_eq!(discover().emit(&mut buffer).unwrap().len(), 300);
}

#[test]
fn what_does_not_fit_is_said_and_not_cut() {
    for len in 0..300 {
        let mut buffer = vec![0; len];
        assert_eq!(discover().emit(&mut buffer), Err(Error::NoRoom), "{len}");
        assert_eq!(
            emit_packet(&ENDS, &[0; 300], &mut buffer),
            Err(Error::NoRoom)
        );
    }
}

#[test]
fn every_kind_goes_there_and_back() {
    for kind in [
        Kind::Discover,
        Kind::Offer,
        Kind::Request,
        Kind::Decline,
        Kind::Ack,
        Kind::Nak,
        Kind::Release,
        Kind::Inform,
    ] {
        let there = Message::new(kind, 1, [1; 6]);
        let mut buffer = [0; PACKET_MAX];
        assert_eq!(Message::parse(there.emit(&mut buffer).unwrap()), Ok(there));
    }
}

proptest! {
    #[test]
    fn a_message_survives_the_way_there_and_back(
        transaction in any::<u32>(), seconds in any::<u16>(), broadcast in any::<bool>(),
        hardware in any::<[u8; 6]>(), client in any::<[u8; 4]>(), yours in any::<[u8; 4]>(),
        times in prop::option::of(any::<[u32; 3]>()), addresses in any::<[[u8; 4]; 3]>(),
        mtu in 68_u16.., domain in "[a-z0-9.-]{0,127}", host_name in "[a-z0-9-]{0,63}",
        routes in prop::collection::vec((any::<[u8; 4]>(), 0_u8..=32, any::<[u8; 4]>()), 0..16),
    ) {
        let mut there = Message::new(Kind::Ack, transaction, hardware);
        there.seconds = seconds;
        there.broadcast = broadcast;
        there.client = client.into();
        there.yours = yours.into();
        let options = &mut there.options;
        options.lease_s = times.map(|times| times[0]);
        options.renewal_s = times.map(|times| times[1]);
        options.rebinding_s = times.map(|times| times[2]);
        options.subnet_mask = Some(addresses[0].into());
        options.broadcast = Some(addresses[1].into());
        options.server = Some(addresses[2].into());
        options.requested = Some(addresses[0].into());
        options.dns = addresses.iter().map(|octets| Ipv4Addr::from(*octets)).collect();
        options.ntp = options.dns.clone();
        options.routers = options.dns.clone();
        options.mtu = Some(mtu);
        options.max_size = Some(mtu);
        options.domain = String::try_from(domain.as_str()).unwrap();
        options.host_name = String::try_from(host_name.as_str()).unwrap();
        options.client_id = Vec::from_slice(&hardware).unwrap();
        options.parameters = Vec::from_slice(PARAMETERS).unwrap();
        options.routes = routes
            .into_iter()
            .map(|(destination, prefix_len, gateway)| {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
                let destination = Ipv4Addr::from(destination).to_bits() & mask;
                ClasslessRoute {
                    destination: Ipv4Addr::from_bits(destination),
                    prefix_len,
                    gateway: gateway.into(),
                }
            })
            .collect();
        let mut buffer = [0; PACKET_MAX];
        let bytes = there.emit(&mut buffer).unwrap();
        prop_assert_eq!(Message::parse(bytes), Ok(there));
    }

    #[test]
    fn a_packet_survives_the_way_there_and_back(
        payload in prop::collection::vec(any::<u8>(), 0..1400), source in any::<[u8; 4]>(),
        source_port in 1_u16.., destination_port in 1_u16..,
    ) {
        let ends = Endpoints { source: source.into(), source_port, destination_port, ..ENDS };
        let mut buffer = [0; PACKET_MAX];
        let frame = emit_packet(&ends, &payload, &mut buffer).unwrap();
        prop_assert_eq!(parse_packet(frame), Ok((ends, payload.as_slice())));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = (parse_packet(&bytes), Message::parse(&bytes));
    }

    #[test]
    fn no_options_make_the_reader_panic(options in prop::collection::vec(any::<u8>(), 0..400)) {
        let read = Message::parse(&with_options(&options));
        if let Ok(message) = read {
            prop_assert!(message.options.routes.len() <= 16);
        }
    }

    #[test]
    fn no_byte_changed_in_a_real_frame_makes_the_reader_panic(
        at in 0_usize..0x174, byte in any::<u8>(),
    ) {
        let mut frame = offer();
        frame[at] = byte;
        if let Ok((_, payload)) = parse_packet(&frame) {
            let _ = Message::parse(payload);
        }
        let _ = Message::parse(&frame[MESSAGE_AT..]);
    }
}
