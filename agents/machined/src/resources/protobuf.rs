// SPDX-License-Identifier: MPL-2.0
//! Protobuf as bytes: what the fields of a spec are written with.
//!
//! Owns: tags, varints and lengths (protobuf.dev, "Encoding").
//! Never: leaves a zero out; who encodes a spec decides what is there.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;

fn raw(out: &mut Vec<u8>, mut value: u64) {
    loop {
        // The low seven bits, and whether more follow.
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn tag(out: &mut Vec<u8>, number: u32, wire: u32) {
    raw(out, u64::from(number << 3 | wire));
}

/// Writes a whole number or a flag.
pub(super) fn integer(out: &mut Vec<u8>, number: u32, value: u64) {
    tag(out, number, VARINT);
    raw(out, value);
}

/// Writes a whole number that may be below zero: in ten bytes, as `int32` and `int64` do.
pub(super) fn signed(out: &mut Vec<u8>, number: u32, value: i64) {
    integer(out, number, u64::from_le_bytes(value.to_le_bytes()));
}

/// Writes a `double`.
pub(super) fn double(out: &mut Vec<u8>, number: u32, value: f64) {
    tag(out, number, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes text or bytes.
pub(super) fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    tag(out, number, LENGTH);
    // A length is far below 2⁶⁴ on every machine there is.
    raw(out, u64::try_from(value.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(value);
}

/// Writes a message that `fill` writes.
pub(super) fn message(out: &mut Vec<u8>, number: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    bytes(out, number, &inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_documents_of_protobuf_show_them() {
        let mut out = Vec::new();
        integer(&mut out, 1, 150);
        signed(&mut out, 2, -2);
        bytes(&mut out, 16, b"ab");
        double(&mut out, 3, 1.0);
        message(&mut out, 4, |inner| integer(inner, 1, 0));

        assert_eq!(
            out,
            [
                0x08, 0x96, 0x01, // 1
                0x10, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, // 2
                0x82, 0x01, 0x02, b'a', b'b', // 16
                0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // 3
                0x22, 0x02, 0x08, 0x00, // 4
            ]
        );
    }
}
