// SPDX-License-Identifier: MPL-2.0
//! Who wishes which name servers.
//!
//! Owns: `ResolverSpec` before merging: what netd takes when nobody says otherwise, what DHCP gave,
//! and what the configuration says.
//! Never: writes the file that programs read.

use std::net::IpAddr;

use proto::net::DEFAULT_RESOLVERS;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::ids::with_layer;
use super::named;
use crate::resources::{Layer, LeaseStatus, MachineConfig, NETWORK_CONFIG, ResolverSpec};

/// What comes after the layer in ids, and is the id when they are merged.
pub(in crate::controllers) const ID: &str = "resolvers";

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.ResolverConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LeaseStatus>(),
        ],
        outputs: vec![Output::of::<ResolverSpec>().within(NETWORK_CONFIG)],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut put = |layer, link: &str, servers: Vec<IpAddr>| {
        if !servers.is_empty() {
            let id = with_layer(layer, link, ID);
            desired.put_within(NETWORK_CONFIG, id, ResolverSpec { servers, layer });
        }
    };
    let default = DEFAULT_RESOLVERS.map(IpAddr::V4);
    put(Layer::Default, "", default.to_vec());
    for lease in view.list::<LeaseStatus>().filter(|lease| lease.spec.bound) {
        let servers = lease.spec.dns.iter().map(|server| IpAddr::from(*server));
        put(Layer::Operator, &lease.spec.link_name, servers.collect());
    }
    let written = named::network(view).map_or(&[][..], |network| &network.nameservers);
    let written = written.iter().filter_map(|server| server.parse().ok());
    put(Layer::Configuration, "", written.collect());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::given::{lease, network, wished};
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_090_every_layer_wishes_its_servers() {
        let mut bench = Bench::of(controller());
        bench.say("dhcp4/eth0", lease("eth0", &["10.0.2.3"]));
        bench.say("dhcp4/eth1", lease("eth1", &[]));
        bench.say(MachineConfig::ID, network("nameservers: [9.9.9.9]"));

        bench.run();

        let entry = |id: &str, yaml: &str| (id.to_owned(), yaml.to_owned());
        assert_eq!(
            wished::<ResolverSpec>(&bench),
            [
                entry(
                    "configuration/resolvers",
                    "dnsServers:, - 9.9.9.9, layer: configuration"
                ),
                entry(
                    "default/resolvers",
                    "dnsServers:, - 1.1.1.1, - 8.8.8.8, layer: default"
                ),
                entry(
                    "dhcp4/eth0/resolvers",
                    "dnsServers:, - 10.0.2.3, layer: operator"
                ),
            ]
        );
    }
}
