// SPDX-License-Identifier: MPL-2.0
//! DHCP in UDP in IPv4 in Ethernet, for links that have no address yet.
//!
//! Owns: the three heads around a message, and their checksums.
//! Never: looks into the message.

use core::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ETHERNET_HEADER_LEN, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    IPV4_HEADER_LEN, IpProtocol, Ipv4Packet, Ipv4Repr, UDP_HEADER_LEN, UdpPacket,
};

use super::Error;

/// The longest packet we make or read: an Ethernet frame with a full IPv4 packet.
pub const PACKET_MAX: usize = 1514;

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The sender's hardware address.
    pub source_hardware: [u8; 6],
    /// The receiver's hardware address.
    pub destination_hardware: [u8; 6],
    /// The sender.
    pub source: Ipv4Addr,
    /// The receiver.
    pub destination: Ipv4Addr,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

/// Writes `payload` with its three heads to the front of `buffer` and returns the frame.
///
/// # Errors
/// It does not fit.
pub fn emit_packet<'b>(
    ends: &Endpoints,
    payload: &[u8],
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Error> {
    let udp_len = UDP_HEADER_LEN.saturating_add(payload.len());
    let ip_start = ETHERNET_HEADER_LEN;
    let udp_start = ip_start.saturating_add(IPV4_HEADER_LEN);
    let end = udp_start.saturating_add(udp_len);
    let frame = buffer.get_mut(..end).ok_or(Error::NoRoom)?;
    let length = u16::try_from(udp_len).map_err(|_| Error::NoRoom)?;

    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(ends.source_hardware),
        dst_addr: EthernetAddress(ends.destination_hardware),
        ethertype: EthernetProtocol::Ipv4,
    };
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut *frame));
    let ip = Ipv4Repr {
        src_addr: ends.source,
        dst_addr: ends.destination,
        next_header: IpProtocol::Udp,
        payload_len: udp_len,
        hop_limit: 64,
    };
    let packet = frame.get_mut(ip_start..).ok_or(Error::NoRoom)?;
    ip.emit(
        &mut Ipv4Packet::new_unchecked(packet),
        &ChecksumCapabilities::default(),
    );
    let datagram = frame.get_mut(udp_start..).ok_or(Error::NoRoom)?;
    let mut udp = UdpPacket::new_unchecked(datagram);
    udp.set_src_port(ends.source_port);
    udp.set_dst_port(ends.destination_port);
    udp.set_len(length);
    udp.payload_mut().copy_from_slice(payload);
    udp.fill_checksum(&ends.source.into(), &ends.destination.into());
    Ok(frame)
}

/// The ends of a frame, and its UDP payload.
///
/// # Errors
/// The frame is not one whole UDP datagram in IPv4, or a checksum is wrong.
pub fn parse_packet(frame: &[u8]) -> Result<(Endpoints, &[u8]), Error> {
    let ethernet = EthernetFrame::new_checked(frame).map_err(|_| Error::Truncated)?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return Err(Error::OtherProtocol);
    }
    let ip = Ipv4Packet::new_checked(ethernet.payload()).map_err(|_| Error::Truncated)?;
    if ip.version() != 4 || ip.next_header() != IpProtocol::Udp {
        return Err(Error::OtherProtocol);
    }
    if ip.more_frags() || ip.frag_offset() != 0 {
        return Err(Error::OtherProtocol);
    }
    if usize::from(ip.header_len()) < IPV4_HEADER_LEN || !ip.verify_checksum() {
        return Err(Error::Damaged);
    }
    let udp = UdpPacket::new_checked(ip.payload()).map_err(|_| Error::Damaged)?;
    let ends = Endpoints {
        source_hardware: ethernet.src_addr().0,
        destination_hardware: ethernet.dst_addr().0,
        source: ip.src_addr(),
        destination: ip.dst_addr(),
        source_port: udp.src_port(),
        destination_port: udp.dst_port(),
    };
    let whole = udp.verify_checksum(&ends.source.into(), &ends.destination.into());
    if !whole && udp.checksum() != pseudo_header_sum(&ends, udp.len()) {
        return Err(Error::Damaged);
    }
    Ok((ends, udp.payload()))
}

/// The sum over the pseudo header alone. Between virtual links of one machine the kernel leaves
/// it in the place of the checksum, for hardware that then is not there to finish the work.
fn pseudo_header_sum(ends: &Endpoints, udp_len: u16) -> u16 {
    let mut sum = u32::from(udp_len).saturating_add(17);
    for address in [ends.source, ends.destination] {
        let [a, b, c, d] = address.octets();
        sum = sum
            .saturating_add(u32::from(u16::from_be_bytes([a, b])))
            .saturating_add(u32::from(u16::from_be_bytes([c, d])));
    }
    // Six numbers of 16 bits carry over at most once more after the first folding.
    let folded = (sum & 0xffff).saturating_add(sum >> 16);
    let folded = (folded & 0xffff).saturating_add(folded >> 16);
    u16::try_from(folded).unwrap_or(u16::MAX)
}
