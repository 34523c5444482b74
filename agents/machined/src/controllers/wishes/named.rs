// SPDX-License-Identifier: MPL-2.0
//! The links that the configuration speaks of, by their names.
//!
//! Owns: finding the links that a selector means.
//! Never: guesses: what a selector asks for and nobody compares matches nothing.

use std::collections::BTreeSet;

use config::document::{
    Device, DeviceVipConfig, DhcpOptions, NetworkConfig, NetworkDeviceSelector, Route, Vlan,
};
use resource::View;

use crate::controllers::configured::machine;
use crate::resources::LinkStatus;

/// `ARPHRD_ETHER`.
const ETHER: u16 = 1;

/// A link of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Named<'a> {
    /// What it is called.
    pub name: String,
    /// What is written of it.
    pub device: &'a Device,
    /// Its place in the list, and, where a selector means it, its place among those that are meant.
    pub place: (usize, Option<usize>),
}

impl Named<'_> {
    /// What a VLAN on it is called.
    pub(super) fn vlan(&self, vlan: &Vlan) -> String {
        format!("{}.{}", self.name, vlan.vlan_id)
    }
}

/// A link of the configuration, or a VLAN on one: what both can have.
#[derive(Debug, Clone)]
pub(super) struct Interface<'a> {
    /// What it is called.
    pub name: String,
    /// Its addresses, with those written the old way.
    pub addresses: Vec<&'a str>,
    /// Its routes.
    pub routes: &'a [Route],
    /// Whether DHCP is asked on it.
    pub dhcp: bool,
    /// How.
    pub dhcp_options: Option<&'a DhcpOptions>,
    /// The address that it shares with other nodes.
    pub vip: Option<&'a DeviceVipConfig>,
}

/// All that are to be configured, each with its VLANs behind it.
pub(super) fn interfaces<'a>(view: &View<'a>) -> Vec<Interface<'a>> {
    let mut found = Vec::new();
    for named in configured(view) {
        let device = named.device;
        found.push(Interface {
            name: named.name.clone(),
            addresses: addresses(&device.addresses, &device.cidr),
            routes: &device.routes,
            dhcp: device.dhcp == Some(true),
            dhcp_options: device.dhcp_options.as_ref(),
            vip: device.vip.as_ref(),
        });
        found.extend(device.vlans.iter().map(|vlan| Interface {
            name: named.vlan(vlan),
            addresses: addresses(&vlan.addresses, &vlan.cidr),
            routes: &vlan.routes,
            dhcp: vlan.dhcp == Some(true),
            dhcp_options: vlan.dhcp_options.as_ref(),
            vip: vlan.vip.as_ref(),
        }));
    }
    found
}

fn addresses<'a>(addresses: &'a [String], cidr: &'a str) -> Vec<&'a str> {
    addresses.iter().map(String::as_str).chain([cidr]).collect()
}

/// The network section of the configuration.
pub(super) fn network<'a>(view: &View<'a>) -> Option<&'a NetworkConfig> {
    machine(view)?.network.as_ref()
}

/// All links that the configuration speaks of, those to be left alone included.
pub(super) fn all<'a>(view: &View<'a>) -> Vec<Named<'a>> {
    let devices = network(view).map_or(&[][..], |network| &network.interfaces);
    let mut found = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        let names = names(view, &device.interface, device.device_selector.as_ref());
        for (matched, name) in names.into_iter().enumerate() {
            let is_selected = device.interface.is_empty();
            found.push(Named {
                name,
                device,
                place: (index, is_selected.then_some(matched)),
            });
        }
    }
    found
}

/// Those of them that are to be configured.
pub(super) fn configured<'a>(view: &View<'a>) -> Vec<Named<'a>> {
    let mut found = all(view);
    found.retain(|named| named.device.ignore != Some(true));
    found
}

/// The members of the bond or bridge that a link is.
pub(super) fn members(view: &View<'_>, device: &Device) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(bond) = &device.bond {
        found.extend_from_slice(&bond.interfaces);
        for selector in &bond.device_selectors {
            found.extend(names(view, "", Some(selector)));
        }
    }
    if let Some(bridge) = &device.bridge {
        found.extend_from_slice(&bridge.interfaces);
    }
    found
}

/// Physical links that the configuration does not speak of.
pub(super) fn unnamed(view: &View<'_>) -> Vec<String> {
    let mut named = BTreeSet::new();
    for link in all(view) {
        named.extend(members(view, link.device));
        named.insert(link.name);
    }
    physical(view)
        .map(|(name, _)| name.to_owned())
        .filter(|name| !named.contains(name))
        .collect()
}

fn physical<'a>(view: &View<'a>) -> impl Iterator<Item = (&'a str, &'a LinkStatus)> {
    let links = view.list::<LinkStatus>();
    links
        .map(|link| (link.metadata.id.as_str(), link.spec))
        .filter(|(_, link)| link.arp_type == ETHER && link.kind.is_empty())
}

fn names(view: &View<'_>, written: &str, selector: Option<&NetworkDeviceSelector>) -> Vec<String> {
    if !written.is_empty() {
        return vec![written.to_owned()];
    }
    let Some(selector) = selector else {
        return Vec::new();
    };
    let others = [&selector.bus_path, &selector.pci_id, &selector.driver];
    if selector.hardware_addr.is_empty() || others.iter().any(|other| !other.is_empty()) {
        return Vec::new();
    }
    physical(view)
        .filter(|(_, link)| {
            let octets = link.hardware_address.iter();
            let octets: Vec<String> = octets.map(|octet| format!("{octet:02x}")).collect();
            let pattern = selector.hardware_addr.to_ascii_lowercase();
            matches(&pattern, &octets.join(":"))
        })
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether text is as a pattern says, where `*` is anything. What lies between two stars is taken where it
/// comes first, so no star is tried twice, however many there are.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = text.strip_prefix(first) else {
        return false;
    };
    for part in middle.split('*') {
        let Some((_, after)) = left.split_once(part) else {
            return false;
        };
        left = after;
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything() {
        for (pattern, text, expected) in [
            ("52:54:*", "52:54:00:01", true),
            ("*:01", "52:54:00:01", true),
            ("52:*:01", "52:54:00:01", true),
            ("52:*:02", "52:54:00:01", false),
            ("*", "", true),
            ("**", "a", true),
            ("52:*54:*:01", "52:54:00:01", true),
            ("52:54:*54*", "52:54:00:01", false),
            ("*00:01*:01", "52:54:00:01", false),
            ("52:54:00:01*01", "52:54:00:01", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_that_do_not_match_cost_no_more_than_their_length() {
        let pattern = format!("{}x", "*".repeat(100_000));
        let alternating = format!("{}x", "*5".repeat(40));

        assert!(!matches(&pattern, "52:54:00:12:34:56"));
        assert!(!matches(&alternating, &"5".repeat(60)));
    }
}
