// SPDX-License-Identifier: MPL-2.0
//! Where etcd is found and where it listens, chosen among the addresses of the node.
//!
//! Owns: `EtcdSpec`.
//! Never: starts one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use config::Cidr;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{EtcdConfig, EtcdSpec, HostnameStatus, NodeAddress, Prefix};

/// The addresses to which others find a way, without those of pods and services.
const ROUTED: &str = "routed-no-k8s";
/// All that the node has, without those.
const CURRENT: &str = "current-no-k8s";

pub(super) fn controller() -> Controller {
    Controller {
        name: "etcd.SpecController",
        inputs: vec![
            Input::of::<EtcdConfig>().only("etcd"),
            Input::of::<HostnameStatus>().only(HostnameStatus::ID),
            Input::of::<NodeAddress>().only(ROUTED),
            Input::of::<NodeAddress>().only(CURRENT),
        ],
        outputs: vec![Output::of::<EtcdSpec>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let (Some(config), Some(hostname), Some(NodeAddress(routed)), Some(NodeAddress(current))) = (
        view.get::<EtcdConfig>("etcd"),
        view.get::<HostnameStatus>(HostnameStatus::ID),
        view.get::<NodeAddress>(ROUTED),
        view.get::<NodeAddress>(CURRENT),
    ) else {
        return Ok(());
    };
    let mut advertised = left(routed, &config.advertise_valid, &config.advertise_exclude);
    if config.advertise_valid.is_empty() {
        advertised.truncate(1);
    }
    let has_v6 = routed.iter().any(|prefix| prefix.address.is_ipv6());
    let (anywhere, loopback): (IpAddr, IpAddr) = match has_v6 {
        true => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()),
        false => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()),
    };
    let (listen_peer, listen_client) =
        match config.listen_valid.is_empty() && config.listen_exclude.is_empty() {
            true => (vec![anywhere], vec![anywhere]),
            false => {
                let own = left(current, &config.listen_valid, &config.listen_exclude);
                // kube-apiserver of this node asks there.
                let with_loopback = own.iter().copied().chain([loopback]).collect();
                (own, with_loopback)
            }
        };
    if advertised.is_empty() || listen_peer.is_empty() {
        // No address is right yet.
        return Ok(());
    }
    let spec = EtcdSpec {
        name: hostname.hostname.clone(),
        advertised,
        listen_peer,
        listen_client,
        image: config.image.clone(),
        extra_args: config.extra_args.clone(),
    };
    desired.put("etcd", spec);
    Ok(())
}

/// The addresses that networks leave: within one of the first, or all if there is none, and within
/// none of the others.
fn left(addresses: &[Prefix], valid: &[String], excluded: &[String]) -> Vec<IpAddr> {
    let within = |networks: &[String], address: IpAddr| {
        let networks = networks
            .iter()
            .filter_map(|text| Cidr::parse_or_address(text));
        networks
            .map(Prefix::from)
            .any(|network| network.contains(address))
    };
    let addresses = addresses.iter().map(|prefix| prefix.address);
    addresses
        .filter(|address| valid.is_empty() || within(valid, *address))
        .filter(|address| !within(excluded, *address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn spec(addresses: &[&str], config: EtcdConfig) -> Option<[String; 3]> {
        let mut bench = Bench::of(controller());
        let addresses = addresses
            .iter()
            .map(|text| Prefix::from(Cidr::parse(text).unwrap()));
        let addresses = NodeAddress(addresses.collect());
        bench.say(ROUTED, addresses.clone());
        bench.say(CURRENT, addresses);
        bench.say("etcd", config);
        bench.say(
            HostnameStatus::ID,
            HostnameStatus {
                hostname: "box".to_owned(),
                domainname: "lab".to_owned(),
            },
        );
        bench.run();
        let spec = bench.store.get::<EtcdSpec>("etcd")?;
        assert_eq!((spec.name.as_str(), spec.image.as_str()), ("box", "image"));
        let lists = [&spec.advertised, &spec.listen_peer, &spec.listen_client];
        Some(lists.map(|list| {
            let list = list.iter().map(ToString::to_string);
            list.collect::<Vec<_>>().join(" ")
        }))
    }

    #[test]
    fn rsrc_012_etcd_is_found_at_the_first_address_and_listens_everywhere_unless_it_is_said() {
        let config = |valid: &[&str], excluded: &[&str], listen: &[&str]| EtcdConfig {
            advertise_valid: texts(valid),
            advertise_exclude: texts(excluded),
            listen_valid: texts(listen),
            image: "image".to_owned(),
            ..EtcdConfig::default()
        };
        let both = &["10.0.0.4/24", "10.0.0.5/24", "192.168.0.6/24"][..];
        for (addresses, config, expected) in [
            (
                both,
                config(&[], &["10.0.0.4"], &[]),
                Some(["10.0.0.5", "0.0.0.0", "0.0.0.0"]),
            ),
            (
                both,
                config(&["10.0.0.0/8"], &["10.0.0.5"], &["192.168.0.0/16"]),
                Some(["10.0.0.4", "192.168.0.6", "192.168.0.6 127.0.0.1"]),
            ),
            (
                &["fd00::4/64"],
                config(&[], &[], &[]),
                Some(["fd00::4", "::", "::"]),
            ),
            (both, config(&["172.16.0.0/12"], &[], &[]), None),
            (both, config(&[], &[], &["172.16.0.0/12"]), None),
        ] {
            let expected = expected.map(|lists| lists.map(str::to_owned));
            assert_eq!(spec(addresses, config.clone()), expected, "{config:?}");
        }
    }
}
