// SPDX-License-Identifier: MPL-2.0
//! The curves of ECDSA.
//!
//! Owns: what each is called in DER, and how `ring` signs on it.
//! Never: holds a key.

use crate::der::{self, OID, SEQUENCE};
use crate::key::OID_EC_PUBLIC_KEY;
use crate::{Algorithm, Error};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaSigningAlgorithm,
};

pub(crate) const OID_ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
pub(crate) const OID_ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
pub(crate) const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// Known so that it can be refused by name: `ring` has it not.
const OID_P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// A curve that keys can be on.
pub(crate) struct Curve {
    pub(crate) algorithm: Algorithm,
    pub(crate) oid: &'static [u8],
    pub(crate) signing: &'static EcdsaSigningAlgorithm,
    /// The signatures that `signing` makes.
    pub(crate) signature: &'static [u8],
}

/// What Kubernetes and etcd have.
pub(crate) static P256: Curve = Curve {
    algorithm: Algorithm::EcdsaP256,
    oid: OID_P256,
    signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
    signature: OID_ECDSA_SHA256,
};

/// What authorities of some clusters have.
pub(crate) static P384: Curve = Curve {
    algorithm: Algorithm::EcdsaP384,
    oid: OID_P384,
    signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
    signature: OID_ECDSA_SHA384,
};

impl Curve {
    /// The curve with this name in DER.
    pub(crate) fn find(oid: &[u8]) -> Result<&'static Self, Error> {
        match oid {
            OID_P256 => Ok(&P256),
            OID_P384 => Ok(&P384),
            OID_P521 => Err(Error::UnsupportedCurve("P-521")),
            _ => Err(Error::UnknownAlgorithm),
        }
    }

    /// The `AlgorithmIdentifier` of keys on it (RFC 5480 §2.1.1).
    pub(crate) fn identifier(&self) -> Vec<u8> {
        let parts = [OID_EC_PUBLIC_KEY, self.oid].map(|oid| der::write(OID, &[oid]));
        der::write(SEQUENCE, &[&parts.concat()])
    }
}
