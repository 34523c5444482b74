// SPDX-License-Identifier: MPL-2.0
//! Targets: what machined reads that comes from outside of the node, or from its disk.
//!
//! Owns: what holds for any bytes from a time server, in META, or in the filter of a capture.
//! Never: expects an input to be taken.

use std::collections::BTreeMap;

use api::machine::PacketCaptureRequest;
use machined::outside;
use prost::Message as _;

use crate::Target;

/// What our question to a time server had in it, and when it was asked.
const COOKIE: [u8; 8] = *b"question";
const ASKED_AT: i128 = 1_790_000_000_000_000_000;
const TOOK: i128 = 20_000_000;

/// Answers of time servers: one that is not to our question never counts, and one that counts says
/// how far its clock is from ours, wherever ours stands.
pub const NTP: Target = Target {
    name: "ntp-answer",
    seeds: &[
        // Times of small numbers are of the time after 2036.
        "\x24\x02\x06\x20\0\0\x01\0\0\0\x02\0GPS\0\0\0\0\0\0\0\0\0question\x01\x02\x03\x04\0\0\0\0\x01\x02\x03\x04\0\0\x10\0",
        "\x1c\x01\x06\x20\0\0\0\0\0\0\0\0PPS\0\x10\0\0\0\0\0\0\0question\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
        "\x24\0\x06\x20\0\0\0\0\0\0\0\0RATE\0\0\0\0\0\0\0\0question\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ],
    words: &[
        "question", "\0", "\0\0\0\0", "\x24", "\x64", "\x02", "\x10", "DENY", "\x1b[2J", "\x7f",
    ],
    run: |input| {
        let whole = input.len() >= 48 && input.get(24..32) == Some(&COOKIE[..]);
        let ahead = outside::ntp_offset(input, COOKIE, ASKED_AT, TOOK);
        match &ahead {
            Ok(_) => assert!(whole, "an answer to another question counts"),
            Err(reason) => assert!(
                reason.len() < 128 && reason.chars().all(|letter| !letter.is_control()),
                "{reason:?}"
            ),
        }
        let second = 1_000_000_000;
        let later = outside::ntp_offset(input, COOKIE, ASKED_AT.saturating_add(second), TOOK);
        assert_eq!(
            ahead.map(|ahead| ahead.saturating_sub(second)),
            later,
            "a clock that is a second further is a second less behind"
        );
    },
};

const RECORDS: &[&str] = &[
    "\0\0\0\x0a\0\0\0\x03foo\0\0\0\x06\0\0\0\0\0\0\0\x0d\0\0\0\x05a;b=c",
    "\x0a\x03foo\x06\0\x0d\x05a;b=c",
];
const RECORD_WORDS: &[&str] = &[
    "\0",
    "\0\0\0\0",
    "\0\0\0\x0a\0\0\0\x03foo",
    "\0\0\0\x0a",
    "\0\0\x01\0",
    "\x7f\x7f\x7f\x7f",
    "\0\x04\0\0",
    "\x0a\x03foo",
    "\x7f",
];

/// META: what is read is what would be written, and a copy with one byte changed does not count.
pub const META: Target = Target {
    name: "meta-copy",
    seeds: RECORDS,
    words: RECORD_WORDS,
    run: |input| {
        if input.len() < outside::META_COPY {
            assert!(outside::meta_values(input).is_err());
        }
        let mut copy = outside::meta_sealed(input);
        assert_eq!(copy.len(), outside::META_COPY);
        if let Ok(values) = outside::meta_values(&copy) {
            agree(&values, input);
            let written = outside::meta_copy(&values).map(|copy| outside::meta_values(&copy));
            assert_eq!(written, Some(Ok(values)));
        }
        let at = input.first().map_or(0, |byte| usize::from(*byte));
        if let Some(byte) = copy.get_mut(at) {
            *byte ^= 1;
        }
        assert!(outside::meta_values(&copy).is_err());
    },
};

/// The old form of META: what is read is from these bytes, and fits into the new form.
pub const META_OLD: Target = Target {
    name: "meta-old-copy",
    seeds: RECORDS,
    words: RECORD_WORDS,
    run: |input| {
        let copy = old_sealed(input);
        assert_eq!(copy.len(), outside::META_OLD_COPY);
        if let Ok(values) = outside::meta_old_values(&copy) {
            agree(&values, input);
            assert!(outside::meta_copy(&values).is_some());
        }
        assert!(outside::meta_old_values(input).is_err());
    },
};

/// No value has a key that ends the list, and none is longer than what it was read from.
fn agree(values: &BTreeMap<u8, Vec<u8>>, records: &[u8]) {
    assert!(!values.contains_key(&0));
    // What follows the records are zeros, of which a value may have some.
    for value in values.values() {
        let text = value.iter().rposition(|byte| *byte != 0);
        assert!(text.is_none_or(|end| end < records.len()));
    }
}

/// A copy of the old form around records: two magic numbers, and words that have a sum.
fn old_sealed(records: &[u8]) -> Vec<u8> {
    let mut words: Vec<u8> = records.iter().copied().take(500).collect();
    words.resize(500, 0);
    let (chunks, _none) = words.as_chunks::<4>();
    let numbers = chunks.iter().map(|chunk| u32::from_le_bytes(*chunk));
    let sum = numbers.fold(0xa304_1767_u32, u32::wrapping_sub);
    let mut copy = 0x5a2d_2fa5_u32.to_le_bytes().to_vec();
    copy.extend(sum.to_le_bytes());
    copy.extend(words);
    copy.extend(0xdd28_bf64_u32.to_le_bytes());
    copy
}

/// Filters of captures: what the kernel is given is what came, within its numbers.
pub const FILTER: Target = Target {
    name: "capture-filter",
    // `interface`, `promiscuous`, `snap_len`, and instructions of op, jt, jf, k.
    seeds: &[
        "\x0a\x04eth0\x10\x01\x18\x40\x22\x04\x08\x28\x20\x0c\x22\x08\x08\x15\x10\x01\x18\x02\x20\x08\x22\x04\x08\x06\x20\x40\x22\x02\x08\x06",
        "\x0a\x02lo",
    ],
    words: &[
        "\x22\x04\x08\x28\x20\x0c",
        "\x22\x02\x08\x06",
        "\x22\0",
        "\x08\x7f",
        "\x10\x01",
        "\x18\x7f",
        "\x20\x7f",
        "\x0a\x02lo",
        "\0",
    ],
    run: |input| {
        let Ok(request) = PacketCaptureRequest::decode(input) else {
            return;
        };
        let fits = |instruction: &api::machine::BpfInstruction| {
            u16::try_from(instruction.op).is_ok() && instruction.jt <= 255 && instruction.jf <= 255
        };
        let count = request.bpf_filter.len();
        let good =
            count <= 4096 && request.snap_len <= 256 * 1024 && request.bpf_filter.iter().all(fits);
        match outside::capture_filter(request) {
            Ok(taken) => assert!(good && taken == count),
            Err(status) => assert!(
                !good
                    && status.code() == tonic::Code::InvalidArgument
                    && status.message().len() < 256,
                "{status}"
            ),
        }
    },
};
