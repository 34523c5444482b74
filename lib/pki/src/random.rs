// SPDX-License-Identifier: MPL-2.0
//! Random bytes and tokens.
//!
//! Owns: the form of bootstrap tokens.
//! Never: falls back to a weaker source.

use crate::Error;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// Returns `N` random bytes of the system.
pub fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0u8; N]);
    SystemRandom::new()
        .fill(bytes.as_mut())
        .map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

/// Returns a token of the form `[0-9a-z]{6}.[0-9a-z]{16}`.
pub fn random_token() -> Result<String, Error> {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // Bytes from here on would make the first characters of the alphabet likelier than the others.
    const FAIR_MAX: u8 = 252;
    let mut token = String::with_capacity(23);
    while token.len() < 23 {
        if token.len() == 6 {
            token.push('.');
        }
        let [byte] = *random_bytes::<1>()?;
        if byte < FAIR_MAX
            && let Some(letter) = ALPHABET.get(usize::from(byte % 36))
        {
            token.push(char::from(*letter));
        }
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::random_token;

    #[test]
    fn tokens_have_six_and_sixteen_letters_and_differ() {
        let token = random_token().unwrap();

        let (id, secret) = token.split_once('.').unwrap();
        assert_eq!((id.len(), secret.len()), (6, 16));
        assert!(
            token
                .bytes()
                .all(|b| b == b'.' || b.is_ascii_digit() || b.is_ascii_lowercase())
        );
        assert_ne!(token, random_token().unwrap());
    }
}
