// SPDX-License-Identifier: MPL-2.0
//! DHCP options (RFC 2132, RFC 3442; long ones split as in RFC 3396).
//!
//! Owns: the options that a node asks for and a server reads, both ways.
//! Never: believes an option of the wrong length.

use core::net::Ipv4Addr;

use heapless::{String, Vec};
use smoltcp::wire::{DhcpOption, DhcpOptionWriter};

use super::Error;

/// How many servers of one kind are kept; resolvers read no more than three.
pub const SERVERS_MAX: usize = 3;
/// How many classless routes are kept.
pub const ROUTES_MAX: usize = 16;
/// The longest value of a split option, in bytes: every route at its longest.
const SPLIT_MAX: usize = ROUTES_MAX * 9;

const PAD: u8 = 0;
const END: u8 = 255;
const SUBNET_MASK: u8 = 1;
const ROUTER: u8 = 3;
const DNS: u8 = 6;
const HOST_NAME: u8 = 12;
const DOMAIN: u8 = 15;
const MTU: u8 = 26;
const BROADCAST: u8 = 28;
const NTP: u8 = 42;
const REQUESTED: u8 = 50;
const LEASE_TIME: u8 = 51;
pub(super) const MESSAGE_TYPE: u8 = 53;
const SERVER: u8 = 54;
const PARAMETER_LIST: u8 = 55;
const MAX_SIZE: u8 = 57;
const RENEWAL_TIME: u8 = 58;
const REBINDING_TIME: u8 = 59;
const CLIENT_ID: u8 = 61;
const CLASSLESS_ROUTES: u8 = 121;

/// What a node asks for. Classless routes come first, as RFC 3442 wants.
pub const PARAMETERS: &[u8] = &[
    CLASSLESS_ROUTES,
    SUBNET_MASK,
    ROUTER,
    DNS,
    HOST_NAME,
    DOMAIN,
    MTU,
    BROADCAST,
    NTP,
    LEASE_TIME,
    RENEWAL_TIME,
    REBINDING_TIME,
];

/// One route of option 121.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClasslessRoute {
    /// Where to, with no bits beyond the prefix.
    pub destination: Ipv4Addr,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// Through whom; the unspecified address when the destination is on the link.
    pub gateway: Ipv4Addr,
}

/// The options of a message. What a message lacks is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Option 1.
    pub subnet_mask: Option<Ipv4Addr>,
    /// Option 3; the first few.
    pub routers: Vec<Ipv4Addr, SERVERS_MAX>,
    /// Option 6; the first few.
    pub dns: Vec<Ipv4Addr, SERVERS_MAX>,
    /// Option 12. Only letters, digits, hyphens and dots are believed.
    pub host_name: String<63>,
    /// Option 15. Only letters, digits, hyphens and dots are believed.
    pub domain: String<127>,
    /// Option 26, in bytes; 68 or more.
    pub mtu: Option<u16>,
    /// Option 28.
    pub broadcast: Option<Ipv4Addr>,
    /// Option 42; the first few.
    pub ntp: Vec<Ipv4Addr, SERVERS_MAX>,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 51, in seconds; all ones for ever.
    pub lease_s: Option<u32>,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 55.
    pub parameters: Vec<u8, 32>,
    /// Option 57, in bytes.
    pub max_size: Option<u16>,
    /// Option 58 (T1), in seconds.
    pub renewal_s: Option<u32>,
    /// Option 59 (T2), in seconds.
    pub rebinding_s: Option<u32>,
    /// Option 61.
    pub client_id: Vec<u8, 32>,
    /// Option 121; the first few.
    pub routes: Vec<ClasslessRoute, ROUTES_MAX>,
}

