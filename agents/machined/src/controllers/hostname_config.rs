// SPDX-License-Identifier: MPL-2.0
//! Who wishes which host name.
//!
//! Owns: the candidates of every layer, and the generated default.
//! Never: decides between them, or makes up a name for a moment: one that is to stay waits for what it
//! follows from.

use std::net::IpAddr;

use resource::{Body, Controller, Desired, Input, Output, View};
use ring::digest::{SHA256, digest};

use crate::kernel_arguments::KernelArguments;
use crate::resources::{
    HostnameSpec, Identity, Layer, LeaseStatus, MachineConfig, NETWORK_CONFIG, NodeAddress,
};

pub(super) fn controller(arguments: &KernelArguments) -> Controller {
    let cmdline = arguments.last("talos.hostname").map(str::to_owned);
    Controller {
        name: "network.HostnameConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<NodeAddress>().only("default"),
            Input::of::<Identity>().only("local"),
            Input::of::<LeaseStatus>(),
        ],
        outputs: vec![Output::of::<HostnameSpec>().within(NETWORK_CONFIG)],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let is_stable = configuration.is_some_and(|found| found.0.machine.stable_hostname);
            let default = match is_stable {
                true => view.get::<Identity>("local").map(stable_name),
                false => address_name(view),
            };
            for lease in view.list::<LeaseStatus>() {
                let LeaseStatus {
                    link_name,
                    hostname,
                    domain,
                    ..
                } = lease.spec;
                let name = join(hostname, domain);
                let spec = parse(&name, Layer::Operator).filter(|_| lease.spec.bound);
                if let Some(spec) = spec {
                    let id = format!("dhcp4/{link_name}/hostname");
                    desired.put_within(NETWORK_CONFIG, id, spec);
                }
            }
            let configured = configuration.map(|found| found.0.machine.hostname.clone());
            for (layer, name) in [
                (Layer::Default, default),
                (Layer::Cmdline, cmdline.clone()),
                (Layer::Configuration, configured),
            ] {
                if let Some(spec) = name.and_then(|name| parse(&name, layer)) {
                    let id = format!("{}/hostname", layer.name());
                    desired.put_within(NETWORK_CONFIG, id, spec);
                }
            }
            Ok(())
        })),
    }
}

fn join(hostname: &str, domain: &str) -> String {
    if domain.is_empty() || hostname.contains('.') {
        hostname.to_owned()
    } else {
        format!("{hostname}.{domain}")
    }
}

/// Splits a name into its first label and the rest; one that no host can have is not used.
fn parse(name: &str, layer: Layer) -> Option<HostnameSpec> {
    let name = name.trim_end_matches('.');
    let well_formed = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(well_formed) {
        return None;
    }
    let (hostname, domainname) = name.split_once('.').unwrap_or((name, ""));
    Some(HostnameSpec {
        hostname: hostname.to_owned(),
        domainname: domainname.to_owned(),
        layer,
    })
}

/// `talos-` and the address, with dashes for dots and nothing for colons.
fn address_name(view: &View<'_>) -> Option<String> {
    let NodeAddress(addresses) = view.get::<NodeAddress>("default")?;
    let text = match addresses.first()?.address {
        IpAddr::V4(address) => address.to_string().replace('.', "-"),
        IpAddr::V6(address) => address.to_string().replace('.', "-").replace(':', ""),
    };
    Some(format!("talos-{text}"))
}

/// `talos-xxx-yyy`: the same for as long as the node is the same. Six digits to base 36, but the first,
/// of the hash's first eight bytes.
fn stable_name(identity: &Identity) -> String {
    let hash = digest(&SHA256, identity.node_id.as_bytes());
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    let digits = base36(u64::from_be_bytes(first));
    let mut digits = digits.chars().skip(1);
    let mut group = || digits.by_ref().take(3).collect::<String>();
    format!("talos-{}-{}", group(), group())
}

