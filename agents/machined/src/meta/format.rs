// SPDX-License-Identifier: MPL-2.0
//! The bytes of the META partition, as the documents' system writes them.
//!
//! Two copies of one block of 256 KiB, each with a checksum over all of it. They are written one
//! after the other, the first one first, so a first copy that is whole is never older than the
//! second: their order does what a generation would do.
//!
//! Owns: both forms, the one that is written and the old one that is only read.
//! Never: opens anything.

use std::collections::BTreeMap;
use std::fmt;

use ring::digest::{SHA256, digest};

/// One copy, in bytes.
pub const COPY: usize = 256 * 1024;
/// One copy of the old form.
pub const OLD_COPY: usize = 512;
/// What all records of a copy may take, in bytes.
pub(super) const RECORDS_MAX: usize = COPY - FRAME;
/// The magic numbers and the checksum.
const FRAME: usize = 40;
/// The key and the length before a value, in bytes.
const RECORD_HEAD: usize = 8;

const MAGIC_FIRST: u32 = 0x5a4b_3c2d;
const MAGIC_LAST: u32 = 0xa5b4_c3d2;
const OLD_MAGIC_FIRST: u32 = 0x5a2d_2fa5;
const OLD_MAGIC_LAST: u32 = 0xdd28_bf64;
/// The sum that the words of the old form and their checksum have together.
const OLD_SUM: u32 = 0xa304_1767;

/// Values by key. 0 is no key: it ends the list.
pub(crate) type Values = BTreeMap<u8, Vec<u8>>;

/// The values take more room than a copy has; how much, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong(pub usize);

/// Why a copy does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It is not of this form: nothing was ever written, or something else.
    Foreign,
    /// It was not written to its end, or changed afterwards.
    Checksum,
    /// What it says does not fit in it.
    Records,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "not META",
            Self::Checksum => "wrong checksum",
            Self::Records => "records that do not fit",
        })
    }
}

/// How much room values take, in bytes.
pub(super) fn room(values: &Values) -> usize {
    values.values().fold(0, |sum, value| {
        sum.saturating_add(RECORD_HEAD).saturating_add(value.len())
    })
}

/// Writes a copy.
///
/// # Errors
/// The values are too long.
pub(crate) fn emit(values: &Values) -> Result<Vec<u8>, TooLong> {
    let too_long = TooLong(room(values));
    if too_long.0 > RECORDS_MAX {
        return Err(too_long);
    }
    let mut records = Vec::with_capacity(too_long.0);
    for (key, value) in values {
        let len = u32::try_from(value.len()).map_err(|_| too_long)?;
        records.extend(u32::from(*key).to_be_bytes());
        records.extend(len.to_be_bytes());
        records.extend(value);
    }
    Ok(seal(&records))
}

/// Writes a copy around records; what there is no room for is cut off.
pub(crate) fn seal(records: &[u8]) -> Vec<u8> {
    let mut copy = Vec::with_capacity(COPY);
    copy.extend(MAGIC_FIRST.to_be_bytes());
    copy.extend(records.iter().take(RECORDS_MAX));
    copy.resize(COPY.saturating_sub(4), 0);
    copy.extend(MAGIC_LAST.to_be_bytes());
    let sum = checksum(&copy);
    if let Some(place) = copy.get_mut(CHECKSUM) {
        place.copy_from_slice(&sum);
    }
    copy
}

/// Where the checksum stands; it counts as zeros.
const CHECKSUM: std::ops::Range<usize> = COPY - 36..COPY - 4;

/// The SHA-256 of a copy whose checksum is zero.
fn checksum(copy: &[u8]) -> [u8; 32] {
    let sum = digest(&SHA256, copy);
    sum.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Reads a copy.
///
/// # Errors
/// It does not count.
pub(crate) fn parse(copy: &[u8]) -> Result<Values, Bad> {
    let copy: &[u8; COPY] = copy.first_chunk().ok_or(Bad::Foreign)?;
    let (first, rest) = copy.split_first_chunk::<4>().ok_or(Bad::Foreign)?;
    let (rest, last) = rest.split_last_chunk::<4>().ok_or(Bad::Foreign)?;
    if u32::from_be_bytes(*first) != MAGIC_FIRST || u32::from_be_bytes(*last) != MAGIC_LAST {
        return Err(Bad::Foreign);
    }
    let (records, sum) = rest.split_last_chunk::<32>().ok_or(Bad::Foreign)?;
    let mut unsigned = copy.to_vec();
    if let Some(place) = unsigned.get_mut(CHECKSUM) {
        place.fill(0);
    }
    if checksum(&unsigned) != *sum {
        return Err(Bad::Checksum);
    }
    let mut values = Values::new();
    let mut rest = records;
    // What is too short for another record ends the list, as key 0 does.
    while let Some((key, after)) = rest.split_first_chunk::<4>() {
        let key = u32::from_be_bytes(*key);
        if key == 0 {
            break;
        }
        let (len, after) = after.split_first_chunk::<4>().ok_or(Bad::Records)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| Bad::Records)?;
        let (value, after) = after.split_at_checked(len).ok_or(Bad::Records)?;
        let key = u8::try_from(key).map_err(|_| Bad::Records)?;
        values.entry(key).or_insert_with(|| value.to_vec());
        rest = after;
    }
    Ok(values)
}

