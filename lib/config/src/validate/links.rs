// SPDX-License-Identifier: MPL-2.0
//! Rules about links: `machine.network.interfaces`.
//!
//! Owns: one row per rule.
//! Never: checks that a link exists.

use super::{Rule, Situation, items};
use crate::document::{Device, DeviceVipConfig, NetworkDeviceSelector, Route};
use crate::error::{Fault, Path};
use crate::network::Cidr;
use crate::url::split_port;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::net::IpAddr;
use std::collections::BTreeMap;

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        Fault::Rule("needs either interface or deviceSelector"),
        |s| {
            every(s, |device| {
                device.interface.is_empty() == device.device_selector.is_none()
            })
        },
    ),
    Rule::error(Fault::Rule("the selector matches everything"), |s| {
        let empty = NetworkDeviceSelector::default();
        let broken = every(s, |device| device.device_selector.as_ref() == Some(&empty));
        broken
            .iter()
            .map(|path| path.key("deviceSelector"))
            .collect()
    }),
    Rule::error(Fault::Rule("cannot be a bond and a bridge"), |s| {
        active(s, |device| device.bond.is_some() && device.bridge.is_some())
    }),
    Rule::error(
        Fault::Rule("the member belongs to another bond or bridge too"),
        shared_members,
    ),
    Rule::error(
        Fault::Rule("needs either interfaces or deviceSelectors"),
        |s| {
            active(s, |device| {
                device.bond.as_ref().is_some_and(|bond| {
                    bond.interfaces.is_empty() == bond.device_selectors.is_empty()
                })
            })
        },
    ),
    Rule::error(Fault::Rule("addresses and cidr exclude each other"), |s| {
        let mut broken = active(s, |d| !d.addresses.is_empty() && !d.cidr.is_empty());
        broken.extend(inside(s, |device, path| {
            items(&device.vlans, &path.key("vlans"), |v| {
                !v.addresses.is_empty() && !v.cidr.is_empty()
            })
        }));
        broken
    }),
    Rule::error(
        Fault::BadValue("an address, with or without prefix length"),
        bad_addresses,
    ),
    Rule::warning(Fault::Deprecated("write addresses instead"), |s| {
        let used = active(s, |device| !device.cidr.is_empty());
        used.iter().map(|path| path.key("cidr")).collect()
    }),
    Rule::error(
        Fault::Rule("a member of a bond has no addresses of its own"),
        bond_members,
    ),
    Rule::error(Fault::BadValue("an address"), |s| {
        vips(s, |_, vip| vip.ip.parse::<IpAddr>().is_err())
    }),
    Rule::error(Fault::Rule("workers have no shared address"), |s| {
        vips(s, |s, _| !s.kind.is_control_plane())
    }),
    Rule::error(
        Fault::Rule("needs a network or a gateway, each well written"),
        |s| {
            inside(s, |device, path| {
                let mut broken = items(&device.routes, &path.key("routes"), is_bad_route);
                for (index, vlan) in device.vlans.iter().enumerate() {
                    let path = path.key("vlans").index(index).key("routes");
                    broken.extend(items(&vlan.routes, &path, is_bad_route));
                }
                broken
            })
        },
    ),
    Rule::error(Fault::BadValue("a VLAN number from 1 to 4094"), |s| {
        inside(s, |device, path| {
            items(&device.vlans, &path.key("vlans"), |vlan| {
                !(1..=4094).contains(&vlan.vlan_id)
            })
        })
    }),
    Rule::error(
        Fault::BadValue("a WireGuard key, 32 bytes in base64"),
        bad_keys,
    ),
    Rule::error(Fault::BadValue("an address and a port"), |s| {
        peers(s, "endpoint", |peer| {
            !peer.endpoint.is_empty()
                && split_port(&peer.endpoint).is_none_or(|(_, port)| port.is_none())
        })
    }),
    Rule::error(Fault::BadValue("networks"), |s| {
        peers(s, "allowedIPs", |peer| {
            peer.allowed_ips.iter().any(|ip| Cidr::parse(ip).is_none())
        })
    }),
    Rule::error(Fault::BadValue("a packet size from 68 to 65535"), |s| {
        let broken = active(s, |device| {
            device.mtu != 0 && !(68..=65_535).contains(&device.mtu)
        });
        broken.iter().map(|path| path.key("mtu")).collect()
    }),
];

/// All links with their paths.
pub(super) fn links<'a>(s: &Situation<'a>) -> Vec<(Path, &'a Device)> {
    let root = Path::new("machine.network.interfaces");
    let devices = s
        .machine
        .network
        .as_ref()
        .map_or(&[][..], |network| &network.interfaces);
    devices
        .iter()
        .enumerate()
        .map(|(index, device)| (root.index(index), device))
        .collect()
}

fn every(s: &Situation<'_>, is_broken: impl Fn(&Device) -> bool) -> Vec<Path> {
    links(s)
        .into_iter()
        .filter(|(_, device)| is_broken(device))
        .map(|(path, _)| path)
        .collect()
}

