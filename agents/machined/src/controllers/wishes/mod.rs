// SPDX-License-Identifier: MPL-2.0
//! What the network is to be: wishes of every layer, and what is left of them when the higher ones
//! have won.
//!
//! netd brings every physical link up and asks DHCP on it by itself. What the configuration says of
//! links is shown as the wish it is; whether something fulfils it, a status says.
//!
//! Owns: the list of these controllers, and what they have in common.
//! Never: gives netd an order.

mod addresses;
mod devices;
mod ids;
mod links;
mod merged;
mod named;
mod operators;
mod resolvers;
mod routes;

use resource::Controller;

/// The id of the name servers that are left.
pub(super) use resolvers::ID as RESOLVERS;

/// All of them.
pub(super) fn controllers() -> Vec<Controller> {
    vec![
        devices::controller(),
        links::controller(),
        merged::links(),
        addresses::controller(),
        merged::addresses(),
        routes::controller(),
        merged::routes(),
        operators::controller(),
        merged::operators(),
        resolvers::controller(),
        merged::resolvers(),
    ]
}

/// The number of an address family, `AF_*`.
const fn family(address: std::net::IpAddr) -> u32 {
    match address {
        std::net::IpAddr::V4(_) => 2,
        std::net::IpAddr::V6(_) => 10,
    }
}

/// Resources that tests put there.
#[cfg(test)]
pub(in crate::controllers) mod given {
    use resource::ResourceSpec;

    use crate::controllers::bench::Bench;
    use crate::resources::{LeaseStatus, LinkStatus, MachineConfig, NETWORK_CONFIG};
    use crate::testing::configuration;

    /// A configuration with these lines below `machine.network`.
    pub(super) fn network(lines: &str) -> MachineConfig {
        let lines: String = lines
            .lines()
            .map(|line| format!("        {line}\n"))
            .collect();
        configuration("    network: {}\n", &format!("    network:\n{lines}"))
    }

    /// A physical link.
    pub(in crate::controllers) fn link(index: u32) -> LinkStatus {
        LinkStatus {
            index,
            arp_type: 1,
            flags: 0x1_1043,
            hardware_address: vec![0x52, 0x54, 0, 0, 0, u8::try_from(index).unwrap()],
            permanent_address: Vec::new(),
            broadcast_address: vec![0xff; 6],
            lower_index: 0,
            mtu: 1500,
            queue_discipline: "pfifo_fast".to_owned(),
            master_index: 0,
            oper_state: 6,
            kind: String::new(),
            slave_kind: String::new(),
            driver: "virtio_net".to_owned(),
            speed_mbit: u32::MAX,
            duplex: 255,
        }
    }

    /// A lease.
    pub(super) fn lease(link: &str, dns: &[&str]) -> LeaseStatus {
        LeaseStatus {
            link_name: link.to_owned(),
            bound: true,
            attempts: 0,
            dns: dns.iter().map(|text| text.parse().unwrap()).collect(),
            ntp: Vec::new(),
            hostname: String::new(),
            domain: String::new(),
        }
    }

    /// YAML of everything of a type before merging, by id, each on one line.
    pub(super) fn wished<T: ResourceSpec>(bench: &Bench) -> Vec<(String, String)> {
        let all = bench.store.list_any(NETWORK_CONFIG, T::KIND);
        all.map(|found| {
            let yaml = found.spec.encoded().unwrap().yaml;
            (found.metadata.id.clone(), yaml.trim().replace('\n', ", "))
        })
        .collect()
    }
}
