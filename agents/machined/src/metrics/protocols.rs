// SPDX-License-Identifier: MPL-2.0
//! What the network's protocols count, and how many connections are tracked and neighbours known.
//!
//! Owns: `/proc/net/netstat`, `/proc/net/snmp`, `/proc/net/snmp6`, `/proc/net/arp` and the size of conntrack's table as
//! metrics, and which counters are told.
//! Never: tells a counter that node_exporter leaves out.

use super::exposition::{Kind, Text};
use super::source::Source;
use std::collections::BTreeMap;

use super::{Failure, Gauge, gauges};

/// Whether node_exporter tells a counter when nobody told it otherwise
/// (`--collector.netstat.fields`).
fn is_told(protocol: &str, counter: &str) -> bool {
    if matches!(counter, "InErrors" | "InErrs") {
        return true;
    }
    match protocol {
        "Ip" => counter == "Forwarding",
        "Ip6" | "IpExt" => matches!(counter, "InOctets" | "OutOctets"),
        "Icmp" | "Icmp6" => matches!(counter, "InMsgs" | "OutMsgs"),
        "TcpExt" => {
            counter.starts_with("Listen")
                || counter.starts_with("Syncookies")
                || matches!(
                    counter,
                    "TCPSynRetrans" | "TCPTimeouts" | "TCPOFOQueue" | "TCPRcvQDrop"
                )
        }
        "Tcp" => matches!(
            counter,
            "ActiveOpens"
                | "InSegs"
                | "OutSegs"
                | "OutRsts"
                | "PassiveOpens"
                | "RetransSegs"
                | "CurrEstab"
        ),
        "Udp" | "Udp6" => matches!(
            counter,
            "InDatagrams" | "OutDatagrams" | "NoPorts" | "RcvbufErrors" | "SndbufErrors"
        ),
        _other => false,
    }
}

pub(super) fn counters(source: &Source, text: &mut Text) -> Result<(), Failure> {
    for path in ["/proc/net/netstat", "/proc/net/snmp"] {
        pairs(&source.read(path)?, text)?;
    }
    // A kernel that was told to do without IPv6 has none.
    if let Some(six) = source.read_if_there("/proc/net/snmp6")? {
        list(&six, text)?;
    }
    Ok(())
}

/// Reads lines in pairs: one of names, one of numbers, each with its protocol before it.
fn pairs(all: &str, text: &mut Text) -> Result<(), Failure> {
    let mut lines = all.lines();
    while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
        let (protocol, names) = names.split_once(':').ok_or(Failure::Form)?;
        let (same, numbers) = numbers.split_once(':').ok_or(Failure::Form)?;
        if same != protocol {
            return Err(Failure::Form);
        }
        let numbers = numbers.split_ascii_whitespace();
        for (counter, number) in names.split_ascii_whitespace().zip(numbers) {
            tell(protocol, counter, number, text)?;
        }
    }
    Ok(())
}

/// Reads lines of one name and one number; the protocol ends with the first 6.
fn list(all: &str, text: &mut Text) -> Result<(), Failure> {
    for line in all.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(number)) = (words.next(), words.next()) else {
            return Err(Failure::Form);
        };
        if let Some((protocol, counter)) = name.split_once('6') {
            tell(&format!("{protocol}6"), counter, number, text)?;
        }
    }
    Ok(())
}

fn tell(protocol: &str, counter: &str, number: &str, text: &mut Text) -> Result<(), Failure> {
    if is_told(protocol, counter) {
        // Some are signed, and some need all 64 bits.
        let number: i128 = number.parse().map_err(|_| Failure::Form)?;
        let name = format!("node_netstat_{protocol}_{counter}");
        let help = format!("The kernel's counter {counter} of {protocol}.");
        text.one(&name, Kind::Untyped, &help, number);
    }
    Ok(())
}

/// Tells nothing when connections are not tracked: the files are not there then.
pub(super) fn tracking(source: &Source, text: &mut Text) -> Result<(), Failure> {
    const FILES: &[Gauge] = &[
        (
            "nf_conntrack_count",
            "node_nf_conntrack_entries",
            "Connections that are tracked.",
        ),
        (
            "nf_conntrack_max",
            "node_nf_conntrack_entries_limit",
            "Connections that can be tracked.",
        ),
    ];
    gauges(source, "/proc/sys/net/netfilter", FILES, text)
}

pub(super) fn neighbours(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let name = "node_arp_entries";
    let all = source.read_if_there("/proc/net/arp")?.unwrap_or_default();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for line in all.lines().skip(1) {
        let device = line.split_ascii_whitespace().next_back();
        let count = counts.entry(device.ok_or(Failure::Form)?).or_default();
        *count = count.saturating_add(1);
    }
    if !counts.is_empty() {
        let help = "Neighbours whose addresses are known or asked for.";
        text.metric(name, Kind::Gauge, help);
    }
    for (device, count) in counts {
        text.sample(name, &[("device", device)], count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_those_that_node_exporter_tells() {
        let mut text = Text::default();
        let snmp = "Tcp: RtoMin MaxConn InSegs InErrs\nTcp: 200 -1 18446744073709551615 5\n\
                    UdpLite: InDatagrams InErrors\nUdpLite: 1 2\n";
        let six = "Ip6InOctets   \t7\nIp6InReceives 8\nUdpLite6InErrors 9\nIcmp6InMsgs 10\n";

        pairs(snmp, &mut text).unwrap();
        list(six, &mut text).unwrap();

        let text = text.finish();
        assert!(text.contains("# TYPE node_netstat_Tcp_InSegs untyped\n"));
        assert!(
            text.contains("# HELP node_netstat_Tcp_InSegs The kernel's counter InSegs of Tcp.\n")
        );
        let samples: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("node_"))
            .collect();
        assert_eq!(
            samples,
            [
                "node_netstat_Tcp_InSegs 18446744073709551615",
                "node_netstat_Tcp_InErrs 5",
                "node_netstat_UdpLite_InErrors 2",
                "node_netstat_Ip6_InOctets 7",
                "node_netstat_UdpLite6_InErrors 9",
                "node_netstat_Icmp6_InMsgs 10",
            ]
        );
    }

    #[test]
    fn files_of_another_form_are_said_to_be_so() {
        for odd in ["Tcp: A\nUdp: 1\n", "Tcp\nTcp: 1\n", "Tcp: InSegs\nTcp: x\n"] {
            assert_eq!(
                pairs(odd, &mut Text::default()),
                Err(Failure::Form),
                "{odd}"
            );
        }
        assert_eq!(
            list("Ip6InOctets", &mut Text::default()),
            Err(Failure::Form)
        );
    }
}
