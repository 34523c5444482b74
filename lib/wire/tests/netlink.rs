// SPDX-License-Identifier: MPL-2.0
//! Netlink: what the kernel really sends, round trips, and bytes that are none of it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::net::IpAddr;

use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use wire::netlink::{Attributes, Content, Error, Message, Messages, REQUEST, Writer, parse};
use wire::rtnetlink::{
    Address, Dump, IFF_LOOPBACK, INFINITE, Link, LinkOrder, News, PROTOCOL_DHCP, Route, Wanted,
};

/// The bytes of a text of hexadecimal digits.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What Linux 6.18 on a little-endian machine said about a veth, with the attributes we do not
/// read left in up to `IFLA_LINKINFO` and the length set accordingly.
fn veth() -> Vec<u8> {
    let mut bytes = hex(
        "00000000 1000 0200 01000000 56060000 0000 0100 03000000 43100100 00000000
         0900 0300 6574683000000000 0800 0d00 e8030000 0500 1000 06000000 0500 1100 00000000
         0500 4300 00000000 0800 0400 dc050000 0800 3200 44000000 0800 3300 ffff0000
         0600 4400 00000000 0a00 0100 5ec74ea5be580000 0a00 0200 ffffffffffff0000
         1000 1200 0900 0100 7665746800000000 0800 0500 02000000",
    );
    // IFLA_LINKINFO as captured: kind "veth", padded.
    let len = u32::try_from(bytes.len()).unwrap();
    bytes[..4].copy_from_slice(&len.to_ne_bytes());
    bytes
}

/// What the same kernel said of a veth in a bridge, and of the machine's virtio-net: the attributes we
/// read, of what the link is in the bridge only its kind, and the lengths set accordingly.
const BRIDGED: &str = "8c000000 1000 0200 01000000 0e3d0000 0000 0100 04000000 02100000 00000000
    0900 0300 6574683000000000 0500 1000 02000000 0800 0400 dc050000 0800 0a00 02000000
    0a00 0100 fe06232e027e0000 0a00 0200 ffffffffffff0000
    1c00 1200 0900 0100 7665746800000000 0b00 0400 6272696467650000
    0800 0500 03000000 0900 0600 6e6f6f7000000000";
const VIRTIO: &str = "70000000 1000 0200 01000000 c93d0000 0000 0100 04000000 43100100 00000000
    0900 0300 6574683000000000 0500 1000 06000000 0800 0400 78050000
    0a00 0100 02fc000000010000 0a00 0200 ffffffffffff0000 0a00 3600 02fc000000010000
    0f00 0600 706669666f5f666173740000";

const BRIDGE_ADDRESS: &str = "54000000 1400 0200 01000000 0e3d0000 02 18 80 00 02000000
    0800 0100 0a09000f 0800 0200 0a09000f 0800 0400 0a0900ff 0800 0300 62723000
    0800 0800 80000000 1400 0600 ffffffff ffffffff 0eee4b00 0eee4b00";
const LOOPBACK_ADDRESS: &str = "4c000000 1400 0200 01000000 56060000 02 08 80 fe 01000000
    0800 0100 7f000001 0800 0200 7f000001 0700 0300 6c6f0000 0800 0800 80000000
    1400 0600 ffffffff ffffffff 40970400 40970400";
const LINK_LOCAL_ADDRESS: &str = "50000000 1400 0200 01000000 56060000 0a 40 c0 fd 03000000
    1400 0100 fe80000000000000 5cc74efffea5be58 1400 0600 ffffffff ffffffff 40970400 40970400
    0800 0800 c0000000 0500 0b00 03000000";
/// Through a link without a carrier.
const NARROW_ROUTE: &str = "48000000 1800 0200 01000000 1b480000 02 10 00 00 fe 03 00 01 11000000
    0800 0f00 fe000000 0800 0100 0a4d0000 0c00 0800 0800 0200 78050000 0800 0500 0a090001
    0800 0400 03000000";
const LOCAL_ROUTE: &str = "3c000000 1800 0200 01000000 56060000 02 20 00 00 ff 02 fe 02 00000000
    0800 0f00 ff000000 0800 0100 7f000001 0800 0700 7f000001 0800 0400 01000000";