/// Reads a copy of the old form: little-endian, records with a byte for their length.
///
/// # Errors
/// It does not count.
pub(crate) fn parse_old(copy: &[u8]) -> Result<Values, Bad> {
    let copy: &[u8; OLD_COPY] = copy.first_chunk().ok_or(Bad::Foreign)?;
    let (first, rest) = copy.split_first_chunk::<4>().ok_or(Bad::Foreign)?;
    let (sum, rest) = rest.split_first_chunk::<4>().ok_or(Bad::Foreign)?;
    let (records, last) = rest.split_last_chunk::<4>().ok_or(Bad::Foreign)?;
    if u32::from_le_bytes(*first) != OLD_MAGIC_FIRST || u32::from_le_bytes(*last) != OLD_MAGIC_LAST
    {
        return Err(Bad::Foreign);
    }
    let (words, _none) = records.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_le_bytes(*word));
    let total = words.fold(u32::from_le_bytes(*sum), u32::wrapping_add);
    if total != OLD_SUM {
        return Err(Bad::Checksum);
    }
    let mut values = Values::new();
    let mut rest = records;
    while let [key, after @ ..] = rest {
        if *key == 0 {
            break;
        }
        let [len, after @ ..] = after else {
            return Err(Bad::Records);
        };
        let (value, after) = after
            .split_at_checked(usize::from(*len))
            .ok_or(Bad::Records)?;
        values.entry(*key).or_insert_with(|| value.to_vec());
        rest = after;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(of: &[(u8, &[u8])]) -> Values {
        let of = of.iter().map(|(key, value)| (*key, value.to_vec()));
        of.collect()
    }

    /// Signs a copy anew whose records were changed.
    fn signed(mut copy: Vec<u8>) -> Vec<u8> {
        copy[CHECKSUM].fill(0);
        let sum = checksum(&copy);
        copy[CHECKSUM].copy_from_slice(&sum);
        copy
    }

    #[test]
    fn a_copy_is_laid_out_as_the_documents_say() {
        let copy = emit(&values(&[(0x0a, b"foo")])).unwrap();

        assert_eq!(copy.len(), COPY);
        assert_eq!(
            copy[..19],
            *b"\x5a\x4b\x3c\x2d\0\0\0\x0a\0\0\0\x03foo\0\0\0\0"
        );
        assert_eq!(copy[COPY - 4..], [0xa5, 0xb4, 0xc3, 0xd2]);
        let mut unsigned = copy.clone();
        unsigned[COPY - 36..COPY - 4].fill(0);
        assert_eq!(copy[COPY - 36..COPY - 4], checksum(&unsigned));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_is_read(values in proptest::collection::btree_map(
            1..=u8::MAX, proptest::collection::vec(any::<u8>(), 0..300), 0..40)) {
            prop_assert_eq!(parse(&emit(&values).unwrap()), Ok(values));
        }

        #[test]
        fn no_bytes_harm_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(parse(&bytes).is_err());
            let mut old = bytes;
            old.resize(OLD_COPY, 0);
            old[..4].copy_from_slice(&OLD_MAGIC_FIRST.to_le_bytes());
            old[508..].copy_from_slice(&OLD_MAGIC_LAST.to_le_bytes());
            let _read = parse_old(&old);
            let _read = parse_old(&summed(old));
        }
    }

    #[test]
    fn a_copy_that_was_changed_anywhere_does_not_count() {
        let good = emit(&values(&[(7, b"seven"), (8, b"")])).unwrap();
        assert!(parse(&good).is_ok());
        for at in [0, 3, 4, 12, 20, COPY / 2, COPY - 37, COPY - 36, COPY - 1] {
            let mut copy = good.clone();
            copy[at] ^= 1;
            assert!(parse(&copy).is_err(), "{at}");
        }
        assert_eq!(parse(&good[..COPY - 1]), Err(Bad::Foreign));
        assert_eq!(parse(&[0; COPY]), Err(Bad::Foreign));
    }

    #[test]
    fn records_that_do_not_fit_or_have_no_key_of_ours_do_not_count() {
        let mut long = emit(&values(&[(7, b"seven")])).unwrap();
        long[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(parse(&signed(long)), Err(Bad::Records));
        let mut key = emit(&values(&[(7, b"seven")])).unwrap();
        key[4..8].copy_from_slice(&256_u32.to_be_bytes());
        assert_eq!(parse(&signed(key)), Err(Bad::Records));
    }

    #[test]
    fn a_copy_holds_as_much_as_it_has_room_for_and_no_byte_more() {
        let fits = values(&[(1, &vec![b'x'; RECORDS_MAX - RECORD_HEAD])]);
        assert_eq!(parse(&emit(&fits).unwrap()), Ok(fits.clone()));
        let mut more = fits;
        more.get_mut(&1).unwrap().push(b'x');
        assert_eq!(emit(&more), Err(TooLong(RECORDS_MAX + 1)));
    }

    /// Gives a copy of the old form its checksum.
    fn summed(mut copy: Vec<u8>) -> Vec<u8> {
        let (words, _) = copy[8..508].as_chunks::<4>();
        let words = words.iter().map(|word| u32::from_le_bytes(*word));
        let sum = OLD_SUM.wrapping_sub(words.fold(0, u32::wrapping_add));
        copy[4..8].copy_from_slice(&sum.to_le_bytes());
        copy
    }

    #[test]
    fn the_old_form_is_read() {
        let mut copy = vec![0; OLD_COPY];
        copy[..4].copy_from_slice(&OLD_MAGIC_FIRST.to_le_bytes());
        copy[8..15].copy_from_slice(b"\x0a\x03foo\x06\x00");
        copy[508..].copy_from_slice(&OLD_MAGIC_LAST.to_le_bytes());

        assert_eq!(parse_old(&copy), Err(Bad::Checksum));
        let copy = summed(copy);
        assert_eq!(parse_old(&copy), Ok(values(&[(0x0a, b"foo"), (6, b"")])));
        assert_eq!(parse_old(&copy[1..]), Err(Bad::Foreign));
    }
}
