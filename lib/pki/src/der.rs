// SPDX-License-Identifier: MPL-2.0
//! DER, as far as X.509 needs it.
//!
//! Owns: tags and lengths (X.690 §8.1, §10.1).
//! Never: reads past its slice, recurses, or accepts a length in a longer form than needed.

use crate::Error;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The context tag `[number]`, constructed.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One element: its tag, what is in it, and all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Takes elements off the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// What is read, for the error.
    part: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { rest: bytes, part }
    }

    /// Reads `bytes` as exactly one element of kind `tag`, and enters it.
    pub(crate) fn open(bytes: &'a [u8], tag: u8, part: &'static str) -> Result<Self, Error> {
        let mut outer = Self::new(bytes, part);
        let inner = outer.enter(tag)?;
        outer.finish()?;
        Ok(inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn element(&mut self) -> Result<Element<'a>, Error> {
        let bad = Error::BadDer(self.part);
        let [tag, first, after @ ..] = self.rest else {
            return Err(bad);
        };
        let (len, after) = match *first {
            short @ 0..=0x7f => (usize::from(short), after),
            long @ 0x81..=0x83 => {
                let (digits, after) = after
                    .split_at_checked(usize::from(long & 0x0f))
                    .ok_or(bad.clone())?;
                let len = digits
                    .iter()
                    .fold(0usize, |sum, d| (sum << 8) | usize::from(*d));
                // DER: the shortest form only.
                if len < 0x80 || digits.first() == Some(&0) {
                    return Err(bad);
                }
                (len, after)
            }
            _ => return Err(bad),
        };
        // Tags above 30 take more bytes; X.509 has none.
        if tag & 0x1f == 0x1f {
            return Err(bad);
        }
        let (content, rest) = after.split_at_checked(len).ok_or(bad.clone())?;
        let used = self.rest.len().saturating_sub(rest.len());
        let whole = self.rest.get(..used).ok_or(bad)?;
        self.rest = rest;
        Ok(Element {
            tag: *tag,
            content,
            whole,
        })
    }

    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Error> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element.content)
        } else {
            Err(Error::BadDer(self.part))
        }
    }

    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self, Error> {
        Ok(Self {
            rest: self.expect(tag)?,
            part: self.part,
        })
    }

    /// Enters the next element if it is a `tag`, else leaves it.
    pub(crate) fn enter_optional(&mut self, tag: u8) -> Result<Option<Self>, Error> {
        if self.peek() == Some(tag) {
            self.enter(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A bit string of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], Error> {
        match self.expect(BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Error::BadDer(self.part)),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::BadDer(self.part))
        }
    }
}

/// Writes one element whose content is `parts` in a row.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let digits = len.to_be_bytes();
    let digits: &[u8] = digits
        .iter()
        .position(|d| *d != 0)
        .and_then(|at| digits.get(at..))
        .unwrap_or(&[]);
    let mut out = Vec::with_capacity(len.saturating_add(8));
    out.push(tag);
    if len < 0x80 {
        out.push(digits.first().copied().unwrap_or(0));
    } else {
        // At most 8 digits, so this cannot wrap.
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
        out.extend_from_slice(digits);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Writes a bit string of whole bytes.
pub(crate) fn write_bits(bytes: &[u8]) -> Vec<u8> {
    write(BIT_STRING, &[&[0], bytes])
}

#[cfg(test)]
mod tests {
    use super::{OCTET_STRING, Reader, SEQUENCE, write};
    use proptest::prelude::*;

    #[test]
    fn lengths_of_all_forms_round_trip() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let content = vec![7u8; len];
            let bytes = write(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&bytes, "test");

            assert_eq!(reader.expect(OCTET_STRING).unwrap(), content);
            assert!(reader.finish().is_ok());
        }
    }

    #[test]
    fn truncated_overlong_and_indefinite_lengths_are_refused() {
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x01],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 0x01, 0x00],
            &[0x30, 0x82, 0x00, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x83, 0xff, 0xff, 0xff],
            &[0x3f, 0x81, 0x00],
        ] {
            assert!(Reader::open(bad, SEQUENCE, "test").is_err(), "{bad:?}");
        }
        assert!(
            Reader::open(&[0x30, 0, 0], SEQUENCE, "test").is_err(),
            "trailing byte"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes, "test");
            while let Ok(element) = reader.element() {
                prop_assert!(element.whole.ends_with(element.content));
            }
        }
    }
}
