// SPDX-License-Identifier: MPL-2.0
//! Addresses and networks as they are written.
//!
//! Owns: reading them from text.
//! Never: looks up names.

use core::fmt;
use core::net::IpAddr;

/// An address with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// The address, host part included.
    pub address: IpAddr,
    /// The length of the prefix, in bits.
    pub prefix: u8,
}

impl Cidr {
    /// Reads `address/length`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        if !prefix.bytes().all(|b| b.is_ascii_digit())
            || (prefix.len() > 1 && prefix.starts_with('0'))
        {
            return None;
        }
        let prefix = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= max_prefix(address))?;
        Some(Self { address, prefix })
    }

    /// Reads `address/length`, or an address alone, which is its own network.
    #[must_use]
    pub fn parse_or_address(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| {
            let address = text.parse().ok()?;
            Some(Self {
                address,
                prefix: max_prefix(address),
            })
        })
    }
}

fn max_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Whether `text` is a network or address, with `!` before it or not.
pub(crate) fn is_filter(text: &str) -> bool {
    Cidr::parse_or_address(text.strip_prefix('!').unwrap_or(text)).is_some()
}

/// Whether `text` is a DNS name of labels with letters, digits, `-` and `_`.
pub(crate) fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 255 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    #[test]
    fn networks_are_read_and_written() {
        for text in ["10.0.0.1/24", "0.0.0.0/0", "fd00::1/128"] {
            assert_eq!(Cidr::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Cidr::parse_or_address("10.0.0.1").unwrap().prefix, 32);
        assert_eq!(Cidr::parse_or_address("::1").unwrap().prefix, 128);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.1/+1",
            "10.0.0.1/08",
            "10.0.0.01/8",
            "host/8",
            "10.0.0.1/24/1",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text:?}");
        }
    }
}
