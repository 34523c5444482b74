// SPDX-License-Identifier: MPL-2.0
//! A frame as one line of text, much as tcpdump writes it.
//!
//! Owns: Ethernet with VLAN tags, ARP, IPv4, IPv6, TCP, UDP, ICMP and names in DNS.
//! Never: reads behind the end of what was kept, follows a pointer of DNS, or lets a packet draw on
//! the terminal.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Frame, LinkType};

/// Tags in front of what a frame carries; more make no sense.
const TAGS_MAX: usize = 4;
/// Extension headers of IPv6 in a packet; more make no sense.
const EXTENSIONS_MAX: usize = 8;
/// The longest name of DNS, in bytes (RFC 1035 §2.3.4).
const NAME_MAX: usize = 255;

/// What a frame that ends too early is called.
const CUT: &str = "truncated";

/// Writes a frame: its time of day in UTC, and what is in it.
pub(crate) fn line(link: LinkType, frame: &Frame) -> String {
    let second = frame.seconds.wrapping_rem(86_400);
    let (hours, minutes) = (second / 3600, second / 60 % 60);
    let what = match link {
        LinkType::Ethernet => ethernet(&frame.bytes),
        LinkType::Raw => ip(&frame.bytes),
        LinkType::Other(number) => Some(format!("link type {number}")),
    };
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:06} {}, length {}",
        second % 60,
        frame.micros.min(999_999),
        what.as_deref().unwrap_or(CUT),
        frame.whole
    )
}

fn half(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (half, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*half), rest))
}

fn ethernet(bytes: &[u8]) -> Option<String> {
    let (_to, rest) = bytes.split_first_chunk::<6>()?;
    let (from, rest) = rest.split_first_chunk::<6>()?;
    let (mut kind, mut rest) = half(rest)?;
    let mut tags = String::new();
    for _ in 0..TAGS_MAX {
        // 802.1Q and 802.1ad.
        if kind != 0x8100 && kind != 0x88a8 {
            break;
        }
        let (tag, after) = half(rest)?;
        let _ = write!(tags, "vlan {}, ", tag & 0x0fff);
        (kind, rest) = half(after)?;
    }
    let what = match kind {
        0x0800 | 0x86dd => ip(rest),
        0x0806 => arp(rest),
        _ => Some(format!("{} ethertype {kind:#06x}", hardware(*from))),
    };
    Some(format!("{tags}{}", what.as_deref().unwrap_or(CUT)))
}

fn hardware(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

fn arp(bytes: &[u8]) -> Option<String> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let (from_hardware, rest) = rest.split_first_chunk::<6>()?;
    let (from, rest) = rest.split_first_chunk::<4>()?;
    let (_to_hardware, rest) = rest.split_first_chunk::<6>()?;
    let to = rest.first_chunk::<4>()?;
    let (from, to) = (Ipv4Addr::from(*from), Ipv4Addr::from(*to));
    Some(match head {
        [0, 1, 8, 0, 6, 4, 0, 1] => format!("ARP who has {to} tell {from}"),
        [0, 1, 8, 0, 6, 4, 0, 2] => {
            format!("ARP {from} is at {}", hardware(*from_hardware))
        }
        _ => "ARP".to_owned(),
    })
}

fn ip(bytes: &[u8]) -> Option<String> {
    match bytes.first()? >> 4 {
        4 => ipv4(bytes),
        6 => ipv6(bytes),
        version => Some(format!("IP version {version}")),
    }
}

fn ipv4(bytes: &[u8]) -> Option<String> {
    let head = bytes.first_chunk::<20>()?;
    let [
        first,
        _,
        total_high,
        total_low,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        ..,
    ] = *head;
    let addresses = head.last_chunk::<8>()?;
    let (from, to) = addresses.split_first_chunk::<4>()?;
    let (from, to) = (
        Ipv4Addr::from(*from),
        Ipv4Addr::from(*to.first_chunk::<4>()?),
    );
    let head_len = usize::from(first & 0x0f).saturating_mul(4);
    let total = usize::from(u16::from_be_bytes([total_high, total_low]));
    // Ethernet fills short frames up.
    let packet = bytes.get(..total).unwrap_or(bytes);
    let payload = packet.get(head_len..)?;
    let offset = u16::from_be_bytes([fragment_high, fragment_low]) & 0x1fff;
    if offset != 0 {
        return Some(format!(
            "IP {from} > {to}: fragment at {}",
            u32::from(offset) * 8
        ));
    }
    Some(transport(
        "IP",
        &from.to_string(),
        &to.to_string(),
        protocol,
        payload,
    ))
}

