// SPDX-License-Identifier: MPL-2.0
//! New RSA keys.
//!
//! Owns: their length, and which programs can make them: those built with the feature `rsa`.
//! Never: signs or reads; `ring` does both.

use crate::{Error, Key};

/// As long as Talos makes them. `ring` signs with no longer ones.
#[cfg(feature = "rsa")]
const BITS: usize = 4096;

#[cfg(feature = "rsa")]
pub(crate) fn generate() -> Result<Key, Error> {
    use rsa::pkcs8::EncodePrivateKey as _;

    // It asks for bytes without a way to refuse; whether there are any is known before.
    crate::random_bytes::<1>()?;
    let made = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS)
        .map_err(|_| Error::NoRandomness)?;
    let document = made.to_pkcs8_der().map_err(|_| Error::BadKey)?;
    Key::from_pkcs8(document.as_bytes())
}

#[cfg(not(feature = "rsa"))]
pub(crate) fn generate() -> Result<Key, Error> {
    Err(Error::UnknownAlgorithm)
}
