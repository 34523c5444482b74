// SPDX-License-Identifier: MPL-2.0
//! Puts the name of a node into reply messages without decoding them.
//!
//! Protobuf merges: a field that stands twice in a message is one field (protobuf encoding, "Last
//! One Wins"), so `common.Metadata` can be put in front of what a message has.
//!
//! Owns: the bytes of `common.Metadata`, `google.rpc.Status` and the frame of a gRPC message.
//! Never: changes what machined said, or believes a length before it checked it.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::refused::Refused;

/// The bytes in front of each gRPC message: a flag and the length.
pub(crate) const FRAME: usize = 5;

/// Field 1 with a length: `metadata` in a message, `messages` in a reply, `hostname` in metadata.
const FIELD_1: u8 = 0x0a;
/// Field 2 with a length: `error` in metadata, `message` in a status.
const FIELD_2: u8 = 0x12;
/// Field 3 with a length: `status` in metadata.
const FIELD_3: u8 = 0x1a;
/// Field 1 as a number: `code` in a status.
const FIELD_1_NUMBER: u8 = 0x08;

/// Bytes that are no reply of the shape that the table of methods promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misshapen;

/// Returns field 1, `metadata`, that names `hostname`.
pub(crate) fn name(hostname: &str) -> Bytes {
    let mut metadata = BytesMut::new();
    put_field(&mut metadata, FIELD_1, hostname.as_bytes());
    field_1(&metadata)
}

/// Returns field 1, `metadata`, that names `hostname` and says what went wrong there.
pub(crate) fn failure(hostname: &str, refused: &Refused) -> Bytes {
    let mut status = BytesMut::new();
    status.put_u8(FIELD_1_NUMBER);
    put_varint(
        &mut status,
        usize::try_from(refused.code).unwrap_or_default(),
    );
    put_field(&mut status, FIELD_2, refused.message.as_bytes());
    let mut metadata = BytesMut::new();
    put_field(&mut metadata, FIELD_1, hostname.as_bytes());
    put_field(&mut metadata, FIELD_2, refused.message.as_bytes());
    put_field(&mut metadata, FIELD_3, &status);
    field_1(&metadata)
}

/// Returns `bytes` as field 1: a message as one of the `messages` of a reply.
pub(crate) fn field_1(bytes: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(bytes.len().saturating_add(6));
    put_field(&mut out, FIELD_1, bytes);
    out.freeze()
}

/// Puts `metadata` into each of the `messages` of a reply.
pub(crate) fn label_each(reply: &[u8], metadata: &[u8]) -> Result<BytesMut, Misshapen> {
    let mut out = BytesMut::with_capacity(reply.len().saturating_add(metadata.len()));
    let mut rest = reply;
    while let Some((tag, after_tag)) = rest.split_first() {
        if *tag != FIELD_1 {
            return Err(Misshapen);
        }
        let (len, after_len) = take_varint(after_tag)?;
        let (message, after) = after_len.split_at_checked(len).ok_or(Misshapen)?;
        rest = after;
        out.put_u8(FIELD_1);
        put_varint(&mut out, message.len().saturating_add(metadata.len()));
        out.put_slice(metadata);
        out.put_slice(message);
    }
    Ok(out)
}

/// Returns the gRPC frame of `message`, which is not compressed.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    frame_of(vec![Bytes::copy_from_slice(message)])
}

/// Returns the gRPC frame of the message that is made of `parts`; each is gone when it is copied.
pub(crate) fn frame_of(parts: Vec<Bytes>) -> Bytes {
    let len = parts.iter().map(Bytes::len).sum::<usize>();
    let mut out = BytesMut::with_capacity(len.saturating_add(FRAME));
    out.put_slice(&frame_header(u32::try_from(len).unwrap_or(u32::MAX)));
    for part in parts {
        out.put_slice(&part);
    }
    out.freeze()
}

/// Returns the bytes in front of a message of `len` bytes.
pub(crate) fn frame_header(len: u32) -> [u8; FRAME] {
    let [a, b, c, d] = len.to_be_bytes();
    [0, a, b, c, d]
}

/// Reads the bytes in front of a message: its length. Compression is not expected, because apid
/// tells machined that nobody understands it.
pub(crate) fn parse_frame_header(header: [u8; FRAME]) -> Result<u32, Misshapen> {
    let [flag, a, b, c, d] = header;
    let len = u32::from_be_bytes([a, b, c, d]);
    let fits = usize::try_from(len).is_ok_and(|len| len <= api::wire::MAX_MESSAGE);
    if flag == 0 && fits {
        Ok(len)
    } else {
        Err(Misshapen)
    }
}

/// Returns the one message in `frames`.
pub(crate) fn unframe(frames: &[u8]) -> Result<&[u8], Misshapen> {
    let (header, message) = frames.split_first_chunk::<FRAME>().ok_or(Misshapen)?;
    let len = usize::try_from(parse_frame_header(*header)?).map_err(|_| Misshapen)?;
    if message.len() == len {
        Ok(message)
    } else {
        Err(Misshapen)
    }
}