/// The digits of a number, the highest first; before those of a small one zeros, as a name takes seven.
fn base36(mut number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    while number > 0 || digits.len() < 7 {
        let digit = usize::try_from(number % 36).unwrap_or(0);
        digits.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'0')));
        number /= 36;
    }
    digits.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;
    use crate::testing::configuration;

    fn given(address: &str) -> NodeAddress {
        NodeAddress(vec![Prefix {
            address: address.parse().unwrap(),
            length: 24,
        }])
    }

    fn names(bench: &Bench) -> Vec<(String, String, String)> {
        let kind = <HostnameSpec as resource::ResourceSpec>::KIND;
        let specs = bench.store.list_any(NETWORK_CONFIG, kind);
        specs
            .map(|resource| {
                let spec = resource.spec::<HostnameSpec>().unwrap();
                (
                    resource.metadata.id.clone(),
                    spec.hostname.clone(),
                    spec.domainname.clone(),
                )
            })
            .collect()
    }

    fn lease(hostname: &str, domain: &str, bound: bool) -> LeaseStatus {
        LeaseStatus {
            link_name: "eth0".to_owned(),
            bound,
            attempts: 0,
            dns: Vec::new(),
            ntp: Vec::new(),
            hostname: hostname.to_owned(),
            domain: domain.to_owned(),
        }
    }

    fn triple(id: &str, hostname: &str, domain: &str) -> (String, String, String) {
        (id.to_owned(), hostname.to_owned(), domain.to_owned())
    }

    #[test]
    fn diag_13_every_layer_has_its_candidate() {
        let arguments = KernelArguments::parse("talos.hostname=box.lab.example");
        let mut bench = Bench::of(controller(&arguments));
        bench.say("default", given("172.20.0.2"));
        bench.say("dhcp4/eth0", lease("leased", "home.arpa", true));

        bench.run();

        assert_eq!(
            names(&bench),
            [
                triple("cmdline/hostname", "box", "lab.example"),
                triple("default/hostname", "talos-172-20-0-2", ""),
                triple("dhcp4/eth0/hostname", "leased", "home.arpa"),
            ]
        );
    }

    #[test]
    fn a_lease_that_is_not_ours_and_names_that_no_host_has_are_not_used() {
        let arguments = KernelArguments::parse("talos.hostname=-bad");
        let mut bench = Bench::of(controller(&arguments));
        bench.say("dhcp4/eth0", lease("leased", "", false));
        bench.say("dhcp4/eth1", lease("a..b", "", true));

        bench.run();

        assert_eq!(names(&bench), []);
    }

    #[test]
    fn malformed_names_are_refused() {
        let long = "a".repeat(64);
        for name in ["", ".", "a b", "a/b", "-a", "a-", "a..b", &long, "ä"] {
            assert_eq!(parse(name, Layer::Default), None, "{name}");
        }
        let spec = parse("a.b.c.", Layer::Default).unwrap();
        assert_eq!(
            (spec.hostname.as_str(), spec.domainname.as_str()),
            ("a", "b.c")
        );
    }

    #[test]
    fn net_16_a_name_that_is_to_stay_waits_for_the_identity_and_follows_from_it() {
        let mut bench = Bench::of(controller(&KernelArguments::default()));
        bench.say("default", given("172.20.0.2"));
        bench.say(MachineConfig::ID, configuration("type:", "type:"));
        bench.run();
        assert_eq!(names(&bench), []);

        let node_id = "fGdOI05zVrx3YMagLo0Bwxo2Nm9BAswWm8HLeEj0aS4".to_owned();
        bench.say("local", Identity { node_id });
        bench.run();
        let stable = triple("default/hostname", "talos-nss-63o", "");
        assert_eq!(names(&bench), std::slice::from_ref(&stable));
        bench.say("default", given("172.20.0.3"));
        bench.run();

        assert_eq!(names(&bench), [stable]);
    }

    #[test]
    fn net_16_a_name_that_may_change_has_the_address_without_dots_and_colons() {
        let is_stable = "stableHostname: true";
        let changing = || configuration(is_stable, "stableHostname: false");
        for (address, name) in [
            ("172.20.0.2", "talos-172-20-0-2"),
            ("fd00::1:2", "talos-fd0012"),
            ("2001:db8::1", "talos-2001db81"),
        ] {
            for configuration in [None, Some(changing())] {
                let mut bench = Bench::of(controller(&KernelArguments::default()));
                let node_id = "a".to_owned();
                bench.say("local", Identity { node_id });
                bench.say("default", given(address));
                if let Some(configuration) = configuration {
                    bench.say(MachineConfig::ID, configuration);
                }

                bench.run();

                assert_eq!(names(&bench), [triple("default/hostname", name, "")]);
            }
        }
    }

    #[test]
    fn numbers_have_enough_digits_for_a_name() {
        assert_eq!(base36(0), "0000000");
        assert_eq!(base36(35 + 36), "000001z");
        assert_eq!(base36(u64::MAX), "3w5e11264sgsf");
    }
}
