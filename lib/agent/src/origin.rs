// SPDX-License-Identifier: MPL-2.0
//! Where a caller is in the network, when that is all that is known of it.
//!
//! Owns: what counts as one place.
//! Never: says who somebody is.

use std::net::{IpAddr, SocketAddr};

/// An address, or what is given to one household of IPv6 (RFC 6177): its first 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin([u8; 8]);

impl Origin {
    /// That of who calls from `peer`; an IPv4 address is the same in both its forms.
    #[must_use]
    pub fn of(peer: SocketAddr) -> Self {
        let octets = match peer.ip().to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                [0, 0, 0, 0, a, b, c, d]
            }
            IpAddr::V6(address) => address.octets().first_chunk().copied().unwrap_or_default(),
        };
        Self(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_place_and_two_addresses_of_ipv4_are_two() {
        let of = |peer: &str| Origin::of(peer.parse().unwrap());

        assert_eq!(of("192.0.2.1:1000"), of("[::ffff:192.0.2.1]:2000"));
        assert_ne!(of("192.0.2.1:1000"), of("192.0.2.2:1000"));
        assert_eq!(of("[2001:db8::1]:1000"), of("[2001:db8::ffff:1]:1000"));
        assert_ne!(of("[2001:db8::1]:1000"), of("[2001:db8:0:1::1]:1000"));
    }
}
