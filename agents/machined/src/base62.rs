// SPDX-License-Identifier: MPL-2.0
//! Bytes as letters and digits, as the documents write a node's identity.
//!
//! Six bits make one letter, from the end on; the two values that sixty-two letters leave out, whose
//! middle four bits are all set, use up five.
//!
//! Owns: both directions.
//! Never: says how many bytes there have to be.

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The bits that are all set in what is left out.
const LEFT_OUT: u8 = 0b1_1110;

/// Writes bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        u8::from(byte & (0x80 >> (at % 8)) != 0)
    };
    let mut text = String::new();
    let mut end = bytes.len().saturating_mul(8);
    while end > 0 {
        let mut start = end.saturating_sub(6);
        let mut value = (start..end).fold(0_u8, |value, at| value << 1 | bit(at));
        if value & LEFT_OUT == LEFT_OUT {
            if start > 0 || value > 0b1_1111 {
                start = start.saturating_add(1);
            }
            value &= 0b1_1111;
        }
        end = start;
        let letter = LETTERS.get(usize::from(value)).copied();
        text.push(char::from(letter.unwrap_or(b'A')));
    }
    text
}

/// Reads bytes from text; `None` for a letter that is none of the sixty-two. What the last letter has
/// beyond the last byte is zero in all that [`encode`] wrote, and is left out.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // What is not a byte yet: at most seven bits, and six come.
    let (mut bits, mut len) = (0_u16, 0_u32);
    for (at, letter) in (1_usize..).zip(text.bytes()) {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        let value = u8::try_from(value).ok()?;
        bits |= u16::from(value).wrapping_shl(len);
        len = len.saturating_add(match value {
            last if at == text.len() => u8::BITS.saturating_sub(last.leading_zeros()),
            short if short & LEFT_OUT == LEFT_OUT => 5,
            _full => 6,
        });
        let [byte, above] = bits.to_le_bytes();
        if len >= u8::BITS {
            bytes.push(byte);
            bits = u16::from(above);
            len = len.saturating_sub(u8::BITS);
        }
    }
    let [byte, _none] = bits.to_le_bytes();
    if len > 0 {
        bytes.push(byte);
    }
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn bits_are_taken_from_the_end() {
        // 0b000001 is B; 0b011110 and 0b111111 are left out and use five bits.
        assert_eq!(encode(&[0b0000_0001]), "BA");
        assert_eq!(encode(&[0b0000_1111]), "PA");
        assert_eq!(encode(&[0b0001_1110]), "eA");
        assert_eq!(encode(&[0b1111_1111]), "fH");
        assert_eq!(encode(&[]), "");
    }

    #[test]
    fn other_letters_are_refused_and_a_short_text_is_few_bytes() {
        assert_eq!(decode("a/b"), None);
        assert_eq!(decode("ä"), None);
        assert_eq!(decode(""), Some(Vec::new()));
        assert_eq!(decode("B"), Some(vec![1]));
    }

    proptest! {
        #[test]
        fn an_identity_is_read_as_it_was_written(bytes in any::<[u8; 32]>()) {
            assert_eq!(decode(&encode(&bytes)), Some(bytes.to_vec()));
        }
    }
}
