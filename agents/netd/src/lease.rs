// SPDX-License-Identifier: MPL-2.0
//! What a DHCP server gave, checked.
//!
//! Owns: which acknowledgements are believed, and what follows from the options that are missing.
//! Never: touches the kernel.

use core::net::Ipv4Addr;
use core::time::Duration;

use heapless::{String, Vec};
use wire::dhcp::{ClasslessRoute, Message, Options, ROUTES_MAX, SERVERS_MAX};

/// The shortest lease that is accepted, in seconds: with less, asking would be all we do.
const LEASE_MIN_S: u32 = 4;
/// How long a lease is when the server does not say, in seconds.
const LEASE_DEFAULT_S: u32 = 30 * 60;
/// A lease without an end.
const FOR_EVER_S: u32 = u32::MAX;
/// The smallest MTU that is believed: what every IPv4 host must take (RFC 791 §3.1).
const MTU_MIN: u16 = 576;

/// Why an acknowledgement or an offer is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its address is none that a host can have.
    Address(Ipv4Addr),
    /// Its mask has holes.
    Mask(Ipv4Addr),
    /// Its lease is shorter than we accept.
    TooShort(u32),
    /// It does not say which server it is from.
    NoServer,
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address} is no address for a host"),
            Self::Mask(mask) => write!(f, "{mask} is no subnet mask"),
            Self::TooShort(seconds) => write!(f, "a lease of {seconds}s is too short"),
            Self::NoServer => write!(f, "it does not name its server"),
        }
    }
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub address: Ipv4Addr,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// The broadcast address of its network.
    pub broadcast: Option<Ipv4Addr>,
    /// Who gave it.
    pub server: Ipv4Addr,
    /// How long it was given for, in seconds; all ones for ever.
    pub lease_s: u32,
    /// When to ask its server for more time (T1).
    pub renew_at: Option<Duration>,
    /// When to ask any server for more time (T2).
    pub rebind_at: Option<Duration>,
    /// When it is over.
    pub expires_at: Option<Duration>,
    /// Routes; the unspecified address as gateway means on the link.
    pub routes: Vec<ClasslessRoute, ROUTES_MAX>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr, SERVERS_MAX>,
    /// Time servers.
    pub ntp: Vec<Ipv4Addr, SERVERS_MAX>,
    /// The name we shall have; may be empty.
    pub host_name: String<63>,
    /// The domain we are in; may be empty.
    pub domain: String<127>,
    /// The MTU the link shall have.
    pub mtu: Option<u16>,
}

impl Lease {
    /// The lease in an acknowledgement. Time counts from when it was asked for (RFC 2131 §4.4.1).
    ///
    /// # Errors
    /// The acknowledgement is not believed.
    pub fn from_ack(message: &Message, asked_at: Duration) -> Result<Self, Refused> {
        let options = &message.options;
        let address = usable(message.yours)?;
        let prefix_len = match options.subnet_mask {
            Some(mask) => prefix_len(mask)?,
            None => class_prefix_len(address),
        };
        let server = options.server.ok_or(Refused::NoServer)?;
        let lease_s = options.lease_s.unwrap_or(LEASE_DEFAULT_S);
        if lease_s < LEASE_MIN_S {
            return Err(Refused::TooShort(lease_s));
        }
        let [renew_at, rebind_at, expires_at] =
            times(lease_s, options).map(|after| after.map(|after| asked_at.saturating_add(after)));
        Ok(Self {
            address,
            prefix_len,
            // Networks of one or two hosts have no broadcast address (RFC 3021).
            broadcast: options.broadcast.filter(|_| prefix_len < 31),
            server,
            lease_s,
            renew_at,
            rebind_at,
            expires_at,
            routes: routes(options),
            dns: options.dns.clone(),
            ntp: options.ntp.clone(),
            host_name: options.host_name.clone(),
            domain: options.domain.clone(),
            mtu: options.mtu.filter(|mtu| *mtu >= MTU_MIN),
        })
    }
}

/// `address`, when a host can have it.
///
/// # Errors
/// It cannot.
pub fn usable(address: Ipv4Addr) -> Result<Ipv4Addr, Refused> {
    let [first, ..] = address.octets();
    if first == 0 || first == 127 || first >= 224 {
        return Err(Refused::Address(address));
    }
    Ok(address)
}

/// The length of the prefix that `mask` covers.
fn prefix_len(mask: Ipv4Addr) -> Result<u8, Refused> {
    let bits = mask.to_bits();
    let len = bits.leading_ones();
    if len == 0 || len.saturating_add(bits.trailing_zeros()) < 32 {
        return Err(Refused::Mask(mask));
    }
    u8::try_from(len).map_err(|_| Refused::Mask(mask))
}

/// The length of the prefix of an address whose server gave no mask (RFC 791 §3.2).
const fn class_prefix_len(address: Ipv4Addr) -> u8 {
    match address.octets() {
        [0..=127, ..] => 8,
        [128..=191, ..] => 16,
        [192..=255, ..] => 24,
    }
}

/// T1, T2 and the end of a lease, counted from its start. Times that the server gave in an
/// impossible order are replaced by those of RFC 2131 §4.4.5: half, and seven eighths.
fn times(lease_s: u32, options: &Options) -> [Option<Duration>; 3] {
    if lease_s == FOR_EVER_S {
        return [None; 3];
    }
    let default_t1 = lease_s / 2;
    let default_t2 = lease_s.saturating_sub(lease_s / 8).max(default_t1);
    let t1 = options.renewal_s.unwrap_or(default_t1);
    let t2 = options.rebinding_s.unwrap_or(default_t2.max(t1));
    let (t1, t2) = if t1 > 0 && t1 <= t2 && t2 <= lease_s {
        (t1, t2)
    } else {
        (default_t1, default_t2)
    };
    [t1, t2, lease_s].map(|seconds| Some(Duration::from_secs(u64::from(seconds))))
}

/// The routes: classless ones alone where there are any (RFC 3442), else through the first
/// router.
fn routes(options: &Options) -> Vec<ClasslessRoute, ROUTES_MAX> {
    if !options.routes.is_empty() {
        return options.routes.clone();
    }
    let to_router = |gateway: &Ipv4Addr| ClasslessRoute {
        destination: Ipv4Addr::UNSPECIFIED,
        prefix_len: 0,
        gateway: *gateway,
    };
    options.routers.iter().take(1).map(to_router).collect()
}
