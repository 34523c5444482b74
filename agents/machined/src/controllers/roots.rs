// SPDX-License-Identifier: MPL-2.0
//! How keys and tokens of the configuration become fields of resources.
//!
//! Owns: those conversions.
//! Never: decides which resource has them.

use std::net::IpAddr;

use config::document::{CertificateAndKey, ClusterConfig};
use config::{Cidr, SecretText, Url};
use pki::Secret;

use crate::resources::values::{Pair, WebAddress};

/// The ports of kube-apiserver when nobody says otherwise.
pub(super) const API_SERVER_PORT: u16 = 6443;

pub(super) fn pair(written: &CertificateAndKey) -> Pair {
    Pair {
        certificate: written.crt.0.clone(),
        key: written.key.clone(),
    }
}

pub(super) fn text(written: &SecretText) -> Secret {
    Secret::new(written.expose().as_bytes().to_vec())
}

/// The number of the address of the name service in each network of services.
pub(super) const DNS: u32 = 10;

/// Where everybody finds the API of Kubernetes.
pub(super) fn endpoint(cluster: &ClusterConfig) -> Option<WebAddress> {
    let control_plane = cluster.control_plane.as_ref()?;
    Url::parse(control_plane.endpoint.as_deref()?).map(WebAddress)
}

/// The port of kube-apiserver on its own node.
pub(super) fn local_port(cluster: &ClusterConfig) -> u16 {
    let written = cluster.control_plane.as_ref();
    let written = written.map_or(0, |written| written.local_api_server_port);
    u16::try_from(written)
        .ok()
        .filter(|port| *port != 0)
        .unwrap_or(API_SERVER_PORT)
}

/// Both halves of the token with which kubelets join: `id.secret`.
pub(super) fn bootstrap_token(cluster: &ClusterConfig) -> (String, Secret) {
    let (id, secret) = cluster.token.expose().split_once('.').unwrap_or_default();
    (id.to_owned(), Secret::new(secret.as_bytes().to_vec()))
}

/// The networks of services.
pub(super) fn service_subnets(cluster: &ClusterConfig) -> Vec<String> {
    let written = cluster.network.as_ref().map(|n| n.service_subnets.clone());
    or(written, "10.96.0.0/12")
}

/// The networks of pods.
pub(super) fn pod_subnets(cluster: &ClusterConfig) -> Vec<String> {
    let written = cluster.network.as_ref().map(|n| n.pod_subnets.clone());
    or(written, "10.244.0.0/16")
}

fn or(written: Option<Vec<String>>, default: &str) -> Vec<String> {
    written
        .filter(|written| !written.is_empty())
        .unwrap_or_else(|| vec![default.to_owned()])
}

/// The domain of services.
pub(super) fn dns_domain(cluster: &ClusterConfig) -> String {
    let written = cluster.network.as_ref().map(|n| n.dns_domain.clone());
    written
        .filter(|written| !written.is_empty())
        .unwrap_or_else(|| "cluster.local".to_owned())
}

/// The address in a network with this number: 1 is the first.
pub(super) fn address_in(network: &str, number: u32) -> Option<IpAddr> {
    let network = Cidr::parse(network)?;
    match network.address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(network.prefix.into()));
            let start = v4.to_bits() & mask.unwrap_or(0);
            let address = start.checked_add(number)?;
            Some(std::net::Ipv4Addr::from_bits(address).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(network.prefix.into()));
            let start = v6.to_bits() & mask.unwrap_or(0);
            let address = start.checked_add(number.into())?;
            Some(std::net::Ipv6Addr::from_bits(address).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_network_are_counted_from_its_start() {
        for (network, number, expected) in [
            ("10.96.0.0/12", 1, Some("10.96.0.1")),
            ("10.97.3.4/12", 10, Some("10.96.0.10")),
            ("fd00::/108", 10, Some("fd00::a")),
            ("0.0.0.0/0", 1, Some("0.0.0.1")),
            ("::/0", 1, Some("::1")),
            ("255.255.255.255/32", 1, None),
            ("nonsense", 1, None),
        ] {
            let found = address_in(network, number).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{network}");
        }
    }
}
