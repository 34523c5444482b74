// SPDX-License-Identifier: MPL-2.0
//! Private keys and the signatures they make.
//!
//! Owns: the forms a key has in PEM and DER.
//! Never: shows a key, or keeps one in memory that is not wiped.

use crate::curve::{Curve, P256, P384};
use crate::der::{self, INTEGER, NULL, OCTET_STRING, OID, Reader, SEQUENCE, context};
use crate::{Error, Secret, pem, random_bytes};
use core::fmt;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA512, RsaKeyPair};
use zeroize::Zeroizing;

pub(crate) const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(crate) const OID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(crate) const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub(crate) const OID_RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];

const PART: &str = "private key";

/// The kinds of keys we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519: the machine CA and everything below it.
    Ed25519,
    /// ECDSA on P-256 with SHA-256: Kubernetes and etcd.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384: used when a cluster brings it along.
    EcdsaP384,
    /// RSA with SHA-512: read and used when a cluster brings it along; made by the command line.
    Rsa,
}

/// A private key: wiped on drop, never printed.
#[derive(Clone)]
pub struct Key {
    algorithm: Algorithm,
    /// PKCS #8 in the form that `ring` reads.
    pkcs8: Zeroizing<Vec<u8>>,
    /// The public half, as it stands in the bit string of a certificate.
    public: Vec<u8>,
}

