// SPDX-License-Identifier: MPL-2.0
//! DHCPv4 (RFC 2131, RFC 2132, RFC 3442): messages, and the packets that carry them.
//!
//! The layout of the fixed part is smoltcp's; here lie the options that a node asks for, and the
//! checks that make a message safe to believe.
//!
//! Owns: a message with all its options, both ways.
//! Never: knows what to answer.

mod message;
mod options;
mod packet;

pub use message::{Kind, Message};
pub use options::{ClasslessRoute, Options, PARAMETERS, ROUTES_MAX, SERVERS_MAX};
pub use packet::{Endpoints, PACKET_MAX, emit_packet, parse_packet};

pub use smoltcp::wire::{DHCP_CLIENT_PORT as CLIENT_PORT, DHCP_SERVER_PORT as SERVER_PORT};

/// Why bytes are not a message for us, or a message not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The fixed part is not whole.
    Truncated,
    /// Not IPv4 in Ethernet, not UDP, or a fragment.
    OtherProtocol,
    /// A checksum or a length of the packet is wrong.
    Damaged,
    /// Not Ethernet hardware, or not the magic number of DHCP.
    NotDhcp,
    /// An option runs over the end of the message; its number.
    OptionTooLong(u8),
    /// An option has a length or content that it cannot have; its number.
    BadOption(u8),
    /// There is no message type, or it does not go with the direction.
    NoKind,
    /// What was to be written does not fit.
    NoRoom,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated => write!(f, "the packet is truncated"),
            Self::OtherProtocol => write!(f, "the packet is of another protocol"),
            Self::Damaged => write!(f, "the packet is damaged"),
            Self::NotDhcp => write!(f, "the packet is not DHCP"),
            Self::OptionTooLong(number) => write!(f, "option {number} runs over the end"),
            Self::BadOption(number) => write!(f, "option {number} is malformed"),
            Self::NoKind => write!(f, "the message has no type"),
            Self::NoRoom => write!(f, "the message does not fit its buffer"),
        }
    }
}
