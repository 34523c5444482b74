// SPDX-License-Identifier: MPL-2.0
//! The file format of captures (pcap, draft-ietf-opsawg-pcap).
//!
//! Owns: the head of a stream and of each frame, and what the frames of a link begin with.
//! Never: looks into a frame.

/// The head of a stream, in bytes.
pub(super) const HEAD: usize = 24;
/// The head of a frame, in bytes.
pub(super) const FRAME_HEAD: usize = 16;

/// Times are in microseconds, numbers in little-endian order.
const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: [u16; 2] = [2, 4];

/// What frames begin with (`LINKTYPE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkType {
    /// An Ethernet head (`LINKTYPE_ETHERNET`).
    Ethernet,
    /// An IP head (`LINKTYPE_RAW`).
    Raw,
}

impl LinkType {
    /// What the frames of a link with this `ARPHRD_*` number begin with; nothing for links whose
    /// frames begin with something else.
    pub(super) const fn of(arp_type: u16) -> Option<Self> {
        match arp_type {
            // ARPHRD_ETHER, ARPHRD_LOOPBACK.
            1 | 772 => Some(Self::Ethernet),
            // ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_NONE (WireGuard, TUN).
            768 | 769 | 776 | 0xfffe => Some(Self::Raw),
            _ => None,
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Ethernet => 1,
            Self::Raw => 101,
        }
    }
}

/// Writes the head of a stream whose frames are cut to `snap_len` bytes.
pub(super) fn head(link: LinkType, snap_len: u32) -> [u8; HEAD] {
    let [major, minor] = VERSION;
    let mut head = [0; HEAD];
    // Time zone and accuracy are zero.
    for (place, word) in head.chunks_exact_mut(4).zip([
        MAGIC,
        u32::from(major) | (u32::from(minor) << 16),
        0,
        0,
        snap_len,
        link.number(),
    ]) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    head
}

/// When a frame came, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) seconds: u32,
    pub(super) micros: u32,
}

/// Writes the head of a frame that was `whole` bytes long and of which `kept` follow.
pub(super) fn frame_head(at: At, kept: usize, whole: usize) -> [u8; FRAME_HEAD] {
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let mut head = [0; FRAME_HEAD];
    let words = [at.seconds, at.micros, len(kept), len(whole)];
    for (place, word) in head.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_laid_out_as_readers_of_pcap_expect() {
        assert_eq!(
            head(LinkType::Ethernet, 65_536),
            *b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0"
        );
        let at = At {
            seconds: 1,
            micros: 2,
        };
        assert_eq!(
            frame_head(at, 60, 1514),
            *b"\x01\0\0\0\x02\0\0\0\x3c\0\0\0\xea\x05\0\0"
        );
    }

    #[test]
    fn links_with_other_heads_are_known_and_refused() {
        assert_eq!(LinkType::of(1), Some(LinkType::Ethernet));
        assert_eq!(LinkType::of(0xfffe), Some(LinkType::Raw));
        // ARPHRD_IEEE80211_RADIOTAP.
        assert_eq!(LinkType::of(803), None);
    }
}