fn ipv6(bytes: &[u8]) -> Option<String> {
    let (head, rest) = bytes.split_first_chunk::<40>()?;
    let [_, _, _, _, len_high, len_low, first, _, addresses @ ..] = head;
    let mut next = *first;
    let (from, to) = addresses.split_first_chunk::<16>()?;
    let (from, to) = (
        Ipv6Addr::from(*from),
        Ipv6Addr::from(*to.first_chunk::<16>()?),
    );
    let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
    let mut payload = rest.get(..len).unwrap_or(rest);
    for _ in 0..EXTENSIONS_MAX {
        let skip = match next {
            // Options hop by hop, routing, options of the destination (RFC 8200 §4).
            0 | 43 | 60 => {
                let len = usize::from(*payload.get(1)?);
                len.saturating_mul(8).saturating_add(8)
            }
            44 => {
                let offset = u16::from_be_bytes([*payload.get(2)?, *payload.get(3)?]) & 0xfff8;
                if offset != 0 {
                    return Some(format!("IP6 {from} > {to}: fragment at {offset}"));
                }
                8
            }
            _ => break,
        };
        next = *payload.first()?;
        payload = payload.get(skip..)?;
    }
    Some(transport(
        "IP6",
        &from.to_string(),
        &to.to_string(),
        next,
        payload,
    ))
}

fn transport(name: &str, from: &str, to: &str, protocol: u8, payload: &[u8]) -> String {
    let with_ports = |((from_port, to_port), what): ((u16, u16), String)| {
        format!("{name} {from}.{from_port} > {to}.{to_port}: {what}")
    };
    let without = |what: String| format!("{name} {from} > {to}: {what}");
    let line = match protocol {
        1 => icmp(payload, ICMP_TYPES).map(without),
        6 => tcp(payload).map(with_ports),
        17 => udp(payload).map(with_ports),
        58 => icmp(payload, ICMP6_TYPES).map(without),
        other => Some(without(format!("protocol {other}"))),
    };
    line.unwrap_or_else(|| without(CUT.to_owned()))
}

/// Types of ICMP (RFC 792).
const ICMP_TYPES: &[(u8, &str)] = &[
    (0, "echo reply"),
    (3, "destination unreachable"),
    (5, "redirect"),
    (8, "echo request"),
    (11, "time exceeded"),
    (12, "parameter problem"),
];

/// Types of ICMPv6 (RFC 4443, RFC 4861, RFC 3810).
const ICMP6_TYPES: &[(u8, &str)] = &[
    (1, "destination unreachable"),
    (2, "packet too big"),
    (3, "time exceeded"),
    (4, "parameter problem"),
    (128, "echo request"),
    (129, "echo reply"),
    (133, "router solicitation"),
    (134, "router advertisement"),
    (135, "neighbor solicitation"),
    (136, "neighbor advertisement"),
    (143, "multicast listener report"),
];

fn icmp(payload: &[u8], types: &[(u8, &str)]) -> Option<String> {
    let kind = *payload.first()?;
    let known = types.iter().find(|(number, _)| *number == kind);
    Some(match known {
        Some((_, name)) => format!("ICMP {name}"),
        None => format!("ICMP type {kind}"),
    })
}

fn tcp(payload: &[u8]) -> Option<((u16, u16), String)> {
    const FLAGS: [(u8, char); 6] = [
        (0x02, 'S'),
        (0x01, 'F'),
        (0x04, 'R'),
        (0x08, 'P'),
        (0x20, 'U'),
        (0x10, '.'),
    ];
    let (head, _) = payload.split_first_chunk::<20>()?;
    let (from, rest) = half(head)?;
    let (to, rest) = half(rest)?;
    let (sequence, rest) = rest.split_first_chunk::<4>()?;
    let (acknowledged, rest) = rest.split_first_chunk::<4>()?;
    let [offset, flags, window_high, window_low, ..] = *rest else {
        return None;
    };
    let set: String = FLAGS
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, letter)| *letter)
        .collect();
    let mut what = format!("Flags [{set}], seq {}", u32::from_be_bytes(*sequence));
    if flags & 0x10 != 0 {
        let _ = write!(what, ", ack {}", u32::from_be_bytes(*acknowledged));
    }
    let window = u16::from_be_bytes([window_high, window_low]);
    let data = payload
        .len()
        .saturating_sub(usize::from(offset >> 4).saturating_mul(4));
    let _ = write!(what, ", win {window}, data {data}");
    Some(((from, to), what))
}

