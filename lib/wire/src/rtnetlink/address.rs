// SPDX-License-Identifier: MPL-2.0
//! Addresses: `struct ifaddrmsg` and `IFA_*` (rtnetlink(7)).
//!
//! Owns: what we know of an address, and the orders to add or remove one.
//! Never: chooses an address.

use core::net::IpAddr;

use super::{DEL_ADDRESS, INET, INET6, NEW_ADDRESS, Wanted, check_prefix, family, ip, put_ip};
use crate::netlink::{Attributes, Error, REPLACE, REQUEST, Writer};

/// The length of `struct ifaddrmsg`.
pub(super) const FIXED_LEN: usize = 8;

/// A lifetime without an end.
pub const INFINITE: u32 = u32::MAX;
/// The kernel makes no route for the address's prefix.
pub const IFA_F_NOPREFIXROUTE: u32 = 0x200;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_PROTO: u16 = 11;

/// An address as the kernel has it, or shall have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// `ifa_index`.
    pub link_index: u32,
    /// The address: `IFA_LOCAL`, or `IFA_ADDRESS` where there is no other.
    pub address: IpAddr,
    /// `IFA_LOCAL`; IPv6 says it only where the other end of a link has an address of its own.
    pub local: Option<IpAddr>,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// `ifa_scope`.
    pub scope: u8,
    /// `IFA_FLAGS`.
    pub flags: u32,
    /// `IFA_BROADCAST`.
    pub broadcast: Option<IpAddr>,
    /// How long it stays, in seconds from now; [`INFINITE`] for ever.
    pub valid_s: u32,
    /// How long it is used for new connections, in seconds from now.
    pub preferred_s: u32,
    /// `IFA_PROTO`: who made it; 0 when nobody said.
    pub protocol: u8,
}

impl Address {
    /// The address in the payload of an address message; `None` for families that are not IP.
    ///
    /// # Errors
    /// The payload is malformed, or there is no address.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, Error> {
        let (fixed, attributes) = payload
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(Error::Truncated)?;
        let [family, prefix_len, flags, scope, a, b, c, d] = *fixed;
        if family != INET && family != INET6 {
            return Ok(None);
        }
        check_prefix(family, prefix_len)?;
        let mut peer = None;
        let mut address = Self {
            link_index: u32::from_ne_bytes([a, b, c, d]),
            address: IpAddr::from([0, 0, 0, 0]),
            local: None,
            prefix_len,
            scope,
            flags: u32::from(flags),
            broadcast: None,
            valid_s: INFINITE,
            preferred_s: INFINITE,
            protocol: 0,
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                IFA_ADDRESS => peer = Some(ip(family, &attribute)?),
                IFA_LOCAL => address.local = Some(ip(family, &attribute)?),
                IFA_BROADCAST => address.broadcast = Some(ip(family, &attribute)?),
                IFA_FLAGS => address.flags = attribute.u32()?,
                IFA_CACHEINFO => {
                    let [a, b, c, d, e, f, g, h, ..] = attribute.array::<16>()?;
                    address.preferred_s = u32::from_ne_bytes([a, b, c, d]);
                    address.valid_s = u32::from_ne_bytes([e, f, g, h]);
                }
                IFA_PROTO => address.protocol = attribute.u8()?,
                _ => {}
            }
        }
        address.address = address.local.or(peer).ok_or(Error::Missing(IFA_ADDRESS))?;
        Ok(Some(address))
    }

    /// Writes the order to have this address, with these lifetimes, whatever it was before; or to
    /// have it no more.
    ///
    /// # Errors
    /// It does not fit.
    pub fn emit<'b>(
        &self,
        wanted: Wanted,
        buffer: &'b mut [u8],
        sequence: u32,
    ) -> Result<&'b [u8], Error> {
        let (kind, flags) = match wanted {
            Wanted::There => (NEW_ADDRESS, REQUEST | REPLACE),
            Wanted::Gone => (DEL_ADDRESS, REQUEST),
        };
        let mut writer = Writer::new(buffer, kind, flags, sequence);
        // The flags' own byte holds only eight of them; IFA_FLAGS below holds all.
        writer.bytes(&[family(self.address), self.prefix_len, 0, self.scope]);
        writer.bytes(&self.link_index.to_ne_bytes());
        put_ip(&mut writer, IFA_LOCAL, self.address);
        put_ip(&mut writer, IFA_ADDRESS, self.address);
        if wanted == Wanted::There {
            if let Some(broadcast) = self.broadcast {
                put_ip(&mut writer, IFA_BROADCAST, broadcast);
            }
            writer.attribute(IFA_FLAGS, &self.flags.to_ne_bytes());
            let [a, b, c, d] = self.preferred_s.to_ne_bytes();
            let [e, f, g, h] = self.valid_s.to_ne_bytes();
            // Two time stamps follow, which are the kernel's.
            let lifetimes = [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0];
            writer.attribute(IFA_CACHEINFO, &lifetimes);
            if self.protocol != 0 {
                writer.attribute(IFA_PROTO, &[self.protocol]);
            }
        }
        writer.finish()
    }
}
