// SPDX-License-Identifier: MPL-2.0
//! What a certificate is asked to say.
//!
//! Owns: the table of leaf certificates, one constructor per row.
//! Never: makes a certificate; [`crate::Authority`] does.

use crate::Error;
use core::net::IpAddr;
use core::time::Duration;

/// Certificates of the machine API live a day, so that a stolen one is soon worthless.
const API_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Longest DNS name that a certificate may hold (RFC 1035 §2.3.4).
const MAX_DNS_NAME: usize = 253;

/// Whom a server certificate speaks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// DNS names, in order.
    pub dns: Vec<String>,
    /// Addresses, in order.
    pub addresses: Vec<IpAddr>,
}

impl Names {
    /// Sorts texts into addresses and DNS names; doubles are dropped.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut names = Self::default();
        for text in texts {
            if let Ok(address) = text.parse::<IpAddr>() {
                if !names.addresses.contains(&address) {
                    names.addresses.push(address);
                }
            } else if is_dns_name(text) {
                if !names.dns.iter().any(|known| known == text) {
                    names.dns.push(text.to_owned());
                }
            } else {
                return Err(Error::BadName(text.to_owned()));
            }
        }
        Ok(names)
    }

    /// Whether there is no name at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.addresses.is_empty()
    }
}

/// Whether `text` can stand in a certificate as a DNS name; a first label of `*` is fine.
pub(crate) fn is_dns_name(text: &str) -> bool {
    let letters = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let rest = text.strip_prefix("*.").unwrap_or(text);
    text.len() <= MAX_DNS_NAME && rest.split('.').all(letters)
}

/// What a certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// To call.
    Client,
    /// To be called.
    Server,
    /// Both, as the members of etcd do.
    ServerAndClient,
}

/// A certificate to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The common name; empty for none.
    pub common_name: String,
    /// The organisations: roles, in the machine API.
    pub organizations: Vec<String>,
    /// Names and addresses of a server.
    pub names: Names,
    /// What it is good for.
    pub usage: Usage,
    /// Whether the key may also wrap others, as Kubernetes certificates say.
    pub key_encipherment: bool,
    /// How long it is valid from the moment of issue.
    pub lifetime: Duration,
}

impl Leaf {
    /// A client of the machine API with these roles: what a talosconfig holds.
    #[must_use]
    pub fn client(roles: &[&str], lifetime: Duration) -> Self {
        Self {
            common_name: String::new(),
            organizations: roles.iter().map(|role| (*role).to_owned()).collect(),
            names: Names::default(),
            usage: Usage::Client,
            key_encipherment: false,
            lifetime,
        }
    }

    /// The server side of apid on a node.
    #[must_use]
    pub fn api_server(node_name: &str, names: Names) -> Self {
        Self {
            common_name: node_name.to_owned(),
            organizations: Vec::new(),
            names,
            usage: Usage::Server,
            key_encipherment: false,
            lifetime: API_LIFETIME,
        }
    }

    /// The client side of apid on a control plane node, which speaks to other nodes for its callers.
    #[must_use]
    pub fn api_client(node_name: &str) -> Self {
        Self {
            common_name: node_name.to_owned(),
            ..Self::client(&["os:impersonator"], API_LIFETIME)
        }
    }

    /// The server side of a node that has no configuration yet.
    #[must_use]
    pub fn maintenance(names: Names) -> Self {
        Self::api_server("maintenance-service.talos.dev", names)
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_sorted_into_addresses_and_dns_names_without_doubles() {
        let names = Names::parse(["10.0.0.1", "node-1.example.org", "::1", "10.0.0.1", "*.a_b"]);

        let names = names.unwrap();
        assert_eq!(names.dns, ["node-1.example.org", "*.a_b"]);
        assert_eq!(names.addresses.len(), 2);
    }

    #[test]
    fn names_that_are_no_names_are_refused() {
        let long = "a".repeat(64);
        let longer = "a.".repeat(127) + "b";
        for bad in [
            "",
            ".",
            "a..b",
            "a b",
            "ö",
            "a\0",
            "a.*.b",
            "10.0.0.0/8",
            &long,
            &longer,
        ] {
            assert!(Names::parse([bad]).is_err(), "{bad:?}");
        }
    }
}
