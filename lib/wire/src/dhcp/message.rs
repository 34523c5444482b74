// SPDX-License-Identifier: MPL-2.0
//! A DHCP message: the fixed part (RFC 2131 §2) and its kind.
//!
//! Owns: what a message says, both ways.
//! Never: believes a message that is not for Ethernet.

use core::net::Ipv4Addr;

use smoltcp::wire::{ArpHardware as Hardware, DhcpFlags, DhcpOpCode, DhcpPacket, EthernetAddress};

use super::{Error, Options};

/// RFC 2131 §3.
const MAGIC: u32 = 0x6382_5363;
/// Where options begin.
const OPTIONS_AT: usize = 240;
/// The shortest message some servers answer (BOOTP's, RFC 1542 §2.1).
const LEN_MIN: usize = 300;

/// What kind of message it is (option 53).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A client looks for servers.
    Discover = 1,
    /// A server offers an address.
    Offer = 2,
    /// A client asks for an address.
    Request = 3,
    /// A client refuses an address that is in use.
    Decline = 4,
    /// A server gives an address.
    Ack = 5,
    /// A server refuses.
    Nak = 6,
    /// A client gives its address back.
    Release = 7,
    /// A client asks only for options.
    Inform = 8,
}

impl Kind {
    /// The kind of this number.
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            _ => return None,
        })
    }

    /// Which way it goes.
    const fn direction(self) -> DhcpOpCode {
        match self {
            Self::Discover | Self::Request | Self::Decline | Self::Release | Self::Inform => {
                DhcpOpCode::Request
            }
            Self::Offer | Self::Ack | Self::Nak => DhcpOpCode::Reply,
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What kind it is.
    pub kind: Kind,
    /// `xid`: which exchange it belongs to.
    pub transaction: u32,
    /// `secs`: how long the client has been at it.
    pub seconds: u16,
    /// Whether the answer shall be broadcast.
    pub broadcast: bool,
    /// `chaddr`: the client's hardware.
    pub hardware: [u8; 6],
    /// `ciaddr`: the address the client has.
    pub client: Ipv4Addr,
    /// `yiaddr`: the address the client gets.
    pub yours: Ipv4Addr,
    /// Its options.
    pub options: Options,
}

impl Message {
    /// An empty message of this kind.
    #[must_use]
    pub fn new(kind: Kind, transaction: u32, hardware: [u8; 6]) -> Self {
        Self {
            kind,
            transaction,
            seconds: 0,
            broadcast: false,
            hardware,
            client: Ipv4Addr::UNSPECIFIED,
            yours: Ipv4Addr::UNSPECIFIED,
            options: Options::default(),
        }
    }

    /// The message in `bytes`, the payload of a UDP datagram.
    ///
    /// # Errors
    /// The bytes are not exactly a message for Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let packet = DhcpPacket::new_checked(bytes).map_err(|_| Error::Truncated)?;
        let ethernet = packet.hardware_type() == Hardware::Ethernet && packet.hardware_len() == 6;
        if !ethernet || packet.magic_number() != MAGIC {
            return Err(Error::NotDhcp);
        }
        let (number, options) = Options::parse(bytes.get(OPTIONS_AT..).unwrap_or_default())?;
        let kind = Kind::from_number(number)
            .filter(|kind| kind.direction() == packet.opcode())
            .ok_or(Error::NoKind)?;
        Ok(Self {
            kind,
            transaction: packet.transaction_id(),
            seconds: packet.secs(),
            broadcast: packet.flags().contains(DhcpFlags::BROADCAST),
            hardware: packet.client_hardware_address().0,
            client: packet.client_ip(),
            yours: packet.your_ip(),
            options,
        })
    }

    /// Writes the message to the front of `buffer` and returns it.
    ///
    /// # Errors
    /// It does not fit.
    pub fn emit<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        if buffer.len() < LEN_MIN {
            return Err(Error::NoRoom);
        }
        buffer.fill(0);
        let mut packet = DhcpPacket::new_unchecked(&mut *buffer);
        packet.set_opcode(self.kind.direction());
        packet.set_hardware_type(Hardware::Ethernet);
        packet.set_hardware_len(6);
        packet.set_transaction_id(self.transaction);
        packet.set_secs(self.seconds);
        packet.set_flags(if self.broadcast {
            DhcpFlags::BROADCAST
        } else {
            DhcpFlags::empty()
        });
        packet.set_client_ip(self.client);
        packet.set_your_ip(self.yours);
        packet.set_client_hardware_address(EthernetAddress(self.hardware));
        packet.set_magic_number(MAGIC);
        let field = buffer.get_mut(OPTIONS_AT..).ok_or(Error::NoRoom)?;
        #[expect(clippy::as_conversions, reason = "the number of a variant")]
        let number = self.kind as u8;
        let len = self.options.emit(number, field)?;
        let len = OPTIONS_AT.saturating_add(len).max(LEN_MIN);
        buffer.get(..len).ok_or(Error::NoRoom)
    }
}
