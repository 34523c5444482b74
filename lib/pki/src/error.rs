// SPDX-License-Identifier: MPL-2.0
//! What can be wrong with a key or a certificate.
//!
//! Owns: the one error of this crate.
//! Never: carries key material.

use core::fmt;

/// Why a key or a certificate could not be read, made or used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The text is not PEM.
    NotPem,
    /// The PEM block is of another kind than was asked for.
    WrongPemKind {
        /// What the block says it is.
        found: String,
    },
    /// The bytes are not the DER they should be; names the part.
    BadDer(&'static str),
    /// The key or signature algorithm is none that we know.
    UnknownAlgorithm,
    /// The key is on a curve that cannot be used here; names it.
    UnsupportedCurve(&'static str),
    /// The key is damaged, or its public half is missing or wrong.
    BadKey,
    /// The private key does not belong to the certificate.
    KeyMismatch,
    /// The signature was not made by the key beside it, or the bytes were changed since.
    BadSignature,
    /// The certificate may not sign others.
    NotAnAuthority,
    /// A name cannot stand in a certificate.
    BadName(String),
    /// A date lies outside of the years that X.509 can express.
    TimeOutOfRange,
    /// The system gave no random bytes.
    NoRandomness,
    /// The key cannot make signatures here.
    CannotSign,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPem => f.write_str("not PEM"),
            Self::WrongPemKind { found } => write!(f, "unexpected PEM block {found:?}"),
            Self::BadDer(part) => write!(f, "damaged {part}"),
            Self::UnknownAlgorithm => f.write_str("unknown key algorithm"),
            Self::UnsupportedCurve(name) => {
                write!(
                    f,
                    "keys on {name} cannot be used, those on P-256 and P-384 can"
                )
            }
            Self::BadKey => f.write_str("damaged private key"),
            Self::KeyMismatch => f.write_str("the key does not belong to the certificate"),
            Self::BadSignature => f.write_str("the signature does not fit"),
            Self::NotAnAuthority => f.write_str("the certificate is not a certificate authority"),
            Self::BadName(name) => write!(f, "{name:?} cannot stand in a certificate"),
            Self::TimeOutOfRange => f.write_str("the date is out of range"),
            Self::NoRandomness => f.write_str("no random bytes from the system"),
            Self::CannotSign => f.write_str("the key cannot sign"),
        }
    }
}

impl std::error::Error for Error {}
