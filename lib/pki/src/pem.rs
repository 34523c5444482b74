// SPDX-License-Identifier: MPL-2.0
//! PEM: base64 between two lines that name the kind (RFC 7468).
//!
//! Owns: the text form of one block.
//! Never: looks at what the bytes mean.

use crate::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The first PEM block of `text`: its kind and its bytes. Text before and after it is ignored.
pub(crate) fn decode(text: &[u8]) -> Result<(String, Zeroizing<Vec<u8>>), Error> {
    let text = core::str::from_utf8(text).map_err(|_| Error::NotPem)?;
    let (_, after) = text.split_once("-----BEGIN ").ok_or(Error::NotPem)?;
    let (kind, after) = after.split_once("-----").ok_or(Error::NotPem)?;
    if kind.contains('\n') {
        return Err(Error::NotPem);
    }
    let (body, after) = after.split_once("-----END ").ok_or(Error::NotPem)?;
    if !after
        .strip_prefix(kind)
        .is_some_and(|rest| rest.starts_with("-----"))
    {
        return Err(Error::NotPem);
    }
    let mut packed = Zeroizing::new(String::with_capacity(body.len()));
    packed.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
    let bytes = STANDARD
        .decode(packed.as_bytes())
        .map_err(|_| Error::NotPem)?;
    Ok((kind.to_owned(), Zeroizing::new(bytes)))
}

/// Writes one block with lines of 64 letters.
pub(crate) fn encode(kind: &str, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(STANDARD.encode(bytes));
    // Room for everything at once: a growing buffer would leave copies behind.
    let room = body.len().saturating_mul(65) / 64;
    let mut text = Zeroizing::new(Vec::with_capacity(room.saturating_add(128)));
    text.extend_from_slice(format!("-----BEGIN {kind}-----\n").as_bytes());
    for line in body.as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {kind}-----\n").as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use proptest::prelude::*;

    #[test]
    fn broken_blocks_are_refused() {
        for bad in [
            "",
            "certificate",
            "-----BEGIN X-----",
            "-----BEGIN X-----\nAAAA\n",
            "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
            "-----BEGIN X-----\nAAA\n-----END X-----\n",
            "-----BEGIN X-----\nA*AA\n-----END X-----\n",
            "-----BEGIN X\nY-----\nAAAA\n-----END X\nY-----\n",
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(decode(b"-----BEGIN X-----\n\xff\n-----END X-----\n").is_err());
    }

    proptest! {
        #[test]
        fn blocks_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = encode("THING", &bytes);
            let (kind, back) = decode(&text).unwrap();
            prop_assert_eq!(kind, "THING");
            prop_assert_eq!(&*back, &bytes);
        }
    }
}
