// SPDX-License-Identifier: MPL-2.0
//! A stream of replies, each labelled with the name of a node.
//!
//! Only the five bytes in front of a message are looked at; the rest passes in the pieces it came.
//!
//! Owns: the place in the stream.
//! Never: holds a message.

use std::collections::VecDeque;

use api::wire::Code;
use bytes::{Buf as _, Bytes, BytesMut};

use crate::envelope::{self, FRAME, Misshapen};
use crate::refused::Refused;

/// Puts a label behind the front of each message of a stream of gRPC frames.
#[derive(Debug)]
pub(crate) struct Splitter {
    label: Bytes,
    front: [u8; FRAME],
    filled: usize,
    left: usize,
}

impl Splitter {
    pub(crate) fn new(label: Bytes) -> Self {
        Self {
            label,
            front: [0; FRAME],
            filled: 0,
            left: 0,
        }
    }

    /// Says whether no message is under way.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.left == 0 && self.filled == 0
    }

    /// Takes a piece of the stream and gives the pieces to send for it; returns how many of `out`
    /// belong to messages that are whole.
    pub(crate) fn feed(
        &mut self,
        mut chunk: Bytes,
        out: &mut VecDeque<Bytes>,
    ) -> Result<usize, Misshapen> {
        let mut whole = 0;
        while !chunk.is_empty() {
            if self.left > 0 {
                let piece = chunk.split_to(self.left.min(chunk.len()));
                self.left = self.left.saturating_sub(piece.len());
                out.push_back(piece);
                if self.left == 0 {
                    whole = out.len();
                }
                continue;
            }
            if let Some(place) = self.front.get_mut(self.filled) {
                *place = chunk.get_u8();
                self.filled = self.filled.saturating_add(1);
            }
            if self.filled == FRAME {
                self.filled = 0;
                out.push_back(self.begin()?);
                if self.left == 0 {
                    whole = out.len();
                }
            }
        }
        Ok(whole)
    }

    fn begin(&mut self) -> Result<Bytes, Misshapen> {
        let len = envelope::parse_frame_header(self.front)?;
        self.left = usize::try_from(len).map_err(|_| Misshapen)?;
        let label = u32::try_from(self.label.len()).map_err(|_| Misshapen)?;
        let longer = len.checked_add(label).ok_or(Misshapen)?;
        let mut front = BytesMut::from(&envelope::frame_header(longer)[..]);
        front.extend_from_slice(&self.label);
        Ok(front.freeze())
    }
}

/// The refusal for a reply that cannot be labelled.
pub(crate) fn misshapen() -> Refused {
    Refused::new(
        Code::Internal,
        "the node answered in a form that cannot carry a node's name",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::common::{Data, Metadata};
    use proptest::prelude::*;
    use prost::Message as _;

    fn data(bytes: &[u8]) -> Vec<u8> {
        Data {
            metadata: None,
            bytes: bytes.to_vec(),
        }
        .encode_to_vec()
    }

    fn split(stream: &[u8], sizes: &[usize], label: &str) -> Result<Vec<u8>, Misshapen> {
        let mut splitter = Splitter::new(envelope::name(label));
        let mut queue = VecDeque::new();
        let mut rest = Bytes::copy_from_slice(stream);
        for size in sizes.iter().copied().chain([usize::MAX]) {
            let piece = rest.split_to(size.min(rest.len()));
            splitter.feed(piece, &mut queue)?;
        }
        Ok(queue.into_iter().flatten().collect())
    }

    fn read(mut stream: &[u8]) -> Vec<Data> {
        let mut messages = Vec::new();
        while let Some((front, rest)) = stream.split_first_chunk::<FRAME>() {
            let len = usize::try_from(envelope::parse_frame_header(*front).unwrap()).unwrap();
            let (message, after) = rest.split_at(len);
            messages.push(Data::decode(message).unwrap());
            stream = after;
        }
        messages
    }

    proptest! {
        #[test]
        fn every_message_is_labelled_however_the_stream_is_cut(
            messages: Vec<Vec<u8>>, sizes: Vec<u8>, label in "[a-z0-9.:]{0,200}",
        ) {
            let stream: Vec<u8> =
                messages.iter().flat_map(|m| envelope::frame(&data(m))).collect();
            let sizes: Vec<usize> = sizes.into_iter().map(usize::from).collect();

            let labelled = read(&split(&stream, &sizes, &label).unwrap());

            let expected: Vec<Data> = messages
                .into_iter()
                .map(|bytes| Data {
                    metadata: Some(Metadata { hostname: label.clone(), ..Default::default() }),
                    bytes,
                })
                .collect();
            prop_assert_eq!(labelled, expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, sizes: Vec<u8>) {
            let sizes: Vec<usize> = sizes.into_iter().map(usize::from).collect();
            let _ = split(&bytes, &sizes, "n");
        }
    }

    #[test]
    fn a_compressed_or_gigantic_message_is_refused() {
        assert_eq!(split(b"\x01\0\0\0\0", &[], "n"), Err(Misshapen));
        assert_eq!(split(b"\0\xff\xff\xff\xff", &[], "n"), Err(Misshapen));
        assert_eq!(split(b"\0\x02\0\0\x01", &[], "n"), Err(Misshapen));
    }

    #[test]
    fn it_knows_when_a_message_is_under_way() {
        let mut splitter = Splitter::new(Bytes::new());
        let mut queue = VecDeque::new();
        for (piece, between) in [
            (&b"\0"[..], false),
            (b"\0\0\0\x02", false),
            (b"a", false),
            (b"b", true),
        ] {
            splitter
                .feed(Bytes::from_static(piece), &mut queue)
                .unwrap();
            assert_eq!(splitter.is_between_messages(), between);
        }
    }
}
