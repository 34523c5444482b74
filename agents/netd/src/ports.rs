// SPDX-License-Identifier: MPL-2.0
//! The sockets of DHCP: one for whole frames on each link, and one for its server alone while a
//! lease is renewed.
//!
//! Owns: those sockets, and the filter that keeps all other traffic away.
//! Never: looks into a message.

use core::net::{Ipv4Addr, SocketAddrV4};

use sys::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::io::{self, Errno};
use sys::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use sys::packet::Instruction;
use wire::dhcp::{
    CLIENT_PORT, Endpoints, Message, PACKET_MAX, SERVER_PORT, emit_packet, parse_packet,
};

use crate::dhcp::{Destination, Send};

/// `ETH_P_IP`.
const ETH_P_IP: u16 = 0x0800;
/// Everyone on the link.
const BROADCAST: [u8; 6] = [0xff; 6];

/// Instructions of classic BPF (linux/bpf_common.h): load half a word or a byte from a place or,
/// with X, behind the IP head; jump; answer.
const LOAD_HALF: u16 = 0x28;
const LOAD_HALF_X: u16 = 0x48;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HEAD_LEN_X: u16 = 0xb1;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ANY_BIT: u16 = 0x45;
const ANSWER: u16 = 0x06;

/// Keeps whole UDP datagrams to the client's port; the frame begins with its Ethernet head.
const FILTER: [Instruction; 9] = [
    step(LOAD_BYTE, 0, 0, 23),
    step(JUMP_EQUAL, 0, 6, 17),
    // A later fragment has no ports.
    step(LOAD_HALF, 0, 0, 20),
    step(JUMP_ANY_BIT, 4, 0, 0x1fff),
    step(LOAD_HEAD_LEN_X, 0, 0, 14),
    step(LOAD_HALF_X, 0, 0, 16),
    step(JUMP_EQUAL, 0, 1, 68),
    step(ANSWER, 0, 0, u32::MAX),
    step(ANSWER, 0, 0, 0),
];

/// One instruction.
const fn step(code: u16, if_true: u8, if_false: u8, operand: u32) -> Instruction {
    Instruction {
        code,
        if_true,
        if_false,
        operand,
    }
}

/// The sockets of one link.
#[derive(Debug)]
pub struct Port {
    /// The link.
    pub link_index: u32,
    hardware: [u8; 6],
    frames: OwnedFd,
    server: Option<OwnedFd>,
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.frames.as_fd()
    }
}

impl Port {
    /// Opens the socket for frames of a link.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(link_index: u32, hardware: [u8; 6]) -> io::Result<Self> {
        Ok(Self {
            link_index,
            hardware,
            frames: sys::packet::open(link_index, ETH_P_IP, &FILTER)?,
            server: None,
        })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The kernel's; the message is lost, as it may also be on its way.
    pub fn send(&mut self, send: &Send) -> io::Result<()> {
        let mut payload = [0; PACKET_MAX];
        let payload = send
            .message
            .emit(&mut payload)
            .map_err(|_| Errno::MSGSIZE)?;
        match send.to {
            Destination::Everyone { from } => {
                let ends = Endpoints {
                    source_hardware: self.hardware,
                    destination_hardware: BROADCAST,
                    source: from,
                    destination: Ipv4Addr::BROADCAST,
                    source_port: CLIENT_PORT,
                    destination_port: SERVER_PORT,
                };
                let mut frame = [0; PACKET_MAX];
                let frame = emit_packet(&ends, payload, &mut frame).map_err(|_| Errno::MSGSIZE)?;
                sys::net::send(&self.frames, frame, SendFlags::empty()).map(drop)
            }
            Destination::Server { from, server } => {
                let socket = match self.server.take() {
                    Some(socket) => socket,
                    None => to_server(from)?,
                };
                let socket = self.server.insert(socket);
                let to = SocketAddrV4::new(server, SERVER_PORT);
                sys::net::sendto(socket, payload, SendFlags::empty(), &to).map(drop)
            }
        }
    }

    /// The renewal is over: its socket is closed.
    pub fn renewal_over(&mut self) {
        self.server = None;
    }

    /// Receives one frame, if one waits: the message in it, if there is one. `None` when no
    /// frame waits.
    pub fn receive(&mut self) -> Option<Option<Message>> {
        let mut frame = [0; PACKET_MAX];
        match sys::net::recv(&self.frames, &mut frame[..], RecvFlags::TRUNC) {
            Ok((_, len)) => Some(frame.get(..len).and_then(understand)),
            Err(Errno::INTR) => Some(None),
            // NETDOWN is told once when the link goes down; its carrier tells the rest.
            Err(_) => None,
        }
    }
}

/// A socket from which a server hears a renewal. While it is open, the kernel does not answer
/// the server that nobody listens; what comes in is read from the frames.
fn to_server(from: Ipv4Addr) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = sys::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    sys::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    sys::net::bind(&socket, &SocketAddrV4::new(from, CLIENT_PORT))?;
    Ok(socket)
}

/// The DHCP message in a frame, if it is one to a client.
fn understand(frame: &[u8]) -> Option<Message> {
    let (ends, payload) = parse_packet(frame).ok()?;
    if ends.destination_port != CLIENT_PORT || ends.source_port != SERVER_PORT {
        return None;
    }
    Message::parse(payload).ok()
}
