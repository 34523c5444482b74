// SPDX-License-Identifier: MPL-2.0
//! PEM: base64 between two lines that name the kind (RFC 7468).
//!
//! Owns: the text form of blocks.
//! Never: looks at what the bytes mean.

use crate::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What a block begins with.
const BEGIN: &str = "-----BEGIN ";

/// The first PEM block of `text`: its kind and its bytes. Text before and after it is ignored.
pub(crate) fn decode(text: &[u8]) -> Result<(String, Zeroizing<Vec<u8>>), Error> {
    let text = core::str::from_utf8(text).map_err(|_| Error::NotPem)?;
    let (kind, body, _) = block(text)?;
    Ok((kind.to_owned(), bytes(body)?))
}

/// The certificates of a text with any blocks, in order, in their encoding (DER). What they say is not
/// looked at. `None` when there is none, or when a block is not whole.
///
/// Blocks of other kinds, keys for example, and what stands between blocks are passed over.
#[must_use]
pub fn certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    // Between blocks people write what they want, and in any encoding.
    let text = String::from_utf8_lossy(text);
    let mut rest = text.as_ref();
    let mut found = Vec::new();
    while rest.contains(BEGIN) {
        let (kind, body, after) = block(rest).ok()?;
        if kind == "CERTIFICATE" {
            found.push(bytes(body).ok()?.to_vec());
        }
        rest = after;
    }
    (!found.is_empty()).then_some(found)
}

/// The first block of a text: its kind, what is between its lines, and what follows it.
fn block(text: &str) -> Result<(&str, &str, &str), Error> {
    let (_, after) = text.split_once(BEGIN).ok_or(Error::NotPem)?;
    let (kind, after) = after.split_once("-----").ok_or(Error::NotPem)?;
    if kind.contains('\n') {
        return Err(Error::NotPem);
    }
    let (body, after) = after.split_once("-----END ").ok_or(Error::NotPem)?;
    let after = after.strip_prefix(kind).ok_or(Error::NotPem)?;
    let after = after.strip_prefix("-----").ok_or(Error::NotPem)?;
    Ok((kind, body, after))
}

fn bytes(body: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut packed = Zeroizing::new(String::with_capacity(body.len()));
    packed.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
    let bytes = STANDARD.decode(packed.as_bytes());
    Ok(Zeroizing::new(bytes.map_err(|_| Error::NotPem)?))
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
    use super::{certificates, decode, encode};
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

    #[test]
    fn certificates_are_found_in_order_between_anything_else() {
        let block = |kind: &str, body: &str| {
            format!("-----BEGIN {kind}-----\r\n{body}\r\n-----END {kind}-----\r\n").into_bytes()
        };
        let (one, two) = (block("CERTIFICATE", "AAAA"), block("CERTIFICATE", "AQID"));
        let key = block("PRIVATE KEY", "Proc-Type: 4,ENCRYPTED");
        let text = [b"# \xe9\n", &one[..], &key, b"Issuer: x\n", &two].concat();

        assert_eq!(certificates(&text), Some(vec![vec![0; 3], vec![1, 2, 3]]));
        for bad in [
            &b""[..],
            b"# none\n",
            &key,
            &[&one[..], &block("CERTIFICATE", "A*AA")].concat(),
            &[&one[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n"].concat(),
        ] {
            assert_eq!(certificates(bad), None, "{bad:?}");
        }
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
