// SPDX-License-Identifier: MPL-2.0
//! Resources of links that are to be: physical ones, bonds, bridges, VLANs, tunnels.
//!
//! Owns: what can be wished of a link.
//! Never: says whether it is so; `LinkStatus` does.

use pki::Secret;

use super::Layer;
use super::field::{record, spec};
use super::values::{Span, Word};
use super::words::LINK_TYPES;

record! {
    /// Membership in a bond.
    BondSlave {
        1 "masterName" master: String, omit, "The bond.";
        2 "slaveIndex" index: i64, omit, "Which of its members.";
    }
}

record! {
    /// Membership in a bridge.
    BridgeSlave {
        1 "masterName" master: String, omit, "The bridge.";
    }
}

record! {
    /// The number of a VLAN.
    VlanSpec {
        1 "vlanID" id: u16, keep, "The number.";
        2 "vlanProtocol" protocol: Word, keep, "`ETH_P_8021Q` or `ETH_P_8021AD`.";
    }
}

record! {
    /// How a bond is made of its members.
    BondSpec {
        1 "mode" mode: Word, keep, "How members share the traffic.";
        2 "xmitHashPolicy" hash_policy: Word, keep, "What chooses a member.";
        3 "lacpRate" lacp_rate: Word, keep, "How often LACP speaks.";
        4 "arpValidate" arp_validate: Word, keep, "Which ARP answers are checked.";
        5 "arpAllTargets" arp_all_targets: Word, keep, "Whether all ARP targets must answer.";
        6 "primary" primary: u32, omit, "The number of the preferred member.";
        7 "primaryReselect" primary_reselect: Word, keep, "When it takes over again.";
        8 "failOverMac" fail_over_mac: u32, keep, "Which hardware address is used.";
        9 "adSelect" ad_select: Word, omit, "How aggregators are chosen.";
        10 "miimon" mii_monitor: u32, omit, "Milliseconds between link checks.";
        11 "updelay" up_delay: u32, omit, "Milliseconds until a member counts as up.";
        12 "downdelay" down_delay: u32, omit, "Milliseconds until it counts as down.";
        13 "arpInterval" arp_interval: u32, omit, "Milliseconds between ARP checks.";
        14 "resendIgmp" resend_igmp: u32, omit, "IGMP reports after a change.";
        15 "minLinks" min_links: u32, omit, "Members that must be up.";
        16 "lpInterval" learning_interval: u32, omit, "Seconds between learning packets.";
        17 "packetsPerSlave" packets_per_member: u32, omit, "Packets before the next member.";
        18 "numPeerNotif" notifications: u32, omit, "Notifications after a change.";
        19 "tlbLogicalLb" balances_by_load: u32, omit, "Whether flows are shuffled by load.";
        20 "allSlavesActive" all_active: u32, omit, "Whether packets of inactive members are kept.";
        21 "useCarrier" use_carrier: bool, omit, "Whether the driver is asked for the carrier.";
        22 "adActorSysPrio" system_priority: u16, omit, "System priority of LACP.";
        23 "adUserPortKey" port_key: u16, omit, "Port key of LACP.";
        24 "peerNotifyDelay" notify_delay: u32, omit, "Milliseconds between notifications.";
    }
}

record! {
    /// The spanning tree protocol.
    StpSpec {
        1 "enabled" enabled: bool, keep, "Whether it runs.";
    }
}

record! {
    /// How a bridge works.
    BridgeSpec {
        1 "stp" stp: StpSpec, omit, "The spanning tree protocol.";
    }
}

record! {
    /// The other end of a WireGuard tunnel.
    WireguardPeer {
        1 "publicKey" public_key: String, keep, "Its key.";
        2 "presharedKey" preshared_key: Secret, keep, "A key that both ends have.";
        3 "endpoint" endpoint: String, keep, "Its address and port.";
        4 "persistentKeepaliveInterval" keepalive: Span, keep, "How often to say something.";
        5 "allowedIPs" allowed: Vec<super::Prefix>, keep, "Networks behind it.";
    }
}

