// SPDX-License-Identifier: MPL-2.0
//! Packets as a node sends them: a pcap file that comes in pieces.
//!
//! Owns: putting pieces together to frames.
//! Never: holds more than one frame, or believes a length that no frame has.

mod line;

pub(crate) use line::line;

/// The head of a file, in bytes (draft-ietf-opsawg-pcap).
const HEAD: usize = 24;
/// The head of a frame, in bytes.
const FRAME_HEAD: usize = 16;
/// Times in microseconds, little-endian numbers.
const MAGIC: u32 = 0xa1b2_c3d4;
/// The longest frame that a node keeps.
const FRAME_MAX: u32 = 256 * 1024;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// When it came, in seconds since 1970.
    pub(crate) seconds: u32,
    /// And microseconds.
    pub(crate) micros: u32,
    /// How long it was.
    pub(crate) whole: u32,
    /// What of it was kept.
    pub(crate) bytes: Vec<u8>,
}

/// What frames begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkType {
    /// An Ethernet head.
    Ethernet,
    /// An IP head.
    Raw,
    /// Something else, by its number.
    Other(u32),
}

/// The stream is no pcap file of ours; why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPcap(pub(crate) &'static str);

/// Takes pieces and gives frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    held: Vec<u8>,
    link: Option<LinkType>,
}

impl Frames {
    /// Takes a piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// Gives the next frame, with what it begins with; nothing when it has not come whole.
    ///
    /// # Errors
    /// The stream makes no sense from here on.
    pub(crate) fn next(&mut self) -> Result<Option<(LinkType, Frame)>, NotPcap> {
        let link = match self.link {
            Some(link) => link,
            None => match self.head()? {
                Some(link) => *self.link.insert(link),
                None => return Ok(None),
            },
        };
        let Some(head) = self.held.first_chunk::<FRAME_HEAD>() else {
            return Ok(None);
        };
        let kept = word(head, 8);
        if kept > FRAME_MAX {
            return Err(NotPcap("a packet is longer than any"));
        }
        let end = FRAME_HEAD.saturating_add(usize::try_from(kept).unwrap_or(usize::MAX));
        let Some(bytes) = self.held.get(FRAME_HEAD..end) else {
            return Ok(None);
        };
        let frame = Frame {
            seconds: word(head, 0),
            micros: word(head, 4),
            whole: word(head, 12),
            bytes: bytes.to_vec(),
        };
        self.held.drain(..end);
        Ok(Some((link, frame)))
    }

    fn head(&mut self) -> Result<Option<LinkType>, NotPcap> {
        let Some(head) = self.held.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        if word(head, 0) != MAGIC {
            return Err(NotPcap("it does not begin as pcap does"));
        }
        // The upper half says how many bytes of a checksum frames end with.
        let link = match word(head, 20) & 0xffff {
            1 => LinkType::Ethernet,
            101 => LinkType::Raw,
            other => LinkType::Other(other),
        };
        self.held.drain(..HEAD);
        Ok(Some(link))
    }
}

/// A little-endian number; 0 behind the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x01\0\x65\0\0\0".to_vec();
        file.extend(b"\x01\0\0\0\x02\0\0\0\x03\0\0\0\x09\0\0\0abc");
        file.extend(b"\x02\0\0\0\x00\0\0\0\x00\0\0\0\x00\0\0\0");
        file
    }

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        for size in 1..file().len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in file().chunks(size) {
                frames.feed(piece);
                while let Some((link, frame)) = frames.next().unwrap() {
                    assert_eq!(link, LinkType::Raw);
                    found.push((frame.seconds, frame.micros, frame.whole, frame.bytes));
                }
            }
            assert_eq!(found, [(1, 2, 9, b"abc".to_vec()), (2, 0, 0, Vec::new())]);
            assert_eq!(frames.held, b"");
        }
    }

    #[test]
    fn what_is_no_pcap_is_said_and_not_waited_for() {
        let mut frames = Frames::default();
        frames.feed(&[0; HEAD]);
        assert!(frames.next().is_err());

        let mut long = file();
        long[32..36].fill(0xff);
        let mut frames = Frames::default();
        frames.feed(&long);
        assert!(frames.next().is_err());
    }
}