impl Key {
    /// Makes a new key. RSA is made only with the feature `rsa`, which no program of a node has.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        match algorithm {
            Algorithm::Ed25519 => {
                let seed = random_bytes::<32>()?;
                Self::from_pkcs8(&ed25519_pkcs8(seed.as_ref()))
            }
            Algorithm::EcdsaP256 => Self::generate_on(&P256),
            Algorithm::EcdsaP384 => Self::generate_on(&P384),
            Algorithm::Rsa => crate::rsa::generate(),
        }
    }

    fn generate_on(curve: &Curve) -> Result<Self, Error> {
        let made = EcdsaKeyPair::generate_pkcs8(curve.signing, &SystemRandom::new())
            .map_err(|_| Error::NoRandomness)?;
        Self::from_pkcs8(made.as_ref())
    }

    /// Reads a key in any of the PEM forms that clusters have: `ED25519 PRIVATE KEY` and
    /// `PRIVATE KEY` (PKCS #8), `EC PRIVATE KEY` (SEC 1), `RSA PRIVATE KEY` (PKCS #1).
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let (kind, bytes) = pem::decode(text)?;
        match kind.as_str() {
            "ED25519 PRIVATE KEY" | "PRIVATE KEY" => Self::from_pkcs8(&bytes),
            "EC PRIVATE KEY" => Self::from_sec1(&bytes, None),
            "RSA PRIVATE KEY" => Self::from_pkcs8(&wrap(&rsa_identifier(), &bytes)),
            _ => Err(Error::WrongPemKind { found: kind }),
        }
    }

    /// Reads PKCS #8 (RFC 5958).
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::open(bytes, SEQUENCE, PART)?;
        outer.expect(INTEGER)?;
        let mut identifier = outer.enter(SEQUENCE)?;
        let oid = identifier.expect(OID)?;
        let inner = outer.expect(OCTET_STRING)?;
        match oid {
            OID_ED25519 => {
                let mut seed = Reader::new(inner, PART);
                let seed = seed.expect(OCTET_STRING)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::BadKey)?;
                let public = pair.public_key().as_ref().to_vec();
                Ok(Self {
                    algorithm: Algorithm::Ed25519,
                    pkcs8: ed25519_pkcs8(seed),
                    public,
                })
            }
            OID_EC_PUBLIC_KEY => {
                let curve = Curve::find(identifier.expect(OID)?)?;
                Self::from_sec1(inner, Some(curve))
            }
            OID_RSA => {
                let pair = RsaKeyPair::from_pkcs8(bytes).map_err(|_| Error::BadKey)?;
                let public = pair.public_key().as_ref().to_vec();
                let pkcs8 = Zeroizing::new(bytes.to_vec());
                Ok(Self {
                    algorithm: Algorithm::Rsa,
                    pkcs8,
                    public,
                })
            }
            _ => Err(Error::UnknownAlgorithm),
        }
    }

    /// Reads an `ECPrivateKey` (RFC 5915) that holds its public half. It can name its curve itself; what
    /// is around it may have done so before.
    fn from_sec1(bytes: &[u8], known: Option<&'static Curve>) -> Result<Self, Error> {
        let mut reader = Reader::open(bytes, SEQUENCE, PART)?;
        reader.expect(INTEGER)?;
        let scalar = reader.expect(OCTET_STRING)?;
        let named = match reader.enter_optional(context(0))? {
            Some(mut named) => Some(Curve::find(named.expect(OID)?)?),
            None => None,
        };
        let curve = known.or(named).unwrap_or(&P256);
        if named.is_some_and(|named| named.oid != curve.oid) {
            return Err(Error::BadKey);
        }
        let mut public = reader.enter_optional(context(1))?.ok_or(Error::BadKey)?;
        let public = public.bits()?.to_vec();
        let inner = Zeroizing::new(der::write(
            SEQUENCE,
            &[
                &[INTEGER, 1, 1],
                &Zeroizing::new(der::write(OCTET_STRING, &[scalar])),
                &der::write(context(1), &[&der::write_bits(&public)]),
            ],
        ));
        let pkcs8 = wrap(&curve.identifier(), &inner);
        EcdsaKeyPair::from_pkcs8(curve.signing, &pkcs8, &SystemRandom::new())
            .map_err(|_| Error::BadKey)?;
        Ok(Self {
            algorithm: curve.algorithm,
            pkcs8,
            public,
        })
    }

    /// Writes the key under the PEM name that Talos's tools use for its algorithm.
    pub fn to_pem(&self) -> Result<Secret, Error> {
        let text = match self.algorithm {
            Algorithm::Ed25519 => pem::encode("ED25519 PRIVATE KEY", &self.pkcs8),
            Algorithm::EcdsaP256 => pem::encode("EC PRIVATE KEY", &self.sec1(&P256)?),
            Algorithm::EcdsaP384 => pem::encode("EC PRIVATE KEY", &self.sec1(&P384)?),
            Algorithm::Rsa => pem::encode("RSA PRIVATE KEY", self.inner()?.element()?.whole),
        };
        Ok(Secret::new(text.to_vec()))
    }

    /// The key as an `ECPrivateKey` that names its curve.
    fn sec1(&self, curve: &Curve) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut reader = self.inner()?.enter(SEQUENCE)?;
        reader.expect(INTEGER)?;
        let scalar = reader.expect(OCTET_STRING)?;
        Ok(Zeroizing::new(der::write(
            SEQUENCE,
            &[
                &[INTEGER, 1, 1],
                &Zeroizing::new(der::write(OCTET_STRING, &[scalar])),
                &der::write(context(0), &[&der::write(OID, &[curve.oid])]),
                &der::write(context(1), &[&der::write_bits(&self.public)]),
            ],
        )))
    }

    /// What is in the octet string of our PKCS #8.
    fn inner(&self) -> Result<Reader<'_>, Error> {
        let mut reader = Reader::open(&self.pkcs8, SEQUENCE, PART)?;
        reader.expect(INTEGER)?;
        reader.expect(SEQUENCE)?;
        reader.enter(OCTET_STRING)
    }

    /// The key as PKCS #8 DER: the form TLS libraries take.
    #[must_use]
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The kind of key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as the bits of a certificate.
    pub(crate) fn public_bits(&self) -> &[u8] {
        &self.public
    }

    /// The public half as `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    #[must_use]
    pub fn public_der(&self) -> Vec<u8> {
        let identifier = match self.algorithm {
            Algorithm::Ed25519 => der::write(SEQUENCE, &[&der::write(OID, &[OID_ED25519])]),
            Algorithm::EcdsaP256 => P256.identifier(),
            Algorithm::EcdsaP384 => P384.identifier(),
            Algorithm::Rsa => rsa_identifier(),
        };
        der::write(SEQUENCE, &[&identifier, &der::write_bits(&self.public)])
    }

    /// The `AlgorithmIdentifier` of the signatures that [`Key::sign`] makes.
    pub(crate) fn signature_identifier(&self) -> Vec<u8> {
        let oid = match self.algorithm {
            Algorithm::Ed25519 => OID_ED25519,
            Algorithm::EcdsaP256 => P256.signature,
            Algorithm::EcdsaP384 => P384.signature,
            Algorithm::Rsa => OID_RSA_SHA512,
        };
        // RFC 4055 §5: RSA carries a NULL where the others carry nothing.
        let parameters: &[u8] = if self.algorithm == Algorithm::Rsa {
            &[NULL, 0]
        } else {
            &[]
        };
        der::write(SEQUENCE, &[&der::write(OID, &[oid]), parameters])
    }

    /// Signs `message` with the digest that belongs to the algorithm.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match self.algorithm {
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.pkcs8)
                    .map_err(|_| Error::BadKey)?;
                Ok(pair.sign(message).as_ref().to_vec())
            }
            Algorithm::EcdsaP256 => self.sign_on(&P256, message),
            Algorithm::EcdsaP384 => self.sign_on(&P384, message),
            Algorithm::Rsa => {
                let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).map_err(|_| Error::BadKey)?;
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA512, &random, message, &mut signature)
                    .map_err(|_| Error::CannotSign)?;
                Ok(signature)
            }
        }
    }

    fn sign_on(&self, curve: &Curve, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(curve.signing, &self.pkcs8, &random)
            .map_err(|_| Error::BadKey)?;
        let signature = pair.sign(&random, message).map_err(|_| Error::CannotSign)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, ******)", self.algorithm)
    }
}

fn rsa_identifier() -> Vec<u8> {
    der::write(SEQUENCE, &[&der::write(OID, &[OID_RSA]), &[NULL, 0]])
}

/// Ed25519 as PKCS #8 version 1 (RFC 8410 §7), which every reader takes.
fn ed25519_pkcs8(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    let identifier = der::write(SEQUENCE, &[&der::write(OID, &[OID_ED25519])]);
    wrap(
        &identifier,
        &Zeroizing::new(der::write(OCTET_STRING, &[seed])),
    )
}

/// Puts the key of an algorithm into PKCS #8 version 1.
fn wrap(identifier: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let octets = Zeroizing::new(der::write(OCTET_STRING, &[key]));
    Zeroizing::new(der::write(
        SEQUENCE,
        &[&[INTEGER, 1, 0], identifier, &octets],
    ))
}
