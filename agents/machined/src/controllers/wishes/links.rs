// SPDX-License-Identifier: MPL-2.0
//! Who wishes which links.
//!
//! Owns: `LinkSpec` before merging: loopback and every physical link that nobody speaks of are up,
//! and what the configuration makes of its own.
//! Never: makes one.

use std::collections::BTreeMap;

use config::Cidr;
use config::document::{Bond, DeviceWireguardConfig, Vlan};
use pki::Secret;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::ids::with_layer;
use super::named::{self, Named};
use crate::resources::values::{Span, Word};
use crate::resources::words;
use crate::resources::{
    BondSlave, BondSpec, BridgeSlave, BridgeSpec, Layer, LinkSpec, LinkStatus, MachineConfig,
    NETWORK_CONFIG, Prefix, StpSpec, VlanSpec, WireguardPeer, WireguardSpec,
};

/// `ARPHRD_ETHER`.
const ETHER: u32 = 1;
/// `ARPHRD_NONE`: a tunnel without a header of its own.
const NO_HEADER: u32 = 65534;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.LinkConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LinkStatus>(),
        ],
        outputs: vec![Output::of::<LinkSpec>().within(NETWORK_CONFIG)],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut wishes: BTreeMap<String, LinkSpec> = BTreeMap::new();
    let untouched = named::unnamed(view);
    for name in untouched.iter().map(String::as_str).chain(["lo"]) {
        add(&mut wishes, LinkSpec::up(name, Layer::Default));
    }
    for link in named::configured(view) {
        for wish in of_device(view, &link) {
            add(&mut wishes, wish);
        }
    }
    for (id, wish) in wishes {
        desired.put_within(NETWORK_CONFIG, id, wish);
    }
    Ok(())
}

/// Two places of one layer may speak of a link, as a bond and its member do.
fn add(wishes: &mut BTreeMap<String, LinkSpec>, wish: LinkSpec) {
    let id = with_layer(wish.layer, &wish.name, &wish.name);
    match wishes.get_mut(&id) {
        Some(present) => present.add(&wish),
        None => {
            wishes.insert(id, wish);
        }
    }
}

fn of_device(view: &View<'_>, link: &Named<'_>) -> Vec<LinkSpec> {
    let device = link.device;
    let mut own = LinkSpec {
        mtu: u32::try_from(device.mtu).unwrap_or(0),
        ..LinkSpec::up(&link.name, Layer::Configuration)
    };
    let mut found = Vec::new();
    if let Some(bond) = &device.bond {
        make(&mut own, "bond", ETHER);
        own.bond = bond_spec(view, bond);
        for (index, member) in (0..).zip(named::members(view, device)) {
            found.push(LinkSpec {
                bond_slave: BondSlave {
                    master: link.name.clone(),
                    index,
                },
                ..LinkSpec::up(&member, Layer::Configuration)
            });
        }
    } else if let Some(bridge) = &device.bridge {
        make(&mut own, "bridge", ETHER);
        let stp = bridge.stp.as_ref().and_then(|stp| stp.enabled);
        own.bridge = BridgeSpec {
            stp: StpSpec {
                enabled: stp == Some(true),
            },
        };
        for member in named::members(view, device) {
            found.push(LinkSpec {
                bridge_slave: BridgeSlave {
                    master: link.name.clone(),
                },
                ..LinkSpec::up(&member, Layer::Configuration)
            });
        }
    } else if let Some(tunnel) = &device.wireguard {
        make(&mut own, "wireguard", NO_HEADER);
        own.wireguard = wireguard(tunnel);
    } else if device.dummy == Some(true) {
        make(&mut own, "dummy", ETHER);
    }
    found.extend(device.vlans.iter().map(|written| vlan(link, written)));
    found.push(own);
    found
}

/// Says that a link is made, and not found.
fn make(link: &mut LinkSpec, kind: &str, link_type: u32) {
    link.is_logical = true;
    link.kind = kind.to_owned();
    link.link_type = Word::of(words::LINK_TYPES, link_type);
}

fn vlan(parent: &Named<'_>, written: &Vlan) -> LinkSpec {
    let mut link = LinkSpec {
        mtu: written.mtu,
        parent: parent.name.clone(),
        vlan: VlanSpec {
            id: written.vlan_id,
            protocol: Word::written(words::VLAN_PROTOCOLS, "802.1q"),
        },
        ..LinkSpec::up(&parent.vlan(written), Layer::Configuration)
    };
    make(&mut link, "vlan", ETHER);
    link
}

