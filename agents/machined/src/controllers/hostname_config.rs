// SPDX-License-Identifier: MPL-2.0
//! Who wishes which host name.
//!
//! Owns: the candidates of every layer, and the generated default.
//! Never: decides between them.

use resource::{Body, Controller, Desired, Input, Output};

use crate::kernel_arguments::KernelArguments;
use crate::places::Places;
use crate::resources::{
    HostnameSpec, Layer, LeaseStatus, MachineConfig, NETWORK_CONFIG, NodeAddress,
};

pub(super) fn controller(arguments: &KernelArguments, places: &Places) -> Controller {
    let cmdline = arguments.last("talos.hostname").map(str::to_owned);
    let places = places.clone();
    Controller {
        name: "network.HostnameConfigController",
        inputs: vec![
            Input::of::<MachineConfig>().only(MachineConfig::ID),
            Input::of::<NodeAddress>().only("default"),
            Input::of::<LeaseStatus>(),
        ],
        outputs: vec![Output::of::<HostnameSpec>().within(NETWORK_CONFIG)],
        body: Body::Acting(Box::new(move |view, desired: &mut Desired| {
            let configuration = view.get::<MachineConfig>(MachineConfig::ID);
            let stable = configuration.is_some_and(|found| found.0.machine.stable_hostname);
            let identity = if stable {
                crate::proc::identity(&places)
            } else {
                None
            };
            let default = identity.map(|identity| stable_name(&identity)).or_else(|| {
                let NodeAddress(addresses) = view.get::<NodeAddress>("default")?;
                Some(address_name(&addresses.first()?.address.to_string()))
            });
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

/// `talos-` and the address with dashes.
fn address_name(address: &str) -> String {
    let dashed = address.replace(['.', ':'], "-");
    format!("talos-{}", dashed.trim_matches('-'))
}

/// `talos-xxx-yyy`: the same name for the same machine at every boot, whatever its address.
fn stable_name(identity: &str) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // FNV-1a: its definition is fixed, unlike that of the standard library's hashes.
    let mut hash = identity
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mut digit = || {
        let index = usize::try_from(hash % 36).unwrap_or(0);
        hash /= 36;
        char::from(DIGITS.get(index).copied().unwrap_or(b'0'))
    };
    let mut group = || [digit(), digit(), digit()].iter().collect::<String>();
    format!("talos-{}-{}", group(), group())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::resources::Prefix;

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
    fn every_layer_has_its_candidate() {
        let arguments = KernelArguments::parse("talos.hostname=box.lab.example");
        let mut bench = Bench::of(controller(&arguments, &Places::under("/nonexistent")));
        let address = Prefix {
            address: "172.20.0.2".parse().unwrap(),
            length: 24,
        };
        bench.say("default", NodeAddress(vec![address]));
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
        let mut bench = Bench::of(controller(&arguments, &Places::under("/nonexistent")));
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
    fn a_stable_name_depends_on_the_machine_only() {
        let one = stable_name("9d3fd3b0-1111");
        assert_eq!(one, stable_name("9d3fd3b0-1111"));
        assert_ne!(one, stable_name("9d3fd3b0-1112"));
        assert!(parse(&one, Layer::Default).is_some());
        assert_eq!(one.len(), "talos-xxx-yyy".len());
        assert_eq!(address_name("fd00::1"), "talos-fd00--1");
    }
}
