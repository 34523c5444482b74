// SPDX-License-Identifier: MPL-2.0
//! Samples of the specs that encode themselves, each field with a value of its own.
//!
//! Owns: one sample for each type, and for each word that one can have.
//! Never: is part of the program.

use resource::ResourceSpec;

use super::both_forms::check;
use super::{
    AddressStatus, ApiCertificate, CertSan, EventSinkConfig, ExtensionStatus, HostnameSpec,
    HostnameStatus, KernelModuleSpec, KernelParamSpec, KernelParamStatus, KmsgLogConfig, Layer,
    LinkStatus, MachineStage, MachineStatus, MetaKey, MetaLoaded, NodeAddress, Prefix,
    ResolverStatus, RouteStatus, Service, TrustdCertificate, UniqueMachineToken, UnmetCondition,
};

fn prefix(address: &str, length: u8) -> Prefix {
    Prefix {
        address: address.parse().unwrap(),
        length,
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// Checks a sample; returns the name of its type.
fn same<T: ResourceSpec>(spec: &T) -> &'static str {
    check(spec);
    T::KIND.name
}

/// Checks all samples; returns the names of their types.
pub(super) fn compared() -> Vec<&'static str> {
    let mut names = network();
    names.extend(machine());
    names.extend(secrets());
    names
}

fn link() -> LinkStatus {
    LinkStatus {
        index: 2,
        arp_type: 1,
        lower_index: 7,
        flags: 0x1_1043,
        hardware_address: vec![0x52, 0x54, 0, 1, 2, 0xff],
        permanent_address: vec![0x52, 0x54, 0, 1, 2, 3],
        broadcast_address: vec![0xff; 6],
        mtu: 1500,
        queue_discipline: text("pfifo_fast"),
        master_index: 9,
        oper_state: 6,
        kind: text("bond"),
        slave_kind: text("bridge"),
        driver: text("virtio_net"),
        speed_mbit: 10_000,
        duplex: 1,
    }
}

fn route() -> RouteStatus {
    RouteStatus {
        destination: prefix("10.6.0.0", 16),
        gateway: Some("10.5.0.1".parse().unwrap()),
        source: Some("10.5.0.2".parse().unwrap()),
        out_link_index: 2,
        out_link_name: text("eth0"),
        priority: 1024,
        table: 254,
        protocol: 16,
        scope: 253,
        flags: 0x4800,
        mtu: 1400,
    }
}

fn network() -> Vec<&'static str> {
    let route = route();
    let everywhere = RouteStatus {
        destination: prefix("::", 0),
        gateway: None,
        source: None,
        ..route.clone()
    };
    same(&everywhere);
    for layer in [
        Layer::Default,
        Layer::Cmdline,
        Layer::Operator,
        Layer::Configuration,
    ] {
        same(&HostnameSpec {
            hostname: text("box"),
            domainname: text("lab"),
            layer,
        });
        let table = super::words::LAYERS;
        assert_eq!(super::words::word(table, layer.number()), layer.name());
    }
    vec![
        same(&link()),
        same(&route),
        HostnameSpec::KIND.name,
        same(&AddressStatus {
            address: prefix("10.5.0.2", 24),
            local: Some("10.5.0.2".parse().unwrap()),
            broadcast: Some("10.5.0.255".parse().unwrap()),
            link_index: 2,
            link_name: text("eth0"),
            scope: 254,
            flags: 0x82,
        }),
        same(&HostnameStatus {
            hostname: text("box"),
            domainname: text("lab"),
        }),
        same(&NodeAddress(vec![
            prefix("10.5.0.2", 24),
            prefix("fd00::1", 64),
        ])),
        same(&ResolverStatus(vec![
            "1.1.1.1".parse().unwrap(),
            "fd00::53".parse().unwrap(),
        ])),
    ]
}

fn machine() -> Vec<&'static str> {
    for stage in [
        MachineStage::Booting,
        MachineStage::Maintenance,
        MachineStage::Running,
        MachineStage::Rebooting,
        MachineStage::ShuttingDown,
    ] {
        let unmet = vec![UnmetCondition {
            name: text("network"),
            reason: text("no address"),
        }];
        same(&MachineStatus { stage, unmet });
    }
    let urls = ["tcp://host:5044/", "udp://[fd00::1]:1/a"];
    let urls = urls.map(|url| config::Url::parse(url).unwrap());
    vec![
        same(&MachineStatus {
            stage: MachineStage::Running,
            unmet: Vec::new(),
        }),
        same(&Service { healthy: None }),
        same(&ExtensionStatus {
            image: Some(text("000.a.sqsh")),
            name: text("a"),
            version: text("v1"),
            author: Some(text("Somebody")),
            description: None,
            compatible_talos: Some(text(">= v1.0.0")),
        }),
        same(&KernelModuleSpec {
            name: text("nbd"),
            parameters: vec![text("a=1"), text("b=2")],
        }),
        same(&KernelParamSpec {
            value: text("1"),
            ignore_errors: true,
        }),
        same(&KernelParamStatus {
            current: text("1"),
            default: text("0"),
            unsupported: true,
        }),
        same(&MetaKey(text("value"))),
        same(&MetaLoaded),
        same(&UniqueMachineToken(text("token"))),
        same(&KmsgLogConfig(urls.to_vec())),
        same(&EventSinkConfig(text("host:1"))),
    ]
}

fn secrets() -> Vec<&'static str> {
    let time = pki::UnixTime(0);
    let secret = |text: &str| pki::Secret::new(text.as_bytes().to_vec());
    vec![
        same(&CertSan {
            fqdn: text("box.lab"),
            addresses: vec!["10.5.0.2".parse().unwrap(), "::1".parse().unwrap()],
            dns_names: vec![text("box"), text("box.lab")],
        }),
        same(&ApiCertificate {
            client_ca_pem: b"ca".to_vec(),
            server_pem: b"server".to_vec(),
            server_key_pem: secret("server key"),
            client_pem: b"client".to_vec(),
            client_key_pem: secret("client key"),
            not_before: time,
            not_after: time,
        }),
        same(&TrustdCertificate {
            ca_pem: b"ca".to_vec(),
            server_pem: b"server".to_vec(),
            server_key_pem: secret("server key"),
            not_before: time,
            not_after: time,
        }),
    ]
}

#[test]
fn rsrc_specs_that_encode_themselves_say_the_same_in_both_forms() {
    assert_eq!(compared().len(), 21);
}
