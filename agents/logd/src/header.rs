// SPDX-License-Identifier: MPL-2.0
//! The front of a ring's file, which outlives logd.
//!
//! Owns: the layout and its check.
//! Never: trusts a file: another process, or another version, may have written it.

use proto::log::LINE_MAX;

use crate::capacity::{LARGEST, SMALLEST};

/// What begins every ring.
const MAGIC: &[u8; 8] = b"ichorlog";
/// The version of the layout.
const VERSION: u32 = 1;
/// The length of the header in the file; the ring's bytes follow it.
pub const LEN: usize = 48;
/// Where the check stands.
const CHECK_AT: usize = 40;

/// The state of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The size of the ring, in bytes.
    pub capacity: u32,
    /// Bytes of whole lines ever written.
    pub total: u64,
    /// Bytes of an unfinished line after them.
    pub pending: u64,
    /// The kernel's log: the sequence number wanted next.
    pub mark: u64,
}

/// Why a file is not a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It is shorter than a header.
    Short,
    /// It begins with something else.
    Magic,
    /// Another version wrote it.
    Version,
    /// Its check does not match.
    Check,
    /// A number in it cannot be, or the file has another length than it says.
    Range,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Short => "it is too short",
            Self::Magic => "it is something else",
            Self::Version => "another version wrote it",
            Self::Check => "its check does not match",
            Self::Range => "its numbers cannot be",
        })
    }
}

/// FNV-1a, 64 bits: it finds what a crash or a stray write does, not what an enemy does; only
/// logd's own user can write here.
fn check(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Header {
    /// A new ring of `capacity` bytes.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self {
            capacity,
            total: 0,
            pending: 0,
            mark: 0,
        }
    }

    /// How long the file is.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        u64::from(self.capacity).saturating_add(48)
    }

    /// The header's bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let pending = u32::try_from(self.pending).unwrap_or(0);
        let fields: [&[u8]; 6] = [
            MAGIC,
            &VERSION.to_le_bytes(),
            &self.capacity.to_le_bytes(),
            &self.total.to_le_bytes(),
            &self.mark.to_le_bytes(),
            &pending.to_le_bytes(),
        ];
        let fields = fields.into_iter().flatten();
        for (place, byte) in bytes.iter_mut().zip(fields) {
            *place = *byte;
        }
        let sum = check(bytes.get(..CHECK_AT).unwrap_or_default());
        if let Some(place) = bytes.get_mut(CHECK_AT..) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }

    /// The header at the front of a file of `file_len` bytes.
    ///
    /// # Errors
    /// It is not the front of a ring of this version.
    pub fn parse(bytes: &[u8], file_len: u64) -> Result<Self, Error> {
        let bytes: &[u8; LEN] = bytes.first_chunk().ok_or(Error::Short)?;
        let word = |at: usize| {
            let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let long = |at: usize| {
            let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        if !bytes.starts_with(MAGIC) {
            return Err(Error::Magic);
        }
        if word(8) != VERSION {
            return Err(Error::Version);
        }
        if long(CHECK_AT) != check(bytes.get(..CHECK_AT).unwrap_or_default()) {
            return Err(Error::Check);
        }
        let header = Self {
            capacity: word(12),
            total: long(16),
            mark: long(24),
            pending: u64::from(word(32)),
        };
        let sound = (SMALLEST..=LARGEST).contains(&header.capacity)
            && header.file_len() == file_len
            && usize::try_from(header.pending).is_ok_and(|pending| pending < LINE_MAX)
            // No node writes this much in its life, and sums stay far from the end.
            && header.total < u64::MAX / 2;
        sound.then_some(header).ok_or(Error::Range)
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Header, LEN};

    fn header() -> Header {
        Header {
            capacity: 64 * 1024,
            total: 123_456_789_012,
            pending: 17,
            mark: 4711,
        }
    }

    #[test]
    fn a_header_comes_back_as_it_went() {
        let header = header();

        assert_eq!(Header::parse(&header.emit(), header.file_len()), Ok(header));
    }

    #[test]
    fn no_damaged_byte_goes_unnoticed() {
        let bytes = header().emit();
        for index in 0..LEN {
            for bit in 0..8 {
                let mut damaged = bytes;
                damaged[index] ^= 1 << bit;

                assert!(Header::parse(&damaged, header().file_len()).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_ring_is_refused() {
        let bytes = header().emit();
        let len = header().file_len();

        assert_eq!(Header::parse(&[], 0), Err(Error::Short));
        assert_eq!(Header::parse(&bytes[..LEN - 1], len), Err(Error::Short));
        assert_eq!(Header::parse(&[0; LEN], len), Err(Error::Magic));
        assert_eq!(Header::parse(&bytes, len - 1), Err(Error::Range));
        for bad in [
            Header {
                capacity: 0,
                ..header()
            },
            Header {
                capacity: u32::MAX,
                ..header()
            },
            Header {
                pending: 4096,
                ..header()
            },
            Header {
                total: u64::MAX,
                ..header()
            },
        ] {
            assert_eq!(
                Header::parse(&bad.emit(), bad.file_len()),
                Err(Error::Range)
            );
        }
    }
}