record! {
    /// A WireGuard tunnel.
    WireguardSpec {
        1 "privateKey" private_key: Secret, omit, "Our key.";
        2 "publicKey" public_key: String, omit, "What others know us by; the kernel works it out.";
        3 "listenPort" port: i64, keep, "Our port.";
        4 "firewallMark" mark: i64, keep, "Mark of its packets.";
        5 "peers" peers: Vec<WireguardPeer>, keep, "The others.";
    }
}

spec! {
    /// A link that is to be. Its id is its name.
    LinkSpec,
    "LinkSpecs.net.talos.dev" in "network",
    ["linkspec", "ls"],
    [],
    Sensitive,
    {
        1 "name" name: String, keep, "Its name.";
        2 "logical" is_logical: bool, keep, "Whether it is made, and not found.";
        3 "up" is_up: bool, keep, "Whether it is to be up.";
        4 "mtu" mtu: u32, keep, "The largest packet, in bytes; 0 leaves it as it is.";
        5 "kind" kind: String, keep, "What it is made as; empty for physical links.";
        6 "type" link_type: Word, keep, "`ARPHRD_*`.";
        7 "parentName" parent: String, omit, "The link below.";
        8 "-" bond_slave: BondSlave, omit, "The bond that it is in.";
        9 "bridgeSlave" bridge_slave: BridgeSlave, omit, "The bridge that it is in.";
        10 "vlan" vlan: VlanSpec, omit, "The VLAN that it is.";
        11 "bondMaster" bond: BondSpec, omit, "The bond that it is.";
        12 "bridgeMaster" bridge: BridgeSpec, omit, "The bridge that it is.";
        13 "wireguard" wireguard: WireguardSpec, omit, "The tunnel that it is.";
        14 "layer" layer: Layer, keep, "Who wishes it.";
    }
}

/// Overwrites what a wish says with what another one says beyond nothing.
macro_rules! take {
    ($into:ident, $from:ident, $($field:ident),*) => { $(
        if !$crate::resources::field::Field::is_empty(&$from.$field) {
            $into.$field.clone_from(&$from.$field);
        }
    )* };
}

impl LinkSpec {
    /// A link that is to be up.
    pub(crate) fn up(name: &str, layer: Layer) -> Self {
        Self {
            name: name.to_owned(),
            is_up: true,
            // A physical link has the type that it has: the documents show none as the first one.
            link_type: Word::of(LINK_TYPES, 0),
            layer,
            ..Self::default()
        }
    }

    /// Adds a wish of the same or a higher layer: field by field, what it says wins.
    pub(crate) fn add(&mut self, higher: &Self) {
        take!(
            self,
            higher,
            is_logical,
            is_up,
            mtu,
            kind,
            link_type,
            parent,
            bond_slave,
            bridge_slave,
            vlan,
            bond,
            bridge,
            wireguard
        );
        self.layer = self.layer.max(higher.layer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::field::Record as _;

    #[test]
    fn rsrc_063_the_bond_of_a_member_stands_among_its_own_keys() {
        let member = LinkSpec {
            bond_slave: BondSlave {
                master: "bond0".to_owned(),
                index: 1,
            },
            ..LinkSpec::up("eth0", Layer::Configuration)
        };

        let yaml = member.encoded().unwrap().yaml;

        assert_eq!(
            yaml,
            "name: eth0\nlogical: false\nup: true\nmtu: 0\nkind: ''\ntype: netrom\n\
             masterName: bond0\nslaveIndex: 1\nlayer: configuration\n"
        );
    }

    #[test]
    fn a_higher_layer_wins_where_it_says_something() {
        let mut link = LinkSpec {
            mtu: 1400,
            ..LinkSpec::up("eth0", Layer::Default)
        };
        let higher = LinkSpec {
            mtu: 9000,
            layer: Layer::Configuration,
            ..LinkSpec::default()
        };

        link.add(&higher);

        assert!(link.is_up);
        assert_eq!((link.mtu, link.layer), (9000, Layer::Configuration));
    }
}