fn put_field(out: &mut BytesMut, tag: u8, content: &[u8]) {
    out.put_u8(tag);
    put_varint(out, content.len());
    out.put_slice(content);
}

fn put_varint(out: &mut BytesMut, mut value: usize) {
    while value > 0x7f {
        out.put_u8(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.put_u8(u8::try_from(value).unwrap_or_default());
}

/// Reads a length; protobuf allows up to ten bytes, of which a real length never needs six.
fn take_varint(bytes: &[u8]) -> Result<(usize, &[u8]), Misshapen> {
    let mut value: usize = 0;
    let mut rest = bytes;
    for shift in [0_u32, 7, 14, 21, 28] {
        let (byte, tail) = rest.split_first().ok_or(Misshapen)?;
        rest = tail;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
    }
    Err(Misshapen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::machine::{Hostname, HostnameResponse, Memory, MemoryResponse};
    use api::wire::Code;
    use proptest::prelude::*;
    use prost::Message as _;

    fn host(hostname: &str) -> Hostname {
        Hostname {
            metadata: None,
            hostname: hostname.to_owned(),
        }
    }

    #[test]
    fn a_label_ends_up_in_each_message_and_changes_nothing_else() {
        let reply = HostnameResponse {
            messages: vec![host("a"), host(""), host("c")],
        };

        let bytes = label_each(&reply.encode_to_vec(), &name("10.0.0.2")).unwrap();

        let labelled = HostnameResponse::decode(&bytes[..]).unwrap();
        assert_eq!(labelled.messages.len(), 3);
        for (message, was) in labelled.messages.iter().zip(reply.messages) {
            assert_eq!(message.metadata.as_ref().unwrap().hostname, "10.0.0.2");
            assert_eq!(message.hostname, was.hostname);
        }
    }

    #[test]
    fn a_label_merges_with_metadata_that_is_there() {
        let metadata = api::common::Metadata {
            error: "odd".to_owned(),
            ..Default::default()
        };
        let reply = HostnameResponse {
            messages: vec![Hostname {
                metadata: Some(metadata),
                hostname: "a".to_owned(),
            }],
        };

        let bytes = label_each(&reply.encode_to_vec(), &name("node-1")).unwrap();

        let labelled = HostnameResponse::decode(&bytes[..]).unwrap();
        let metadata = labelled.messages[0].metadata.as_ref().unwrap();
        assert_eq!(
            (metadata.hostname.as_str(), metadata.error.as_str()),
            ("node-1", "odd")
        );
    }

    #[test]
    fn a_failure_is_a_message_with_an_error_and_a_status() {
        let refused = Refused::new(Code::Unavailable, "gone");

        let bytes = field_1(&failure("node-2", &refused));

        let reply = MemoryResponse::decode(&bytes[..]).unwrap();
        let Memory { metadata, meminfo } = &reply.messages[0];
        let metadata = metadata.as_ref().unwrap();
        let status = metadata.status.as_ref().unwrap();
        assert_eq!(meminfo, &None);
        assert_eq!(
            (metadata.hostname.as_str(), metadata.error.as_str()),
            ("node-2", "gone")
        );
        assert_eq!((status.code, status.message.as_str()), (14, "gone"));
    }

    #[test]
    fn a_reply_of_another_shape_is_refused() {
        let bad: &[&[u8]] = &[
            &[0x0a],
            &[0x0a, 0x05, 1, 2],
            &[0x12, 0x00],
            &[0x08, 0x01],
            &[0x0a, 0x80],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[0x0a, 0x00, 0x0a],
        ];
        for bytes in bad {
            assert_eq!(label_each(bytes, &name("n")), Err(Misshapen), "{bytes:?}");
        }
        assert!(label_each(&[], &name("n")).unwrap().is_empty());
    }

    #[test]
    fn a_frame_is_one_whole_uncompressed_message() {
        assert_eq!(unframe(&frame(b"abc")), Ok(&b"abc"[..]));
        let bad: &[&[u8]] = &[
            b"",
            b"\0\0\0\0",
            b"\0\0\0\0\x02a",
            b"\0\0\0\0\0a",
            b"\x01\0\0\0\x01a",
            b"\0\xff\xff\xff\xff",
        ];
        for bytes in bad {
            assert_eq!(unframe(bytes), Err(Misshapen), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, hostname in ".{0,300}") {
            let _ = label_each(&bytes, &name(&hostname));
            let _ = unframe(&bytes);
        }

        #[test]
        fn any_reply_keeps_its_messages(names: Vec<String>, hostname in ".{0,300}") {
            let reply = HostnameResponse { messages: names.iter().map(|n| host(n)).collect() };
            let bytes = label_each(&reply.encode_to_vec(), &name(&hostname)).unwrap();
            let labelled = HostnameResponse::decode(&bytes[..]).unwrap();
            let kept: Vec<_> = labelled.messages.iter().map(|m| m.hostname.clone()).collect();
            prop_assert_eq!(kept, names);
        }
    }
}
