// SPDX-License-Identifier: MPL-2.0
//! The words for the kernel's numbers.
//!
//! Owns: the tables; they are those of the documents, so that scripts find what they look for.
//! Never: invents a word: a number without one stays a number.

/// Numbers and their words.
pub(crate) type Words = &'static [(u32, &'static str)];

/// The word for a number.
pub(crate) fn word(words: Words, number: u32) -> String {
    let known = words.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, word)| (*word).to_owned())
}

/// The word for a value of an enumeration of messages.
pub(super) fn word_of(words: Words, value: impl Into<i32>) -> String {
    // No value of ours is below zero.
    word(words, u32::try_from(value.into()).unwrap_or_default())
}

/// The words for the bits that are set; bits without a word are left out.
pub(crate) fn flags(words: Words, bits: u32) -> String {
    let set = words.iter().filter(|(bit, _)| bits & bit != 0);
    let set: Vec<&str> = set.map(|(_, word)| *word).collect();
    set.join(",")
}

/// `AF_*`.
pub(crate) const FAMILIES: Words = &[(2, "inet4"), (10, "inet6")];

/// `RT_SCOPE_*`.
pub(crate) const SCOPES: Words = &[
    (0, "global"),
    (200, "site"),
    (253, "link"),
    (254, "host"),
    (255, "nowhere"),
];

/// `RT_TABLE_*`.
pub(crate) const TABLES: Words = &[
    (0, "unspec"),
    (253, "default"),
    (254, "main"),
    (255, "local"),
];

