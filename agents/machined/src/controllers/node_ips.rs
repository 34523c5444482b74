// SPDX-License-Identifier: MPL-2.0
//! Which addresses the kubelet registers.
//!
//! Owns: `NodeIp`: the first IPv4 address and the first IPv6 address that the settings allow.
//! Never: registers one.

use std::net::IpAddr;

use config::Cidr;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{NodeAddress, NodeIp, NodeIpConfig, Prefix};

pub(super) fn controller() -> Controller {
    Controller {
        name: "k8s.NodeIPController",
        inputs: vec![
            Input::of::<NodeIpConfig>().only("kubelet"),
            Input::of::<NodeAddress>().only("routed-no-k8s"),
        ],
        outputs: vec![Output::of::<NodeIp>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let routed = view.get::<NodeAddress>("routed-no-k8s");
    let (Some(config), Some(NodeAddress(routed))) = (view.get::<NodeIpConfig>("kubelet"), routed)
    else {
        return Ok(());
    };
    let within = |networks: &[String], address: IpAddr| {
        let networks = networks
            .iter()
            .filter_map(|text| Cidr::parse_or_address(text));
        networks
            .map(Prefix::from)
            .any(|network| network.contains(address))
    };
    let allowed: Vec<IpAddr> = routed
        .iter()
        .map(|prefix| prefix.address)
        .filter(|address| within(&config.valid_subnets, *address))
        .filter(|address| !within(&config.exclude_subnets, *address))
        .collect();
    let first = |is_wanted: fn(&IpAddr) -> bool| allowed.iter().copied().find(is_wanted);
    let addresses = [first(IpAddr::is_ipv4), first(IpAddr::is_ipv6)];
    let addresses: Vec<IpAddr> = addresses.into_iter().flatten().collect();
    if !addresses.is_empty() {
        desired.put("kubelet", NodeIp { addresses });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_042_the_first_of_each_kind_that_is_allowed_is_taken() {
        let mut bench = Bench::of(controller());
        let all = ["10.0.0.4/24", "10.0.0.5/24", "10.0.0.6/24", "fd00::7/64"];
        let all = all
            .iter()
            .map(|text| Prefix::from(Cidr::parse(text).unwrap()));
        bench.say("routed-no-k8s", NodeAddress(all.collect()));
        let config = |valid: &[&str]| NodeIpConfig {
            valid_subnets: valid.iter().map(|text| (*text).to_owned()).collect(),
            exclude_subnets: vec!["10.0.0.4".to_owned()],
        };
        let taken = |bench: &Bench| {
            let found = bench.store.get::<NodeIp>("kubelet");
            found.map(|found| {
                found
                    .addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
            })
        };

        bench.say("kubelet", config(&["0.0.0.0/0", "::/0"]));
        bench.run();
        assert_eq!(taken(&bench).unwrap(), ["10.0.0.5", "fd00::7"]);

        bench.say("kubelet", config(&["192.168.0.0/16"]));
        bench.run();
        assert_eq!(taken(&bench), None);
    }
}