/// Like [`every`], without the links that are left alone.
pub(super) fn active(s: &Situation<'_>, is_broken: impl Fn(&Device) -> bool) -> Vec<Path> {
    every(s, |device| device.ignore != Some(true) && is_broken(device))
}

fn inside(s: &Situation<'_>, broken: impl Fn(&Device, &Path) -> Vec<Path>) -> Vec<Path> {
    let links = links(s)
        .into_iter()
        .filter(|(_, device)| device.ignore != Some(true));
    links
        .flat_map(|(path, device)| broken(device, &path))
        .collect()
}

/// The members of a link's bond or bridge, with the path of their list.
fn members<'a>(device: &'a Device, path: &Path) -> Vec<(Path, &'a [String])> {
    let bond = device
        .bond
        .as_ref()
        .map(|bond| ("bond", bond.interfaces.as_slice()));
    let bridge = device
        .bridge
        .as_ref()
        .map(|bridge| ("bridge", bridge.interfaces.as_slice()));
    bond.into_iter()
        .chain(bridge)
        .map(|(key, list)| (path.key(key).key("interfaces"), list))
        .collect()
}

fn shared_members(s: &Situation<'_>) -> Vec<Path> {
    let mut owners: BTreeMap<&str, Path> = BTreeMap::new();
    let mut broken = Vec::new();
    for (path, device) in links(s) {
        for (list, names) in members(device, &path) {
            for (index, name) in names.iter().enumerate() {
                if owners.insert(name, path.clone()).is_some() {
                    broken.push(list.index(index));
                }
            }
        }
    }
    broken
}

fn bond_members(s: &Situation<'_>) -> Vec<Path> {
    let all = links(s);
    let bonds = all.iter().filter_map(|(_, device)| device.bond.as_ref());
    let names: Vec<&String> = bonds.flat_map(|bond| &bond.interfaces).collect();
    active(s, |device| {
        names.contains(&&device.interface)
            && (device.dhcp == Some(true)
                || !device.addresses.is_empty()
                || !device.cidr.is_empty()
                || device.vip.is_some())
    })
}

fn bad_addresses(s: &Situation<'_>) -> Vec<Path> {
    let is_bad = |text: &String| Cidr::parse_or_address(text).is_none();
    let check = |list: &[String], old: &String, path: &Path| {
        let mut broken = items(list, &path.key("addresses"), is_bad);
        if !old.is_empty() && is_bad(old) {
            broken.push(path.key("cidr"));
        }
        broken
    };
    inside(s, |device, path| {
        let mut broken = check(&device.addresses, &device.cidr, path);
        for (index, vlan) in device.vlans.iter().enumerate() {
            broken.extend(check(
                &vlan.addresses,
                &vlan.cidr,
                &path.key("vlans").index(index),
            ));
        }
        broken
    })
}

fn vips(
    s: &Situation<'_>,
    is_broken: impl Fn(&Situation<'_>, &DeviceVipConfig) -> bool,
) -> Vec<Path> {
    let is_bad = |vip: &Option<DeviceVipConfig>| vip.as_ref().is_some_and(|vip| is_broken(s, vip));
    inside(s, |device, path| {
        let mut broken = Vec::new();
        if is_bad(&device.vip) {
            broken.push(path.key("vip"));
        }
        broken.extend(
            items(&device.vlans, &path.key("vlans"), |vlan| is_bad(&vlan.vip))
                .iter()
                .map(|path| path.key("vip")),
        );
        broken
    })
}

fn is_bad_route(route: &Route) -> bool {
    let is_address = |text: &str| text.is_empty() || text.parse::<IpAddr>().is_ok();
    let is_network = route.network.is_empty() || Cidr::parse(&route.network).is_some();
    let has_aim = !route.network.is_empty() || !route.gateway.is_empty();
    !(has_aim && is_network && is_address(&route.gateway) && is_address(&route.source))
}

fn is_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

fn bad_keys(s: &Situation<'_>) -> Vec<Path> {
    let mut broken = peers(s, "publicKey", |peer| !is_key(&peer.public_key));
    broken.extend(inside(s, |device, path| match &device.wireguard {
        Some(wireguard) if !is_key(wireguard.private_key.expose()) => {
            vec![path.key("wireguard").key("privateKey")]
        }
        _ => Vec::new(),
    }));
    broken
}

fn peers(
    s: &Situation<'_>,
    key: &str,
    is_broken: impl Fn(&crate::document::DeviceWireguardPeer) -> bool,
) -> Vec<Path> {
    inside(s, |device, path| {
        let path = path.key("wireguard").key("peers");
        let peers = device
            .wireguard
            .as_ref()
            .map_or(&[][..], |wireguard| &wireguard.peers);
        items(peers, &path, &is_broken)
            .iter()
            .map(|path| path.key(key))
            .collect()
    })
}