/// `RTPROT_*`.
pub(crate) const PROTOCOLS: Words = &[
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (17, "mrtd"),
    (18, "keepalived"),
    (42, "babel"),
    (99, "openr"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

/// `IF_OPER_*`.
pub(crate) const OPERATIONAL_STATES: Words = &[
    (0, "unknown"),
    (1, "notPresent"),
    (2, "down"),
    (3, "lowerLayerDown"),
    (4, "testing"),
    (5, "dormant"),
    (6, "up"),
];

/// `PORT_*`.
pub(crate) const PORTS: Words = &[
    (0, "TwistedPair"),
    (1, "AUI"),
    (2, "MII"),
    (3, "Fibre"),
    (4, "BNC"),
    (5, "DirectAttach"),
    (239, "None"),
    (255, "Other"),
];

/// `DUPLEX_*`.
pub(crate) const DUPLEXES: Words = &[(0, "Half"), (1, "Full"), (255, "Unknown")];

/// `IFA_F_*`.
pub(crate) const ADDRESS_FLAGS: Words = &[
    (1, "temporary"),
    (2, "nodad"),
    (4, "optimistic"),
    (8, "dadfailed"),
    (16, "homeaddress"),
    (32, "deprecated"),
    (64, "tentative"),
    (128, "permanent"),
    (256, "mngmtmpaddr"),
    (512, "noprefixroute"),
    (1024, "mcautojoin"),
    (2048, "stableprivacy"),
];

/// `IFF_*`.
pub(crate) const LINK_FLAGS: Words = &[
    (1, "UP"),
    (2, "BROADCAST"),
    (4, "DEBUG"),
    (8, "LOOPBACK"),
    (16, "POINTTOPOINT"),
    (32, "NOTRAILERS"),
    (64, "RUNNING"),
    (128, "NOARP"),
    (256, "PROMISC"),
    (512, "ALLMULTI"),
    (1024, "MASTER"),
    (2048, "SLAVE"),
    (4096, "MULTICAST"),
    (8192, "PORTSEL"),
    (16384, "AUTOMEDIA"),
    (32768, "DYNAMIC"),
    (65536, "LOWER_UP"),
    (131072, "DORMANT"),
    (262144, "ECHO"),
];

/// `ARPHRD_*`.
pub(crate) const LINK_TYPES: Words = &[
    (0, "netrom"),
    (1, "ether"),
    (2, "eether"),
    (3, "ax25"),
    (4, "pronet"),
    (5, "chaos"),
    (6, "ieee802"),
    (7, "arcnet"),
    (8, "atalk"),
    (15, "dlci"),
    (19, "atm"),
    (23, "metricom"),
    (24, "ieee1394"),
    (27, "eui64"),
    (32, "infiniband"),
    (256, "slip"),
    (257, "cslip"),
    (258, "slip6"),
    (259, "cslip6"),
    (260, "rsrvd"),
    (264, "adapt"),
    (270, "rose"),
    (271, "x25"),
    (272, "hwx25"),
    (280, "can"),
    (512, "ppp"),
    (513, "cisco"),
    (516, "lapb"),
    (517, "ddcmp"),
    (518, "rawhdlc"),
    (768, "ipip"),
    (769, "tunnel6"),
    (770, "frad"),
    (771, "skip"),
    (772, "loopback"),
    (773, "localtlk"),
    (774, "fddi"),
    (775, "bif"),
    (776, "sit"),
    (777, "ip/ddp"),
    (778, "gre"),
    (779, "pimreg"),
    (780, "hippi"),
    (781, "ash"),
    (782, "econet"),
    (783, "irda"),
    (784, "fcpp"),
    (785, "fcal"),
    (786, "fcpl"),
    (787, "fcfb_0"),
    (788, "fcfb_1"),
    (789, "fcfb_2"),
    (790, "fcfb_3"),
    (791, "fcfb_4"),
    (792, "fcfb_5"),
    (793, "fcfb_6"),
    (794, "fcfb_7"),
    (795, "fcfb_8"),
    (796, "fcfb_9"),
    (797, "fcfb_10"),
    (798, "fcfb_11"),
    (799, "fcfb_12"),
    (800, "tr"),
    (801, "ieee802.11"),
    (802, "ieee802.11_prism"),
    (803, "ieee802.11_radiotap"),
    (804, "ieee802.15.4"),
    (805, "ieee802.15.4_monitor"),
    (820, "phonet"),
    (821, "phonet_pipe"),
    (822, "caif"),
    (823, "ip6gre"),
    (824, "netlink"),
    (825, "6lowpan"),
    (65534, "nohdr"),
    (65535, "void"),
];

/// `RTM_F_*`.
pub(crate) const ROUTE_FLAGS: Words = &[
    (256, "notify"),
    (512, "cloned"),
    (1024, "equalize"),
    (2048, "prefix"),
    (4096, "lookup_table"),
    (8192, "fib_match"),
    (16384, "offload"),
    (32768, "trap"),
];

/// `RTN_*`.
pub(crate) const ROUTE_TYPES: Words = &[
    (0, "unspec"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
    (9, "throw"),
    (10, "nat"),
    (11, "xresolve"),
];

/// `BOND_MODE_*`.
pub(crate) const BOND_MODES: Words = &[
    (0, "balance-rr"),
    (1, "active-backup"),
    (2, "balance-xor"),
    (3, "broadcast"),
    (4, "802.3ad"),
    (5, "balance-tlb"),
    (6, "balance-alb"),
];

/// `BOND_XMIT_POLICY_*`.
pub(crate) const BOND_HASH_POLICIES: Words = &[
    (0, "layer2"),
    (1, "layer3+4"),
    (2, "layer2+3"),
    (3, "encap2+3"),
    (4, "encap3+4"),
];

/// `lacp_rate` of a bond.
pub(crate) const LACP_RATES: Words = &[(0, "slow"), (1, "fast")];

/// `arp_validate` of a bond.
pub(crate) const ARP_VALIDATIONS: Words = &[(0, "none"), (1, "active"), (2, "backup"), (3, "all")];

/// `arp_all_targets` of a bond.
pub(crate) const ARP_ALL_TARGETS: Words = &[(0, "any"), (1, "all")];

/// `primary_reselect` of a bond.
pub(crate) const PRIMARY_RESELECTS: Words = &[(0, "always"), (1, "better"), (2, "failure")];

/// `fail_over_mac` of a bond.
pub(crate) const FAIL_OVER_MACS: Words = &[(0, "none"), (1, "active"), (2, "follow")];

/// `ad_select` of a bond.
pub(crate) const AD_SELECTS: Words = &[(0, "stable"), (1, "bandwidth"), (2, "count")];

/// `ETH_P_8021Q` and `ETH_P_8021AD`.
pub(crate) const VLAN_PROTOCOLS: Words = &[(0x8100, "802.1q"), (0x88a8, "802.1ad")];

/// Who wishes something. No place brings wishes of its own yet, so nothing says `platform`.
pub(crate) const LAYERS: Words = &[
    (0, "default"),
    (1, "cmdline"),
    (2, "platform"),
    (3, "operator"),
    (4, "configuration"),
];

/// What a machine is for.
pub(crate) const MACHINE_TYPES: Words = &[
    (0, "unknown"),
    (1, "init"),
    (2, "controlplane"),
    (3, "worker"),
];

/// What a machine does as a whole.
pub(crate) const STAGES: Words = &[
    (0, "unknown"),
    (1, "booting"),
    (2, "installing"),
    (3, "maintenance"),
    (4, "running"),
    (5, "rebooting"),
    (6, "shutting down"),
    (7, "resetting"),
    (8, "upgrading"),
];

/// What configures links while the node runs.
pub(crate) const OPERATORS: Words = &[(0, "dhcp4"), (1, "dhcp6"), (2, "vip")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_words_and_those_without_one_stay_numbers() {
        assert_eq!(word(SCOPES, 253), "link");
        assert_eq!(word(SCOPES, 7), "7");
        assert_eq!(flags(LINK_FLAGS, 0x1_0043), "UP,BROADCAST,RUNNING,LOWER_UP");
        assert_eq!(flags(ADDRESS_FLAGS, 0x8000_0080), "permanent");
        assert_eq!(flags(ADDRESS_FLAGS, 0), "");
    }

    #[test]
    fn enum_05_to_34_words_and_numbers_are_those_of_the_documents() {
        let all = include_str!("../../../tests/data/words.txt");
        let all = all.lines().filter(|line| !line.starts_with('#'));
        let all: Vec<Vec<&str>> = all.map(|line| line.splitn(3, ' ').collect()).collect();

        for (name, words) in [
            ("nethelpers.ADSelect", AD_SELECTS),
            ("nethelpers.ARPAllTargets", ARP_ALL_TARGETS),
            ("nethelpers.ARPValidate", ARP_VALIDATIONS),
            ("nethelpers.AddressFlag", ADDRESS_FLAGS),
            ("nethelpers.BondMode", BOND_MODES),
            ("nethelpers.BondXmitHashPolicy", BOND_HASH_POLICIES),
            ("nethelpers.Duplex", DUPLEXES),
            ("nethelpers.FailOverMAC", FAIL_OVER_MACS),
            ("nethelpers.Family", FAMILIES),
            ("nethelpers.LACPRate", LACP_RATES),
            ("nethelpers.LinkFlag", LINK_FLAGS),
            ("nethelpers.LinkType", LINK_TYPES),
            ("nethelpers.OperationalState", OPERATIONAL_STATES),
            ("nethelpers.Port", PORTS),
            ("nethelpers.PrimaryReselect", PRIMARY_RESELECTS),
            ("nethelpers.RouteProtocol", PROTOCOLS),
            ("nethelpers.RoutingTable", TABLES),
            ("nethelpers.Scope", SCOPES),
            ("nethelpers.VLANProtocol", VLAN_PROTOCOLS),
            ("network.Operator", OPERATORS),
            ("nethelpers.RouteFlag", ROUTE_FLAGS),
            ("nethelpers.RouteType", ROUTE_TYPES),
            ("network.ConfigLayer", LAYERS),
            ("machine.Type", MACHINE_TYPES),
            ("runtime.MachineStage", STAGES),
        ] {
            let documented = all.iter().filter(|line| line[0] == name);
            let mut documented: Vec<(u32, &str)> = documented
                .map(|line| (line[1].parse().unwrap(), line[2]))
                .collect();
            let mut ours = words.to_vec();
            documented.sort_unstable();
            ours.sort_unstable();
            assert!(!ours.is_empty());
            assert_eq!(ours, documented, "{name}");
        }
    }
}
