// SPDX-License-Identifier: MPL-2.0
//! From a name to addresses, by asking the name servers of `resolv.conf` once each.
//!
//! libc would do this with blocking calls in another thread; one question and one answer do not
//! need that. Literal addresses and the node's own `hosts` come first.
//!
//! Owns: the stub resolver (RFC 1035 over UDP, A and AAAA).
//! Never: follows a server's word without checking its id and question, or keeps an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::DnsFlags;
use smoltcp::wire::{DnsOpcode, DnsPacket, DnsQueryType, DnsQuestion, DnsRecordData, DnsRepr};
use tokio::net::UdpSocket;

use super::url::Error;
use crate::places::Places;

const PORT: u16 = 53;
const TIMEOUT: Duration = Duration::from_secs(3);
/// RFC 1035 §4.2.1, and what servers of today send without being asked for more.
const ANSWER_MAX: usize = 1500;
/// As resolv.conf(5): no more than three servers are asked.
const SERVERS_MAX: usize = 3;

/// Finds the addresses of a host.
///
/// # Errors
/// No server knows it, or none answers.
pub(crate) async fn addresses(places: &Places, host: &str) -> Result<Vec<IpAddr>, Error> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let etc = places.etc();
    let text = |name: &str| std::fs::read_to_string(etc.join(name)).unwrap_or_default();
    let known = in_hosts(&text("hosts"), host);
    if !known.is_empty() {
        return Ok(known);
    }
    let servers = servers(&text("resolv.conf"));
    if servers.is_empty() {
        return Err(Error::Resolve("there is no name server".to_owned()));
    }
    let mut last = String::from("no answer");
    for server in servers {
        let mut found = Vec::new();
        for kind in [DnsQueryType::A, DnsQueryType::Aaaa] {
            match ask(server, host, kind).await {
                Ok(mut addresses) => found.append(&mut addresses),
                Err(error) => last = format!("{server}: {error}"),
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(Error::Resolve(last))
}

fn servers(resolv_conf: &str) -> Vec<IpAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then_some(())?;
            words.next()?.parse().ok()
        })
        .take(SERVERS_MAX)
        .collect()
}

fn in_hosts(hosts: &str, host: &str) -> Vec<IpAddr> {
    hosts
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words
                .any(|name| name.eq_ignore_ascii_case(host))
                .then_some(address)
        })
        .collect()
}

async fn ask(server: IpAddr, host: &str, kind: DnsQueryType) -> Result<Vec<IpAddr>, String> {
    let id = pki::random_bytes::<2>().map_err(|error| error.to_string())?;
    let id = u16::from_be_bytes(*id);
    let name = encoded(host).ok_or("not a name that DNS can have")?;
    let question = question(id, &name, kind);
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let exchange = async {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        socket.connect(SocketAddr::new(server, PORT)).await?;
        socket.send(&question).await?;
        let mut answer = vec![0; ANSWER_MAX];
        loop {
            let len = socket.recv(&mut answer).await?;
            let bytes = answer.get(..len).unwrap_or_default();
            // What does not belong to the question is somebody else's and is passed over.
            if let Some(addresses) = read(bytes, id, &name, kind) {
                return std::io::Result::Ok(addresses);
            }
        }
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err("no answer".to_owned()),
    }
}

/// A name as DNS has it: each label after its length, then a zero.
fn encoded(host: &str) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    for label in host.trim_end_matches('.').split('.') {
        let len = u8::try_from(label.len()).ok()?;
        if !(1..=63).contains(&len) {
            return None;
        }
        name.push(len);
        name.extend_from_slice(label.as_bytes());
    }
    name.push(0);
    (name.len() <= 255).then_some(name)
}

fn question(id: u16, name: &[u8], kind: DnsQueryType) -> Vec<u8> {
    let repr = DnsRepr {
        transaction_id: id,
        opcode: DnsOpcode::Query,
        flags: DnsFlags::RECURSION_DESIRED,
        question: DnsQuestion { name, type_: kind },
    };
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&mut DnsPacket::new_unchecked(&mut bytes));
    bytes
}