/// All that was captured.
fn captured() -> [Vec<u8>; 8] {
    [
        veth(),
        hex(BRIDGED),
        hex(VIRTIO),
        hex(BRIDGE_ADDRESS),
        hex(LOOPBACK_ADDRESS),
        hex(LINK_LOCAL_ADDRESS),
        hex(NARROW_ROUTE),
        hex(LOCAL_ROUTE),
    ]
}

fn news(bytes: &[u8]) -> Result<Option<News>, Error> {
    let (message, _) = parse(bytes)?;
    News::parse(&message)
}

#[cfg(target_endian = "little")]
#[test]
fn a_captured_link_is_read_with_its_name_kind_and_state() {
    let Ok(Some(News::Link(link))) = news(&veth()) else {
        panic!("no link");
    };

    assert_eq!((link.index, link.arp_type, link.mtu), (3, 1, 1500));
    assert_eq!(link.name, "eth0");
    assert_eq!(link.kind, "veth");
    assert_eq!(
        link.ethernet_address(),
        Some([0x5e, 0xc7, 0x4e, 0xa5, 0xbe, 0x58])
    );
    assert!(link.has_carrier());
    assert_eq!(link.flags & IFF_LOOPBACK, 0);
    assert_eq!(link.oper_state, 6);
}

#[cfg(target_endian = "little")]
#[test]
fn a_captured_link_in_a_bridge_says_what_it_is_there_and_what_is_below_it() {
    let Ok(Some(News::Link(bridged))) = news(&hex(BRIDGED)) else {
        panic!("no link");
    };

    assert_eq!(
        (bridged.kind.as_str(), bridged.slave_kind.as_str()),
        ("veth", "bridge")
    );
    assert_eq!((bridged.lower_index, bridged.master_index), (3, 2));
    assert_eq!(bridged.broadcast_address, [0xff; 6]);
    assert_eq!(bridged.permanent_address, []);
    assert_eq!(bridged.queue_discipline, "noop");
}

#[cfg(target_endian = "little")]
#[test]
fn a_captured_physical_link_says_its_queue_and_the_address_it_came_with() {
    let Ok(Some(News::Link(physical))) = news(&hex(VIRTIO)) else {
        panic!("no link");
    };

    assert_eq!((physical.lower_index, physical.master_index), (0, 0));
    assert_eq!(
        (physical.kind.as_str(), physical.slave_kind.as_str()),
        ("", "")
    );
    assert_eq!(physical.permanent_address, physical.hardware_address);
    assert_eq!(physical.broadcast_address, [0xff; 6]);
    assert_eq!(physical.queue_discipline, "pfifo_fast");
}