impl Options {
    /// The message type, and the options, in the options field of a message.
    pub(super) fn parse(field: &[u8]) -> Result<(u8, Self), Error> {
        let mut options = Self::default();
        let mut kind = None;
        let mut split: Vec<u8, SPLIT_MAX> = Vec::new();
        let mut rest = field;
        while let Some((&number, after)) = rest.split_first() {
            if number == PAD {
                rest = after;
                continue;
            }
            if number == END {
                break;
            }
            let too_long = Error::OptionTooLong(number);
            let (&len, after) = after.split_first().ok_or(too_long)?;
            let (value, after) = after.split_at_checked(usize::from(len)).ok_or(too_long)?;
            rest = after;
            match number {
                MESSAGE_TYPE => kind = Some(u8::from_be_bytes(exact(number, value)?)),
                // More routes than are kept: the first ones, whole, are.
                CLASSLESS_ROUTES => {
                    let room = SPLIT_MAX.saturating_sub(split.len());
                    let fits = value.get(..room.min(value.len())).unwrap_or_default();
                    let _ = split.extend_from_slice(fits);
                }
                _ => options.take(number, value)?,
            }
        }
        options.routes = classless_routes(&split)?;
        Ok((kind.ok_or(Error::NoKind)?, options))
    }

    /// Keeps one option that is neither the message type nor split.
    fn take(&mut self, number: u8, value: &[u8]) -> Result<(), Error> {
        match number {
            SUBNET_MASK => self.subnet_mask = Some(address(number, value)?),
            ROUTER => self.routers = addresses(number, value)?,
            DNS => self.dns = addresses(number, value)?,
            NTP => self.ntp = addresses(number, value)?,
            HOST_NAME => self.host_name = name(value),
            DOMAIN => self.domain = name(value),
            MTU => {
                let mtu = u16::from_be_bytes(exact(number, value)?);
                self.mtu = (mtu >= 68).then_some(mtu);
            }
            BROADCAST => self.broadcast = Some(address(number, value)?),
            REQUESTED => self.requested = Some(address(number, value)?),
            LEASE_TIME => self.lease_s = Some(seconds(number, value)?),
            SERVER => self.server = Some(address(number, value)?),
            PARAMETER_LIST => {
                self.parameters = value.iter().copied().take(32).collect();
            }
            MAX_SIZE => self.max_size = Some(u16::from_be_bytes(exact(number, value)?)),
            RENEWAL_TIME => self.renewal_s = Some(seconds(number, value)?),
            REBINDING_TIME => self.rebinding_s = Some(seconds(number, value)?),
            CLIENT_ID => self.client_id = Vec::from_slice(value).unwrap_or_default(),
            _ => {}
        }
        Ok(())
    }

    /// Writes the options, and the end, to the front of `field`; returns their length.
    pub(super) fn emit(&self, kind: u8, field: &mut [u8]) -> Result<usize, Error> {
        let room = field.len();
        let mut out = Out {
            writer: DhcpOptionWriter::new(field),
            len: 0,
        };
        out.put(MESSAGE_TYPE, &[kind])?;
        out.put_some(SERVER, self.server.as_ref().map(Ipv4Addr::octets))?;
        out.put_some(REQUESTED, self.requested.as_ref().map(Ipv4Addr::octets))?;
        out.put_some(LEASE_TIME, self.lease_s.map(u32::to_be_bytes))?;
        out.put_some(RENEWAL_TIME, self.renewal_s.map(u32::to_be_bytes))?;
        out.put_some(REBINDING_TIME, self.rebinding_s.map(u32::to_be_bytes))?;
        out.put_some(MAX_SIZE, self.max_size.map(u16::to_be_bytes))?;
        out.put_list(CLIENT_ID, &self.client_id)?;
        out.put_list(PARAMETER_LIST, &self.parameters)?;
        out.put_some(SUBNET_MASK, self.subnet_mask.as_ref().map(Ipv4Addr::octets))?;
        out.put_some(BROADCAST, self.broadcast.as_ref().map(Ipv4Addr::octets))?;
        out.put_some(MTU, self.mtu.map(u16::to_be_bytes))?;
        out.put_list(HOST_NAME, self.host_name.as_bytes())?;
        out.put_list(DOMAIN, self.domain.as_bytes())?;
        for (number, servers) in [(ROUTER, &self.routers), (DNS, &self.dns), (NTP, &self.ntp)] {
            let octets: Vec<u8, { SERVERS_MAX * 4 }> =
                servers.iter().flat_map(Ipv4Addr::octets).collect();
            out.put_list(number, &octets)?;
        }
        let mut routes: Vec<u8, SPLIT_MAX> = Vec::new();
        for route in &self.routes {
            let significant = usize::from(route.prefix_len.min(32)).div_ceil(8);
            let destination = route.destination.octets();
            let fits = routes.push(route.prefix_len.min(32)).is_ok()
                && routes
                    .extend_from_slice(destination.get(..significant).unwrap_or_default())
                    .is_ok()
                && routes.extend_from_slice(&route.gateway.octets()).is_ok();
            if !fits {
                return Err(Error::NoRoom);
            }
        }
        out.put_list(CLASSLESS_ROUTES, &routes)?;
        out.writer.end().map_err(|_| Error::NoRoom)?;
        Ok(out.len.saturating_add(1).min(room))
    }
}

