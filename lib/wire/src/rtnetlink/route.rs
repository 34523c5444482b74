// SPDX-License-Identifier: MPL-2.0
//! Routes: `struct rtmsg` and `RTA_*` (rtnetlink(7)).
//!
//! Owns: what we know of a route, and the orders to add or remove one.
//! Never: chooses a route.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{DEL_ROUTE, INET, INET6, NEW_ROUTE, Wanted, check_prefix, family, ip, put_ip};
use crate::netlink::{APPEND, Attribute, Attributes, Error, REQUEST, Writer};

/// The length of `struct rtmsg`.
pub(super) const FIXED_LEN: usize = 12;

/// Reached through a gateway.
pub const RT_SCOPE_UNIVERSE: u8 = 0;
/// On the link itself.
pub const RT_SCOPE_LINK: u8 = 253;
/// The table that routes packets unless a rule says otherwise.
pub const RT_TABLE_MAIN: u32 = 254;

/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
/// `RTM_F_CLONED`: a remembered decision, no route.
const CLONED: u32 = 0x200;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_TABLE: u16 = 15;
/// `RTAX_MTU`, among the metrics.
const RTAX_MTU: u16 = 2;
/// The flags of the route itself; those below are of its next hop, and change without news.
const ROUTE_FLAGS: u32 = 0xff00;

/// A unicast route as the kernel has it, or shall have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where to; the unspecified address for the default route.
    pub destination: IpAddr,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// `RTA_GATEWAY`.
    pub gateway: Option<IpAddr>,
    /// `RTA_PREFSRC`: the address that packets get.
    pub source: Option<IpAddr>,
    /// `RTA_OIF`; 0 for none.
    pub link_index: u32,
    /// `RTA_PRIORITY`: the smaller wins.
    pub priority: u32,
    /// `rtm_protocol`: who made it.
    pub protocol: u8,
    /// `rtm_scope`.
    pub scope: u8,
    /// The table.
    pub table: u32,
    /// `rtm_flags`, of `RTM_F_*` alone. Nobody orders them.
    pub flags: u32,
    /// `RTAX_MTU`, in bytes; 0 for that of the link. Nobody orders it.
    pub mtu: u32,
}

impl Route {
    /// The route in the payload of a route message; `None` for families that are not IP, for
    /// routes that are not unicast, and for remembered decisions.
    ///
    /// # Errors
    /// The payload is malformed.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, Error> {
        let (fixed, attributes) = payload
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(Error::Truncated)?;
        let [
            family,
            prefix_len,
            _,
            _,
            table,
            protocol,
            scope,
            kind,
            a,
            b,
            c,
            d,
        ] = *fixed;
        if family != INET && family != INET6 {
            return Ok(None);
        }
        let flags = u32::from_ne_bytes([a, b, c, d]);
        if kind != UNICAST || flags & CLONED != 0 {
            return Ok(None);
        }
        check_prefix(family, prefix_len)?;
        let anywhere = if family == INET {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        };
        let mut route = Self {
            destination: anywhere,
            prefix_len,
            gateway: None,
            source: None,
            link_index: 0,
            priority: 0,
            protocol,
            scope,
            table: u32::from(table),
            flags: flags & ROUTE_FLAGS,
            mtu: 0,
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                RTA_DST => route.destination = ip(family, &attribute)?,
                RTA_GATEWAY => route.gateway = Some(ip(family, &attribute)?),
                RTA_PREFSRC => route.source = Some(ip(family, &attribute)?),
                RTA_OIF => route.link_index = attribute.u32()?,
                RTA_PRIORITY => route.priority = attribute.u32()?,
                RTA_TABLE => route.table = attribute.u32()?,
                RTA_METRICS => route.mtu = mtu(&attribute)?,
                _ => {}
            }
        }
        Ok(Some(route))
    }

    /// Writes the order to have this route too, beside others of the same destination and
    /// priority that go through other links; or to have it no more. The kernel answers `EEXIST`
    /// when it is there already.
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
            Wanted::There => (NEW_ROUTE, REQUEST | APPEND),
            Wanted::Gone => (DEL_ROUTE, REQUEST),
        };
        let mut writer = Writer::new(buffer, kind, flags, sequence);
        let family = family(self.destination);
        writer.bytes(&[family, self.prefix_len, 0, 0]);
        // The table's own byte holds only small numbers; RTA_TABLE below holds all.
        writer.bytes(&[0, self.protocol, self.scope, UNICAST]);
        writer.bytes(&[0; 4]);
        if self.prefix_len > 0 {
            put_ip(&mut writer, RTA_DST, self.destination);
        }
        if let Some(gateway) = self.gateway {
            put_ip(&mut writer, RTA_GATEWAY, gateway);
        }
        if let Some(source) = self.source {
            put_ip(&mut writer, RTA_PREFSRC, source);
        }
        writer.attribute(RTA_OIF, &self.link_index.to_ne_bytes());
        writer.attribute(RTA_PRIORITY, &self.priority.to_ne_bytes());
        writer.attribute(RTA_TABLE, &self.table.to_ne_bytes());
        writer.finish()
    }
}

/// The MTU among the metrics of a route; 0 for none.
fn mtu(metrics: &Attribute<'_>) -> Result<u32, Error> {
    for metric in metrics.nested() {
        let metric = metric?;
        if metric.kind == RTAX_MTU {
            return metric.u32();
        }
    }
    Ok(0)
}