#[test]
fn a_word_too_long_for_us_is_still_not_none() {
    let mut buffer = [0; 128];
    let mut writer = Writer::new(&mut buffer, 16, REQUEST, 1);
    writer.bytes(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    writer.attribute(3, b"eth0\0");
    writer.attribute(6, b"sixteen_letters_\0");
    writer.attribute(2, &[0xff; 21]);
    let Ok(Some(News::Link(link))) = news(writer.finish().unwrap()) else {
        panic!("no link");
    };

    assert_eq!(link.queue_discipline, "other");
    assert_eq!(link.broadcast_address, []);
}

#[cfg(target_endian = "little")]
#[test]
fn captured_addresses_of_both_families_are_read() {
    let Ok(Some(News::Address(loopback))) = news(&hex(LOOPBACK_ADDRESS)) else {
        panic!("no address");
    };
    let Ok(Some(News::Address(local))) = news(&hex(LINK_LOCAL_ADDRESS)) else {
        panic!("no address");
    };
    let Ok(Some(News::Address(bridge))) = news(&hex(BRIDGE_ADDRESS)) else {
        panic!("no address");
    };

    assert_eq!(loopback.address, IpAddr::from([127, 0, 0, 1]));
    assert_eq!(
        (loopback.prefix_len, loopback.scope, loopback.flags),
        (8, 254, 0x80)
    );
    assert_eq!(loopback.valid_s, INFINITE);
    assert_eq!(
        local.address,
        "fe80::5cc7:4eff:fea5:be58".parse::<IpAddr>().unwrap()
    );
    assert_eq!((local.flags, local.protocol), (0xc0, 3));
    assert_eq!((local.local, local.broadcast), (None, None));
    assert_eq!(bridge.local, Some(IpAddr::from([10, 9, 0, 15])));
    assert_eq!(bridge.broadcast, Some(IpAddr::from([10, 9, 0, 255])));
}

#[cfg(target_endian = "little")]
#[test]
fn a_route_that_is_not_unicast_is_no_news() {
    assert_eq!(news(&hex(LOCAL_ROUTE)), Ok(None));
}

#[cfg(target_endian = "little")]
#[test]
fn a_captured_route_says_its_mtu_and_no_flags_of_its_next_hop() {
    let Ok(Some(News::Route(route))) = news(&hex(NARROW_ROUTE)) else {
        panic!("no route");
    };

    assert_eq!(route.destination, IpAddr::from([10, 77, 0, 0]));
    assert_eq!((route.prefix_len, route.mtu, route.flags), (16, 1400, 0));
}

#[cfg(target_endian = "little")]
#[test]
fn captured_messages_cut_anywhere_are_refused() {
    for whole in captured() {
        for len in 0..whole.len() {
            assert!(parse(&whole[..len]).is_err(), "{len}");
        }
    }
}

#[cfg(target_endian = "little")]
#[test]
fn a_message_that_is_shorter_than_its_attributes_say_is_refused() {
    for whole in captured() {
        for len in 17..whole.len() {
            let mut cut = whole[..len].to_vec();
            cut[..4].copy_from_slice(&u32::try_from(len).unwrap().to_ne_bytes());
            // Never a panic; between two attributes it is simply a shorter message.
            let _ = news(&cut);
        }
    }
}

#[test]
fn errors_acknowledgements_and_ends_are_told_apart() {
    let cases = [
        (2, (-17_i32).to_ne_bytes(), Content::Failed(17)),
        (2, 0_i32.to_ne_bytes(), Content::Acknowledged),
        (3, 0_i32.to_ne_bytes(), Content::Done(0)),
        (3, (-4_i32).to_ne_bytes(), Content::Done(4)),
        (1, [0; 4], Content::Noop),
        (4, [0; 4], Content::Overrun),
    ];
    for (kind, payload, expected) in cases {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer, kind, 0, 9);
        writer.bytes(&payload);
        let (message, rest) = parse(writer.finish().unwrap()).unwrap();

        assert_eq!(message.content, expected);
        assert_eq!(message.header.sequence, 9);
        assert!(rest.is_empty());
    }
}

#[test]
fn an_error_without_a_number_is_refused() {
    let mut buffer = [0; 64];
    let bytes = Writer::new(&mut buffer, 2, 0, 0).finish().unwrap();

    assert_eq!(parse(bytes), Err(Error::Truncated));
}

#[test]
fn lengths_that_lie_are_refused() {
    for len in [0_u32, 1, 15, 17, 1000, u32::MAX] {
        let mut bytes = vec![0; 16];
        bytes[..4].copy_from_slice(&len.to_ne_bytes());
        assert_eq!(parse(&bytes), Err(Error::BadLength), "{len}");
    }
}

#[test]
fn attributes_that_lie_end_the_walk_with_one_error() {
    for len in [0_u16, 3, 9, u16::MAX] {
        let mut bytes = vec![0; 8];
        bytes[..2].copy_from_slice(&len.to_ne_bytes());
        let walked: Vec<_> = Attributes::new(&bytes).collect();
        assert_eq!(walked, [Err(Error::BadLength)], "{len}");
    }
}

#[test]
fn several_messages_in_one_datagram_are_all_read() {
    let mut datagram = Vec::new();
    for sequence in 1..=3 {
        let mut buffer = [0; 64];
        datagram.extend_from_slice(Dump::Links.emit(&mut buffer, sequence).unwrap());
    }

    let read: Vec<Message<'_>> = Messages::new(&datagram).map(Result::unwrap).collect();

    assert_eq!(read.len(), 3);
    assert!(
        read.iter()
            .all(|message| message.header.flags & REQUEST & 1 == 1)
    );
}

#[test]
fn what_does_not_fit_is_said_and_not_cut() {
    let mut room = [0; 512];
    let address = address();
    let whole = address.emit(Wanted::There, &mut room, 1).unwrap().len();
    for len in 0..whole {
        let mut buffer = vec![0; len];
        assert_eq!(
            address.emit(Wanted::There, &mut buffer, 1),
            Err(Error::NoRoom),
            "{len}"
        );
    }
}

