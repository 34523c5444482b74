// SPDX-License-Identifier: MPL-2.0
//! Packed layers: gzip and Zstandard, told by their first bytes.
//!
//! Owns: how much memory unpacking takes, and how much may come out.
//! Never: holds more than a window of the stream.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits::{BYTES_MAX, ENTRIES_MAX};

/// What every decoder of Zstandard should support (RFC 8878 §3.1.1.1.2), and not more.
const WINDOW_MAX: u64 = 8 << 20;
/// The most that may come out of all layers of an image: all files, and four headers for each.
pub(crate) const UNPACKED_MAX: u64 = BYTES_MAX + 4 * 512 * ENTRIES_MAX as u64;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Unpacks a stream if it is packed. `left` is what may come out, of this one and those after it.
pub(crate) fn unpacked<'r>(
    mut from: impl BufRead + 'r,
    left: &'r mut u64,
) -> io::Result<Box<dyn Read + 'r>> {
    let head = from.fill_buf()?;
    let stream: Box<dyn Read + 'r> = if head.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(from))
    } else if head.starts_with(ZSTD) || is_skipped(head) {
        Box::new(Zstd {
            from,
            decoder: None,
        })
    } else {
        Box::new(from)
    };
    Ok(Box::new(Bounded { from: stream, left }))
}

/// Whether these are the first bytes of something packed.
pub(crate) fn is_packed(head: &[u8]) -> bool {
    head.starts_with(GZIP) || head.starts_with(ZSTD)
}

/// Whether a frame of Zstandard starts here that decoders pass over.
fn is_skipped(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// A stream of frames.
struct Zstd<R> {
    from: R,
    decoder: Option<FrameDecoder>,
}

impl<R: BufRead> Zstd<R> {
    /// Starts the next frame. `false` at the end.
    fn start(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(WINDOW_MAX);
            match decoder.init(&mut self.from) {
                Ok(()) => {
                    self.decoder = Some(decoder);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut frame = self.from.by_ref().take(u64::from(length));
                    if io::copy(&mut frame, &mut io::sink())? != u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else {
                if buffer.is_empty() || !self.start()? {
                    return Ok(0);
                }
                continue;
            };
            while decoder.can_collect() == 0 && !decoder.is_finished() {
                decoder
                    .decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let sums = (
                decoder.get_checksum_from_data(),
                decoder.get_calculated_checksum(),
            );
            if let (Some(told), Some(sum)) = sums
                && told != sum
            {
                return Err(io::Error::other("the checksum of a frame is wrong"));
            }
            self.decoder = None;
        }
    }
}

/// A stream that fails when it becomes too long.
struct Bounded<'l, R> {
    from: R,
    left: &'l mut u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        *self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("the image unpacks to more than 2 GiB"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(bytes, level)
    }

    fn all(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        unpacked(packed, &mut { UNPACKED_MAX })?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn every_packing_comes_out_as_it_went_in() {
        let text = b"some text, ".repeat(100_000);
        for packed in [text.clone(), gzip(&text), zstd(&text)] {
            assert!(all(&packed).unwrap() == text);
        }
        assert_eq!(all(b"").unwrap(), b"");
    }

    #[test]
    fn frames_follow_each_other_and_some_are_passed_over() {
        let skipped = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let packed = [
            zstd(b"one "),
            skipped.clone(),
            zstd(b"two"),
            skipped.clone(),
        ]
        .concat();

        assert_eq!(all(&packed).unwrap(), b"one two");
        assert_eq!(
            all(&[gzip(b"one "), gzip(b"two")].concat()).unwrap(),
            b"one two"
        );
        assert_eq!(all(&skipped).unwrap(), b"");
    }

    #[test]
    fn every_cut_and_every_addition_is_an_error() {
        let text = b"some text, ".repeat(20);
        for packed in [gzip(&text), zstd(&text)] {
            for len in 4..packed.len() {
                assert!(all(&packed[..len]).is_err(), "cut at {len}");
            }
            assert!(all(&[&packed[..], b"garbage"].concat()).is_err());
        }
    }

    #[test]
    fn a_window_that_takes_much_memory_is_refused() {
        // A frame with a window of 64 MiB: exponent 16 (RFC 8878 §3.1.1.1.2).
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 16 << 3, 1, 0, 0];
        assert!(all(&frame).is_err());
    }
}