/// The addresses in an answer; nothing when it is not the answer to that question.
fn read(bytes: &[u8], id: u16, name: &[u8], kind: DnsQueryType) -> Option<Vec<IpAddr>> {
    let packet = DnsPacket::new_checked(bytes).ok()?;
    if packet.transaction_id() != id || !packet.flags().contains(DnsFlags::RESPONSE) {
        return None;
    }
    let (mut payload, asked) = DnsQuestion::parse(packet.payload()).ok()?;
    if asked.type_ != kind || !asked.name.eq_ignore_ascii_case(name) {
        return None;
    }
    let mut addresses = Vec::new();
    for _ in 0..packet.answer_record_count() {
        let (rest, record) = smoltcp::wire::DnsRecord::parse(payload).ok()?;
        payload = rest;
        // Aliases on the way to the address are followed by the server, which was asked to.
        match record.data {
            DnsRecordData::A(address) => addresses.push(IpAddr::V4(address)),
            DnsRecordData::Aaaa(address) => addresses.push(IpAddr::V6(address)),
            DnsRecordData::Cname(_) | DnsRecordData::Other(..) => {}
        }
    }
    Some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: u16, host: &str, kind: u16, data: &[u8]) -> Vec<u8> {
        let name = encoded(host).unwrap();
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        bytes.extend_from_slice(&name);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 1]);
        // The answer's name points to the question's.
        bytes.extend_from_slice(&[0xc0, 0x0c]);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        bytes.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let name = encoded("boot.example").unwrap();
        let good = answer(7, "boot.example", 1, &[10, 0, 0, 1]);

        let read_as = |bytes: &[u8], id, kind| read(bytes, id, &name, kind);
        assert_eq!(
            read_as(&good, 7, DnsQueryType::A).unwrap(),
            ["10.0.0.1".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(read_as(&good, 8, DnsQueryType::A), None);
        assert_eq!(read_as(&good, 7, DnsQueryType::Aaaa), None);
        let other = answer(7, "evil.example", 1, &[10, 0, 0, 1]);
        assert_eq!(read_as(&other, 7, DnsQueryType::A), None);
        let question = question(7, &name, DnsQueryType::A);
        assert_eq!(read_as(&question, 7, DnsQueryType::A), None);
    }

    #[test]
    fn every_front_of_an_answer_is_survived() {
        let name = encoded("boot.example").unwrap();
        let good = answer(7, "boot.example", 1, &[10, 0, 0, 1]);
        for len in 0..good.len() {
            let cut = read(good.get(..len).unwrap(), 7, &name, DnsQueryType::A);
            assert_eq!(cut, None, "{len}");
        }
    }

    #[test]
    fn names_that_dns_cannot_have_are_not_asked_for() {
        let long = format!("{}.x", "a".repeat(64));
        let whole = vec!["abcdefgh"; 30].join(".");
        for name in ["", "a..b", ".", &long, &whole] {
            assert_eq!(encoded(name), None, "{name}");
        }
        assert_eq!(encoded("a.bc.").unwrap(), b"\x01a\x02bc\x00");
    }

    #[test]
    fn files_are_read_as_resolvers_do() {
        let resolv = "# x\nnameserver 10.0.0.1\nsearch a\nnameserver fd00::1\nnameserver bad\n\
            nameserver\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n";
        let servers = servers(resolv);
        assert_eq!(servers.len(), 3);
        assert_eq!(servers.first().unwrap().to_string(), "10.0.0.1");

        let hosts = "10.5.0.2 Box.lab box # me\n#1.1.1.1 box\nnonsense box\n";
        assert_eq!(in_hosts(hosts, "BOX").len(), 1);
        assert_eq!(in_hosts(hosts, "me"), Vec::<IpAddr>::new());
    }
}