#[test]
fn a_link_order_says_what_and_nothing_else() {
    let mut buffer = [0; 64];
    let bytes = LinkOrder::Mtu(1400).emit(7, &mut buffer, 5).unwrap();
    let (message, _) = parse(bytes).unwrap();
    let Content::Payload(payload) = message.content else {
        panic!("no payload");
    };

    assert_eq!(message.header.kind, 19);
    assert_eq!(payload[4..8], 7_u32.to_ne_bytes());
    assert_eq!(payload[8..16], [0; 8]);
    let attributes: Vec<_> = Attributes::new(&payload[16..])
        .map(Result::unwrap)
        .collect();
    assert_eq!(attributes.len(), 1);
    assert_eq!(attributes[0].u32(), Ok(1400));
}

#[test]
fn a_link_without_a_name_is_refused() {
    assert_eq!(Link::parse(&[0; 16]), Err(Error::Missing(3)));
    assert_eq!(Link::parse(&[0; 15]), Err(Error::Truncated));
}

#[test]
fn a_prefix_longer_than_the_address_is_refused() {
    assert_eq!(
        Address::parse(&[2, 33, 0, 0, 0, 0, 0, 0]),
        Err(Error::BadLength)
    );
    assert_eq!(
        Route::parse(&[10, 129, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
        Err(Error::BadLength)
    );
}

fn address() -> Address {
    Address {
        link_index: 3,
        address: IpAddr::from([10, 0, 2, 15]),
        local: Some(IpAddr::from([10, 0, 2, 15])),
        prefix_len: 24,
        scope: 0,
        flags: 0x200,
        broadcast: Some(IpAddr::from([10, 0, 2, 255])),
        valid_s: 86_400,
        preferred_s: 43_200,
        protocol: PROTOCOL_DHCP,
    }
}

proptest! {
    #[test]
    fn an_address_survives_the_way_there_and_back(
        octets in any::<[u8; 16]>(), short in any::<bool>(), prefix_len in 0_u8..=32,
        scope in any::<u8>(), flags in any::<u32>(), valid_s in any::<u32>(),
        protocol in any::<u8>(), link_index in any::<u32>(),
    ) {
        let address = if short {
            IpAddr::from([octets[0], octets[1], octets[2], octets[3]])
        } else {
            IpAddr::from(octets)
        };
        let there = Address {
            link_index, address, local: Some(address), prefix_len, scope, flags, broadcast: None, valid_s,
            preferred_s: valid_s / 2, protocol,
        };
        let mut buffer = [0; 256];
        let back = news(there.emit(Wanted::There, &mut buffer, 1).unwrap());
        prop_assert_eq!(back, Ok(Some(News::Address(there))));
    }

    #[test]
    fn a_route_survives_the_way_there_and_back(
        octets in any::<[u8; 4]>(), gateway in prop::option::of(any::<[u8; 4]>()),
        prefix_len in 1_u8..=32, priority in any::<u32>(), table in any::<u32>(),
        scope in any::<u8>(), protocol in any::<u8>(), link_index in any::<u32>(),
    ) {
        let there = Route {
            destination: IpAddr::from(octets), prefix_len, gateway: gateway.map(IpAddr::from),
            source: gateway.map(IpAddr::from), link_index, priority, protocol, scope, table, flags: 0,
            mtu: 0,
        };
        let mut buffer = [0; 256];
        let back = news(there.emit(Wanted::Gone, &mut buffer, 1).unwrap());
        prop_assert_eq!(back, Ok(Some(News::RouteGone(there))));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        for message in Messages::new(&bytes).flatten() {
            let _ = News::parse(&message);
        }
        let _ = (Link::parse(&bytes), Address::parse(&bytes), Route::parse(&bytes));
    }

    #[test]
    fn no_byte_changed_in_a_real_message_makes_the_reader_panic(
        at in 0_usize..200, byte in any::<u8>(), which in 0_usize..8,
    ) {
        let mut bytes = captured()[which].clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        for message in Messages::new(&bytes).flatten() {
            let _ = News::parse(&message);
        }
    }
}
