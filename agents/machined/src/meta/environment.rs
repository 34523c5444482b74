// SPDX-License-Identifier: MPL-2.0
//! META of a machine that has no partition for it yet, from its kernel's command line:
//! `talos.environment=INSTALLER_META_BASE64=…`.
//!
//! Owns: that form: `0x<key>=<value>` pairs with `;` between, gzipped or not, in base64.
//! Never: keeps a part of what cannot be read as a whole.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

use super::format::{RECORDS_MAX, Values, room};

/// The name of the variable.
pub(super) const NAME: &str = "INSTALLER_META_BASE64";
/// How a gzip stream begins (RFC 1952 §2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Reads the variable's value.
///
/// # Errors
/// It is not of that form; why.
pub(super) fn parse(text: &str) -> Result<Values, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let bytes = if bytes.starts_with(GZIP) {
        let limit = u64::try_from(RECORDS_MAX)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let mut unpacked = Vec::new();
        let read = GzDecoder::new(&bytes[..])
            .take(limit)
            .read_to_end(&mut unpacked);
        read.map_err(|error| error.to_string())?;
        unpacked
    } else {
        bytes
    };
    if bytes.len() > RECORDS_MAX {
        return Err(format!("it is longer than {RECORDS_MAX} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let mut values = Values::new();
    let mut last = None;
    for piece in text.split(';') {
        if let Some((key, value)) = pair(piece) {
            if key == 0 {
                return Err("0x0 is no key".to_owned());
            }
            values.insert(key, value.as_bytes().to_vec());
            last = Some(key);
        } else if let Some(value) = last.and_then(|key| values.get_mut(&key)) {
            // A value may hold a `;` itself.
            value.push(b';');
            value.extend(piece.as_bytes());
        } else if !piece.is_empty() {
            return Err("it does not begin with 0x<key>=".to_owned());
        }
    }
    if room(&values) > RECORDS_MAX {
        return Err(format!("its values take more than {RECORDS_MAX} bytes"));
    }
    Ok(values)
}

fn pair(piece: &str) -> Option<(u8, &str)> {
    let (key, value) = piece.split_once('=')?;
    let digits = key.strip_prefix("0x")?;
    Some((u8::from_str_radix(digits, 16).ok()?, value))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    #[test]
    fn meta_10_the_sample_of_the_documents_is_read() {
        let values = parse("MHhhPWZvbw==").unwrap();

        assert_eq!(values, Values::from([(0x0a, b"foo".to_vec())]));
    }

    #[test]
    fn several_values_are_read_packed_too_and_one_may_hold_what_separates_them() {
        let text = b"0xa=a: b; c=d\ne: f;0x0c=;0x10=t=1";
        let expected = Values::from([
            (0x0a, b"a: b; c=d\ne: f".to_vec()),
            (0x0c, Vec::new()),
            (0x10, b"t=1".to_vec()),
        ]);

        assert_eq!(parse(&STANDARD.encode(text)).unwrap(), expected);
        assert_eq!(parse(&packed(text)).unwrap(), expected);
        assert_eq!(parse("").unwrap(), Values::new());
    }

    #[test]
    fn what_is_of_another_form_is_refused_as_a_whole() {
        let bomb = packed(&vec![b'x'; 4 * RECORDS_MAX]);
        for text in [
            "!",
            "Zm9v",
            "H4sIAAAA",
            &bomb,
            &STANDARD.encode(b"0x0=a"),
            &STANDARD.encode(b"\xff"),
        ] {
            assert!(parse(text).is_err(), "{text:.40}");
        }
    }
}
