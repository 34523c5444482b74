// SPDX-License-Identifier: MPL-2.0
//! What configures links while the node runs: DHCP, and addresses that nodes share.
//!
//! Owns: `OperatorSpec` before merging: DHCPv4 on every physical link that nobody speaks of, as netd
//! does it, and what the configuration says.
//! Never: asks a server.

use config::document::{DeviceVipConfig, DhcpOptions};
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::ids::with_layer;
use super::named::{self, Interface};
use super::routes::METRIC;
use crate::controllers::roots::text;
use crate::resources::values::{Maybe, Word};
use crate::resources::words;
use crate::resources::{
    Dhcp4, Dhcp6, EquinixMetal, HetznerCloud, Layer, LinkStatus, MachineConfig, NETWORK_CONFIG,
    OperatorSpec, SharedAddress,
};

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.OperatorConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<LinkStatus>(),
        ],
        outputs: vec![Output::of::<OperatorSpec>().within(NETWORK_CONFIG)],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let mut put = |wish: OperatorSpec| {
        let id = format!("{}/{}", wish.operator.text, wish.link_name);
        let id = with_layer(wish.layer, &wish.link_name, &id);
        desired.put_within(NETWORK_CONFIG, id, wish);
    };
    for name in named::unnamed(view) {
        put(dhcp4(&name, METRIC, Layer::Default));
    }
    for Interface {
        name,
        dhcp,
        dhcp_options,
        vip,
        ..
    } in named::interfaces(view)
    {
        if dhcp {
            asking(&name, dhcp_options).into_iter().for_each(&mut put);
        }
        vip.and_then(|vip| sharing(&name, vip))
            .into_iter()
            .for_each(&mut put);
    }
    Ok(())
}

fn operator(name: &str, link: &str, layer: Layer) -> OperatorSpec {
    OperatorSpec {
        operator: Word::written(words::OPERATORS, name),
        link_name: link.to_owned(),
        require_up: true,
        layer,
        ..OperatorSpec::default()
    }
}

fn dhcp4(link: &str, route_metric: u32, layer: Layer) -> OperatorSpec {
    OperatorSpec {
        dhcp4: Dhcp4 {
            route_metric,
            skip_hostname: false,
        },
        ..operator("dhcp4", link, layer)
    }
}

/// IPv4 unless it is switched off, IPv6 when it is switched on.
fn asking(link: &str, options: Option<&DhcpOptions>) -> Vec<OperatorSpec> {
    let metric = options.map_or(0, |options| options.route_metric);
    let metric = if metric == 0 { METRIC } else { metric };
    let mut found = Vec::new();
    if options.and_then(|options| options.ipv4) != Some(false) {
        found.push(dhcp4(link, metric, Layer::Configuration));
    }
    if let Some(options) = options.filter(|options| options.ipv6 == Some(true)) {
        found.push(OperatorSpec {
            dhcp6: Dhcp6 {
                duid: options.duidv6.clone(),
                route_metric: metric,
                skip_hostname: false,
            },
            ..operator("dhcp6", link, Layer::Configuration)
        });
    }
    found
}

fn sharing(link: &str, written: &DeviceVipConfig) -> Option<OperatorSpec> {
    let equinix_metal = written.equinix_metal.as_ref();
    let hetzner = written.hcloud.as_ref();
    let shared = SharedAddress {
        address: Maybe(Some(written.ip.parse().ok()?)),
        announced: true,
        equinix_metal: equinix_metal.map_or_else(Default::default, |cloud| EquinixMetal {
            token: text(&cloud.api_token),
            ..EquinixMetal::default()
        }),
        hetzner: hetzner.map_or_else(Default::default, |cloud| HetznerCloud {
            token: text(&cloud.api_token),
            ..HetznerCloud::default()
        }),
    };
    Some(OperatorSpec {
        shared,
        ..operator("vip", link, Layer::Configuration)
    })
}

#[cfg(test)]
mod tests {
    use super::super::given::{link, network, wished};
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_066_rsrc_086_dhcp_is_asked_where_nobody_says_otherwise() {
        let mut bench = Bench::of(controller());
        bench.say("eth0", link(2));

        bench.run();

        assert_eq!(
            wished::<OperatorSpec>(&bench),
            [(
                "default/dhcp4/eth0".to_owned(),
                "operator: dhcp4, linkName: eth0, requireUp: true, dhcp4:,   routeMetric: 1024, \
                 layer: default"
                    .to_owned()
            )]
        );
    }

    #[test]
    fn rsrc_067_the_configuration_says_where_dhcp_is_asked_and_what_is_shared() {
        let mut bench = Bench::of(controller());
        bench.say("eth0", link(2));
        bench.say(
            MachineConfig::ID,
            network(
                "interfaces:\n  - interface: eth0\n    dhcp: true\n    \
                 dhcpOptions: {routeMetric: 7, ipv6: true, duidv6: '00:01'}\n    \
                 vip: {ip: 10.0.0.9, hcloud: {apiToken: word}}\n  - {interface: eth1, addresses: [10.0.0.5/24]}",
            ),
        );

        bench.run();

        let found = wished::<OperatorSpec>(&bench);
        let ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "configuration/dhcp4/eth0",
                "configuration/dhcp6/eth0",
                "configuration/vip/eth0",
            ]
        );
        assert!(found[0].1.contains("routeMetric: 7"), "{found:?}");
        assert!(found[1].1.contains("DUID: 00:01"), "{found:?}");
        assert!(found[2].1.contains("ip: 10.0.0.9"), "{found:?}");
        assert!(found[2].1.contains("apiToken: word"), "{found:?}");
        assert!(!found[2].1.contains("equinixMetal"), "{found:?}");
    }
}