fn udp(payload: &[u8]) -> Option<((u16, u16), String)> {
    let (from, rest) = half(payload)?;
    let (to, rest) = half(rest)?;
    let (len, rest) = half(rest)?;
    let (_checksum, rest) = half(rest)?;
    let is_dns = [from, to].iter().any(|port| [53, 5353].contains(port));
    let name = if is_dns { dns(rest) } else { None };
    let what = name.unwrap_or_else(|| format!("UDP, data {}", len.saturating_sub(8)));
    Some(((from, to), what))
}

/// The first question of a message (RFC 1035 §4.1).
fn dns(bytes: &[u8]) -> Option<String> {
    let (head, mut rest) = bytes.split_first_chunk::<12>()?;
    let [
        id_high,
        id_low,
        flags,
        code,
        questions_high,
        questions_low,
        answers_high,
        answers_low,
        ..,
    ] = *head;
    let id = u16::from_be_bytes([id_high, id_low]);
    let mut name = String::new();
    if u16::from_be_bytes([questions_high, questions_low]) > 0 {
        let mut len = 0_usize;
        loop {
            let (label_len, after) = rest.split_first()?;
            if *label_len == 0 {
                rest = after;
                break;
            }
            // A question has no pointer, which is what the upper bits mean.
            if *label_len > 63 {
                return None;
            }
            let (label, after) = after.split_at_checked(usize::from(*label_len))?;
            len = len.saturating_add(label.len()).saturating_add(1);
            if len > NAME_MAX {
                return None;
            }
            let shown = label.iter().map(|byte| match byte {
                b'!'..=b'~' => char::from(*byte),
                _ => '?',
            });
            name.extend(shown);
            name.push('.');
            rest = after;
        }
        let (kind, _) = half(rest)?;
        let kind = match kind {
            1 => "A".to_owned(),
            2 => "NS".to_owned(),
            5 => "CNAME".to_owned(),
            6 => "SOA".to_owned(),
            12 => "PTR".to_owned(),
            15 => "MX".to_owned(),
            16 => "TXT".to_owned(),
            28 => "AAAA".to_owned(),
            33 => "SRV".to_owned(),
            255 => "ANY".to_owned(),
            other => format!("TYPE{other}"),
        };
        name = format!(" {kind}? {name}");
    }
    if flags & 0x80 == 0 {
        return Some(format!("DNS {id}{name}"));
    }
    let answers = u16::from_be_bytes([answers_high, answers_low]);
    Some(match code & 0x0f {
        0 => format!("DNS {id} answers {answers}{name}"),
        3 => format!("DNS {id} no such name{name}"),
        other => format!("DNS {id} error {other}{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Frame {
        Frame {
            seconds: 86_400 + 3600 + 62,
            micros: 250,
            whole: u32::try_from(bytes.len()).unwrap(),
            bytes: bytes.to_vec(),
        }
    }

    /// What a frame says, without its time and length.
    fn said(link: LinkType, bytes: &[u8]) -> String {
        let line = line(link, &frame(bytes));
        let line = line.strip_prefix("01:01:02.000250 ").unwrap();
        line.rsplit_once(", length ").unwrap().0.to_owned()
    }

    fn ether(kind: &[u8], payload: &[u8]) -> Vec<u8> {
        [&[1; 6], &[2; 6], kind, payload].concat()
    }

    fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let total = u8::try_from(payload.len().saturating_add(20)).unwrap();
        let head = [
            0x45, 0, 0, total, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        [&head[..], payload].concat()
    }

    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let len = u8::try_from(payload.len()).unwrap();
        let mut head = vec![0x60, 0, 0, 0, 0, len, next, 64];
        head.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        head.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        [&head[..], payload].concat()
    }

    const SYN: [u8; 20] = [
        0x13, 0x88, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0xfa, 0xf0, 0, 0, 0, 0,
    ];

    fn question(name: &[u8]) -> Vec<u8> {
        let mut udp = vec![0x13, 0x88, 0, 53, 0, 0, 0, 0];
        udp.extend([0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        udp.extend(name);
        udp.extend([0, 0, 28, 0, 1]);
        udp
    }

    #[test]
    fn every_kind_of_packet_is_one_line() {
        let arp = b"\0\x01\x08\0\x06\x04\0\x01\x02\x02\x02\x02\x02\x02\x0a\0\0\x01\0\0\0\0\0\0\x0a\0\0\x02";
        let mut is_at = *arp;
        is_at[7] = 2;
        let fragment = {
            let mut packet = v4(17, &[0; 8]);
            packet[7] = 3;
            packet
        };
        for (link, bytes, expected) in [
            (
                LinkType::Ethernet,
                ether(&[8, 0], &v4(6, &SYN)),
                "IP 10.0.0.1.5000 > 10.0.0.2.443: Flags [S], seq 7, win 64240, data 0",
            ),
            (
                LinkType::Ethernet,
                ether(&[0x81, 0, 0, 5, 8, 0], &v4(1, &[8, 0])),
                "vlan 5, IP 10.0.0.1 > 10.0.0.2: ICMP echo request",
            ),
            (
                LinkType::Ethernet,
                ether(&[8, 6], arp),
                "ARP who has 10.0.0.2 tell 10.0.0.1",
            ),
            (
                LinkType::Ethernet,
                ether(&[8, 6], &is_at),
                "ARP 10.0.0.1 is at 02:02:02:02:02:02",
            ),
            (
                LinkType::Ethernet,
                ether(&[0x88, 0xcc], &[]),
                "02:02:02:02:02:02 ethertype 0x88cc",
            ),
            (
                LinkType::Raw,
                v4(17, &question(b"\x01a\x07ex\x1bmple")),
                "IP 10.0.0.1.5000 > 10.0.0.2.53: DNS 9 AAAA? a.ex?mple.",
            ),
            (
                LinkType::Raw,
                v6(58, &[135, 0]),
                "IP6 fe80::1 > ff02::1: ICMP neighbor solicitation",
            ),
            (
                LinkType::Raw,
                v6(
                    0,
                    &[[58, 0, 5, 2, 0, 0, 1, 0].as_slice(), &[143, 0]].concat(),
                ),
                "IP6 fe80::1 > ff02::1: ICMP multicast listener report",
            ),
            (
                LinkType::Raw,
                v4(47, &[]),
                "IP 10.0.0.1 > 10.0.0.2: protocol 47",
            ),
            (
                LinkType::Raw,
                fragment,
                "IP 10.0.0.1 > 10.0.0.2: fragment at 24",
            ),
            (LinkType::Other(127), Vec::new(), "link type 127"),
        ] {
            assert_eq!(said(link, &bytes), expected);
        }
    }

    #[test]
    fn an_answer_of_dns_says_how_it_went() {
        let with = |flags: u8, code: u8, answers: u8| {
            let mut udp = question(b"\x01a");
            udp[10] = flags;
            udp[11] = code;
            udp[15] = answers;
            said(LinkType::Raw, &v4(17, &udp))
        };
        assert!(with(0x81, 0x80, 2).ends_with("DNS 9 answers 2 AAAA? a."));
        assert!(with(0x81, 0x83, 0).ends_with("DNS 9 no such name AAAA? a."));
        assert!(with(0x81, 0x82, 0).ends_with("DNS 9 error 2 AAAA? a."));
    }

    #[test]
    fn a_packet_that_is_cut_anywhere_is_said_to_be_and_harms_nobody() {
        let packets = [
            ether(&[0x81, 0, 0, 5, 8, 0], &v4(6, &SYN)),
            ether(
                &[0x86, 0xdd],
                &v6(
                    0,
                    &[[44, 0, 0, 0, 0, 0, 0, 0], [17, 0, 0, 0, 0, 0, 0, 1]].concat(),
                ),
            ),
            ether(&[8, 0], &v4(17, &question(b"\x01a"))),
        ];
        for packet in packets {
            for end in 0..packet.len() {
                let line = line(LinkType::Ethernet, &frame(&packet[..end]));
                assert!(line.is_ascii() && !line.contains('\n'), "{line}");
            }
        }
        assert_eq!(said(LinkType::Ethernet, &[1; 13]), CUT);
        assert_eq!(
            said(LinkType::Raw, &v4(6, &SYN)[..30]),
            "IP 10.0.0.1 > 10.0.0.2: truncated"
        );
        assert_eq!(said(LinkType::Raw, &[]), CUT);
    }

    #[test]
    fn names_that_lie_about_their_length_are_shown_as_data() {
        for name in [&b"\xc0\x0c"[..], b"\x40a", b"\x09a"] {
            let said = said(LinkType::Raw, &v4(17, &question(name)));
            assert!(said.contains("UDP, data"), "{said}");
        }
    }
}
