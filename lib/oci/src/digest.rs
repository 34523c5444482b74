// SPDX-License-Identifier: MPL-2.0
//! Digests: what says that a blob is the one that was meant.
//!
//! Owns: SHA-256 as registries write it.
//! Never: takes another algorithm; `sha512` would have to be wanted by somebody first.

use std::fmt;

use ring::digest::{Context, SHA256};

/// The bytes of a SHA-256.
const LEN: usize = 32;

/// A `sha256:<64 hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; LEN]);

impl Digest {
    /// Reads one as manifests have it. `None` for anything else, capital letters too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        if hex.len() != LEN.saturating_mul(2) {
            return None;
        }
        let mut bytes = [0; LEN];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Some(Self(bytes))
    }

    /// The digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = Sum::new();
        sum.add(bytes);
        sum.finish()
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

fn nibble(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(letter.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A digest that is made piece by piece.
#[derive(Clone)]
pub struct Sum(Context);

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sum")
    }
}

impl Sum {
    /// Begins with nothing.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a sum is begun on purpose")]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut bytes = [0; LEN];
        let sum = self.0.finish();
        for (byte, of_sum) in bytes.iter_mut().zip(sum.as_ref()) {
            *byte = *of_sum;
        }
        Digest(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_as_it_prints_and_nothing_else_is_one() {
        // FIPS 180-4, example of one block.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(Digest::parse(text), Some(Digest::of(b"abc")));
        for wrong in [
            "",
            "sha256:",
            &text[..70],
            &format!("{text}0"),
            &text.to_uppercase(),
            &text.replace("ba", "BA"),
            &text.replace("sha256", "sha512"),
            &text.replace("ba7", "+a7"),
        ] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }
}