/// smoltcp's writer, and how much it wrote.
struct Out<'b> {
    writer: DhcpOptionWriter<'b>,
    len: usize,
}

impl Out<'_> {
    fn put(&mut self, kind: u8, data: &[u8]) -> Result<(), Error> {
        self.writer
            .emit(DhcpOption { kind, data })
            .map_err(|_| Error::NoRoom)?;
        self.len = self.len.saturating_add(data.len()).saturating_add(2);
        Ok(())
    }

    fn put_some<const N: usize>(&mut self, kind: u8, data: Option<[u8; N]>) -> Result<(), Error> {
        data.map_or(Ok(()), |data| self.put(kind, &data))
    }

    fn put_list(&mut self, kind: u8, data: &[u8]) -> Result<(), Error> {
        if data.is_empty() {
            return Ok(());
        }
        self.put(kind, data)
    }
}

/// The value as exactly `N` bytes.
fn exact<const N: usize>(number: u8, value: &[u8]) -> Result<[u8; N], Error> {
    <[u8; N]>::try_from(value).map_err(|_| Error::BadOption(number))
}

fn address(number: u8, value: &[u8]) -> Result<Ipv4Addr, Error> {
    exact::<4>(number, value).map(Ipv4Addr::from)
}

fn seconds(number: u8, value: &[u8]) -> Result<u32, Error> {
    exact(number, value).map(u32::from_be_bytes)
}

/// The first few addresses of a list, which must be whole.
fn addresses(number: u8, value: &[u8]) -> Result<Vec<Ipv4Addr, SERVERS_MAX>, Error> {
    let (whole, rest) = value.as_chunks::<4>();
    if whole.is_empty() || !rest.is_empty() {
        return Err(Error::BadOption(number));
    }
    Ok(whole
        .iter()
        .map(|octets| Ipv4Addr::from(*octets))
        .take(SERVERS_MAX)
        .collect())
}

/// A name that is safe to write into a file, or nothing.
fn name<const N: usize>(value: &[u8]) -> String<N> {
    let value = value.strip_suffix(&[0]).unwrap_or(value);
    let safe = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'.';
    if !value.iter().all(safe) {
        return String::new();
    }
    core::str::from_utf8(value)
        .ok()
        .and_then(|text| String::try_from(text).ok())
        .unwrap_or_default()
}

/// The routes of option 121: a prefix length, as many bytes as it covers, a gateway.
fn classless_routes(mut bytes: &[u8]) -> Result<Vec<ClasslessRoute, ROUTES_MAX>, Error> {
    let bad = Error::BadOption(CLASSLESS_ROUTES);
    let cut = bytes.len() == SPLIT_MAX;
    let mut routes = Vec::new();
    while let Some((&prefix_len, rest)) = bytes.split_first() {
        if prefix_len > 32 {
            return Err(bad);
        }
        let significant = usize::from(prefix_len).div_ceil(8);
        let whole = rest
            .split_at_checked(significant)
            .and_then(|(prefix, rest)| Some((prefix, rest.split_first_chunk::<4>()?)));
        let Some((prefix, (gateway, rest))) = whole else {
            // Where we cut it ourselves, what came before stands.
            return if cut { Ok(routes) } else { Err(bad) };
        };
        let mut octets = [0; 4];
        for (octet, given) in octets.iter_mut().zip(prefix) {
            *octet = *given;
        }
        let mask = u32::MAX
            .checked_shl(u32::from(32_u8.saturating_sub(prefix_len)))
            .unwrap_or(0);
        let route = ClasslessRoute {
            destination: Ipv4Addr::from_bits(u32::from_be_bytes(octets) & mask),
            prefix_len,
            gateway: Ipv4Addr::from(*gateway),
        };
        if routes.push(route).is_err() {
            break;
        }
        bytes = rest;
    }
    Ok(routes)
}
