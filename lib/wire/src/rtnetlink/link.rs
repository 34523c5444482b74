// SPDX-License-Identifier: MPL-2.0
//! Links: `struct ifinfomsg` and `IFLA_*` (rtnetlink(7)).
//!
//! Owns: what we know of a link, and the order to change one.
//! Never: makes links.

use heapless::{String, Vec};

use super::SET_LINK;
use crate::netlink::{Attribute, Attributes, Error, REQUEST, Writer};

/// The length of `struct ifinfomsg`.
pub(super) const FIXED_LEN: usize = 16;

/// The link is wanted up.
pub const IFF_UP: u32 = 1;
/// The link is loopback.
pub const IFF_LOOPBACK: u32 = 1 << 3;
/// The link has a carrier.
pub const IFF_LOWER_UP: u32 = 1 << 16;
/// Ethernet, and what behaves like it.
pub const ARPHRD_ETHER: u16 = 1;

const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_QDISC: u16 = 6;
const IFLA_MASTER: u16 = 10;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_PERM_ADDRESS: u16 = 54;
/// `IFLA_WIRELESS`: news for wireless tools that does not describe the link.
const IFLA_WIRELESS: u16 = 11;

/// A hardware address; empty for none, or for one longer than 20 bytes.
pub type HardwareAddress = Vec<u8, 20, u8>;
/// A word of the kernel: a kind, a queue discipline.
pub type Word = String<15, u8>;

/// A link as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `ifi_index`, never 0.
    pub index: u32,
    /// `ifi_type`, an `ARPHRD_*` number.
    pub arp_type: u16,
    /// `ifi_flags`, a mask of `IFF_*`.
    pub flags: u32,
    /// `IFLA_IFNAME`.
    pub name: String<15>,
    /// `IFLA_MTU`.
    pub mtu: u32,
    /// `IFLA_ADDRESS`.
    pub hardware_address: HardwareAddress,
    /// `IFLA_PERM_ADDRESS`: the address that the hardware came with; virtual links have none.
    pub permanent_address: HardwareAddress,
    /// `IFLA_BROADCAST`.
    pub broadcast_address: HardwareAddress,
    /// `IFLA_LINK`: the link below it, which may be one of another network namespace; 0 for none.
    pub lower_index: u32,
    /// `IFLA_MASTER`: the bond or bridge it is in; 0 for none.
    pub master_index: u32,
    /// `IFLA_QDISC`.
    pub queue_discipline: Word,
    /// `IFLA_OPERSTATE`.
    pub oper_state: u8,
    /// `IFLA_INFO_KIND`; empty for what a driver made.
    pub kind: Word,
    /// `IFLA_INFO_SLAVE_KIND`: what it is in its bond or bridge; empty when it is in none.
    pub slave_kind: Word,
}

impl Link {
    /// The link in the payload of a link message; `None` when the message is of another family
    /// (a bridge port) or only for wireless tools.
    ///
    /// # Errors
    /// The payload is malformed, or there is no name.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, Error> {
        let (fixed, attributes) = payload
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(Error::Truncated)?;
        let [family, _, a, b, i, j, k, l, m, n, o, p, ..] = *fixed;
        let index = i32::from_ne_bytes([i, j, k, l]);
        if family != 0 {
            return Ok(None);
        }
        let mut link = Self {
            index: u32::try_from(index).map_err(|_| Error::BadLength)?,
            arp_type: u16::from_ne_bytes([a, b]),
            flags: u32::from_ne_bytes([m, n, o, p]),
            name: String::new(),
            mtu: 0,
            hardware_address: HardwareAddress::new(),
            permanent_address: HardwareAddress::new(),
            broadcast_address: HardwareAddress::new(),
            lower_index: 0,
            master_index: 0,
            queue_discipline: Word::new(),
            oper_state: 0,
            kind: Word::new(),
            slave_kind: Word::new(),
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            if attribute.kind == IFLA_WIRELESS {
                return Ok(None);
            }
            link.take(&attribute)?;
        }
        if link.name.is_empty() || link.index == 0 {
            return Err(Error::Missing(IFLA_IFNAME));
        }
        Ok(Some(link))
    }

    /// Takes what one attribute says.
    fn take(&mut self, attribute: &Attribute<'_>) -> Result<(), Error> {
        let address = || HardwareAddress::from_slice(attribute.value).unwrap_or_default();
        match attribute.kind {
            IFLA_IFNAME => {
                self.name = String::try_from(attribute.text()?)
                    .map_err(|_| Error::BadAttribute(IFLA_IFNAME))?;
            }
            IFLA_MTU => self.mtu = attribute.u32()?,
            IFLA_ADDRESS => self.hardware_address = address(),
            IFLA_PERM_ADDRESS => self.permanent_address = address(),
            IFLA_BROADCAST => self.broadcast_address = address(),
            IFLA_LINK => self.lower_index = attribute.u32()?,
            IFLA_MASTER => self.master_index = attribute.u32()?,
            IFLA_QDISC => self.queue_discipline = word(attribute)?,
            IFLA_OPERSTATE => self.oper_state = attribute.u8()?,
            IFLA_LINKINFO => {
                for inner in attribute.nested() {
                    let inner = inner?;
                    match inner.kind {
                        IFLA_INFO_KIND => self.kind = word(&inner)?,
                        IFLA_INFO_SLAVE_KIND => self.slave_kind = word(&inner)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it is wanted up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }

    /// Whether it is up and has a carrier.
    #[must_use]
    pub const fn has_carrier(&self) -> bool {
        self.is_up() && self.flags & IFF_LOWER_UP != 0
    }

    /// Its hardware address, if it is one of Ethernet.
    #[must_use]
    pub fn ethernet_address(&self) -> Option<[u8; 6]> {
        <[u8; 6]>::try_from(self.hardware_address.as_slice()).ok()
    }
}

/// The word in an attribute. One too long for us is still not none.
fn word(attribute: &Attribute<'_>) -> Result<Word, Error> {
    let other = || Word::try_from("other").unwrap_or_default();
    Ok(Word::try_from(attribute.text()?).unwrap_or_else(|_| other()))
}

/// What shall be different about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOrder {
    /// Up.
    Up,
    /// Another MTU, in bytes.
    Mtu(u32),
}

impl LinkOrder {
    /// Writes the order for the link of this number.
    ///
    /// # Errors
    /// It does not fit.
    pub fn emit(self, index: u32, buffer: &mut [u8], sequence: u32) -> Result<&[u8], Error> {
        let flags = match self {
            Self::Up => IFF_UP,
            Self::Mtu(_) => 0,
        };
        let mut writer = Writer::new(buffer, SET_LINK, REQUEST, sequence);
        writer.bytes(&[0, 0, 0, 0]);
        writer.bytes(&index.to_ne_bytes());
        writer.bytes(&flags.to_ne_bytes());
        // The mask of flags to change.
        writer.bytes(&flags.to_ne_bytes());
        if let Self::Mtu(mtu) = self {
            writer.attribute(IFLA_MTU, &mtu.to_ne_bytes());
        }
        writer.finish()
    }
}