fn bond_spec(view: &View<'_>, written: &Bond) -> BondSpec {
    let primary = view.get::<LinkStatus>(&written.primary);
    BondSpec {
        mode: Word::written(words::BOND_MODES, &written.mode),
        hash_policy: Word::written(words::BOND_HASH_POLICIES, &written.xmit_hash_policy),
        lacp_rate: Word::written(words::LACP_RATES, &written.lacp_rate),
        arp_validate: Word::written(words::ARP_VALIDATIONS, &written.arp_validate),
        arp_all_targets: Word::written(words::ARP_ALL_TARGETS, &written.arp_all_targets),
        primary: primary.map_or(0, |link| link.index),
        primary_reselect: Word::written(words::PRIMARY_RESELECTS, &written.primary_reselect),
        fail_over_mac: Word::written(words::FAIL_OVER_MACS, &written.fail_over_mac).number,
        ad_select: Word::written(words::AD_SELECTS, &written.ad_select),
        mii_monitor: written.miimon,
        up_delay: written.updelay,
        down_delay: written.downdelay,
        arp_interval: written.arp_interval,
        resend_igmp: written.resend_igmp,
        min_links: written.min_links,
        learning_interval: written.lp_interval,
        packets_per_member: written.packets_per_slave,
        notifications: written.num_peer_notif.into(),
        balances_by_load: written.tlb_dynamic_lb.into(),
        all_active: written.all_slaves_active.into(),
        use_carrier: written.use_carrier == Some(true),
        system_priority: written.ad_actor_sys_prio,
        port_key: written.ad_user_port_key,
        notify_delay: written.peer_notify_delay,
    }
}

fn wireguard(written: &DeviceWireguardConfig) -> WireguardSpec {
    let peers = written.peers.iter().map(|peer| WireguardPeer {
        public_key: peer.public_key.clone(),
        preshared_key: Secret::default(),
        endpoint: peer.endpoint.clone(),
        keepalive: Span {
            nanoseconds: peer.persistent_keepalive_interval.nanoseconds,
        },
        allowed: (peer.allowed_ips.iter())
            .filter_map(|network| Cidr::parse(network))
            .map(Prefix::from)
            .collect(),
    });
    WireguardSpec {
        private_key: Secret::new(written.private_key.expose().as_bytes().to_vec()),
        public_key: String::new(),
        port: written.listen_port,
        mark: written.firewall_mark,
        peers: peers.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{link, network, wished};
    use super::*;
    use crate::controllers::bench::Bench;

    fn bench(lines: &str) -> Bench {
        let mut bench = Bench::of(controller());
        bench.say("eth0", link(2));
        bench.say("eth1", link(3));
        if !lines.is_empty() {
            bench.say(MachineConfig::ID, network(lines));
        }
        bench.run();
        bench
    }

    fn of(bench: &Bench, id: &str) -> String {
        let all = wished::<LinkSpec>(bench);
        let found = all.iter().find(|(known, _)| known == id);
        found.unwrap_or_else(|| panic!("{id}: {all:?}")).1.clone()
    }

    #[test]
    fn rsrc_072_links_that_nobody_speaks_of_are_to_be_up() {
        let ids: Vec<_> = wished::<LinkSpec>(&bench(""))
            .into_iter()
            .map(|(id, _)| id)
            .collect();

        assert_eq!(ids, ["default/eth0", "default/eth1", "default/lo"]);
        let spoken_of = bench("interfaces: [{interface: eth0, ignore: true}]");
        let ids: Vec<_> = wished::<LinkSpec>(&spoken_of)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(ids, ["default/eth1", "default/lo"]);
    }

    #[test]
    fn rsrc_062_a_bond_and_its_members_are_wished() {
        let bench = bench(
            "interfaces:\n  - interface: bond0\n    mtu: 9000\n    bond:\n      \
             interfaces: [eth0, eth1]\n      mode: active-backup\n      primary: eth1\n      \
             miimon: 100\n    vlans: [{vlanId: 7, routes: []}]",
        );

        let bond = of(&bench, "configuration/bond0");
        assert!(
            bond.starts_with(
                "name: bond0, logical: true, up: true, mtu: 9000, kind: bond, type: ether"
            ),
            "{bond}"
        );
        assert!(bond.contains("mode: active-backup"), "{bond}");
        assert!(
            bond.contains("primary: 3") && bond.contains("miimon: 100"),
            "{bond}"
        );
        let member = of(&bench, "configuration/eth1");
        assert!(
            member.ends_with("masterName: bond0, slaveIndex: 1, layer: configuration"),
            "{member}"
        );
        let vlan = of(&bench, "configuration/bond0.7");
        assert!(
            vlan.contains("kind: vlan") && vlan.contains("parentName: bond0"),
            "{vlan}"
        );
        assert!(vlan.contains("vlanID: 7,   vlanProtocol: 802.1q"), "{vlan}");
    }

    #[test]
    fn rsrc_064_rsrc_104_bridges_tunnels_and_selected_links_are_wished() {
        let key = "GE+mCHJWVNMUqjmFGCHCXtzUDWZjnWM6dVRC6BTmAEE=";
        let bench = bench(&format!(
            "interfaces:\n  - interface: br0\n    bridge: {{interfaces: [eth1], stp: {{enabled: true}}}}\n  \
             - interface: wg0\n    wireguard: {{privateKey: {key}, listenPort: 51820}}\n  \
             - deviceSelector: {{hardwareAddr: '*:02'}}\n    mtu: 1400"
        ));

        assert!(of(&bench, "configuration/br0").contains("stp:,     enabled: true"));
        assert!(of(&bench, "configuration/eth1").contains("masterName: br0"));
        assert!(of(&bench, "configuration/eth0").contains("mtu: 1400"));
        let tunnel = of(&bench, "configuration/wg0");
        assert!(
            tunnel.contains("type: nohdr") && tunnel.contains(key),
            "{tunnel}"
        );
    }
}
