// SPDX-License-Identifier: MPL-2.0
//! Certificate authorities: made, read and used.
//!
//! Owns: the table of authorities and the layout of the certificates they sign.
//! Never: keeps track of what it issued.

use crate::certificate::{OID_ALT_NAMES, OID_CONSTRAINTS, OID_KEY_ID};
use crate::der::{self, BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, context};
use crate::layout::{Critical, alt_names, extended_usage, extension, key_id, subject};
use crate::{
    Algorithm, Certificate, Error, Key, Leaf, Names, Request, Secret, UnixTime, Usage, random_bytes,
};
use core::time::Duration;

/// Ten years of 365 days, as Talos counts them.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(87_600 * 3_600);
/// The maintenance authority is made anew at each start.
const MAINTENANCE_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// Certificates start a little in the past, so that a peer whose clock is behind by less than this
/// accepts them at once.
const BACKDATE: Duration = Duration::from_secs(10);

const OID_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const OID_AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];

/// `KeyUsage` as a bit string: how many bits are unused, then the bits (RFC 5280 §4.2.1.3).
const USAGE_SIGN: &[u8] = &[7, 0b1000_0000];
const USAGE_SIGN_AND_ENCIPHER: &[u8] = &[5, 0b1010_0000];
const USAGE_AUTHORITY: &[u8] = &[2, 0b1000_0100];

/// A certificate with its private key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who it is.
    pub certificate: Certificate,
    /// The proof of it.
    pub key: Key,
}

impl Identity {
    /// Reads a pair; a key that does not belong to the certificate is refused.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let identity = Self {
            certificate: Certificate::from_pem(certificate)?,
            key: Key::from_pem(key)?,
        };
        if identity.certificate.public_bits() != identity.key.public_bits() {
            return Err(Error::KeyMismatch);
        }
        Ok(identity)
    }
}

/// A certificate authority that can sign.
#[derive(Debug, Clone)]
pub struct Authority {
    identity: Identity,
}

impl Authority {
    /// Makes the authority of the machine API.
    pub fn machine(now: UnixTime) -> Result<Self, Error> {
        Self::generate(Algorithm::Ed25519, &["talos"], AUTHORITY_LIFETIME, now)
    }

    /// Makes the authority of Kubernetes.
    pub fn kubernetes(now: UnixTime) -> Result<Self, Error> {
        Self::generate(
            Algorithm::EcdsaP256,
            &["kubernetes"],
            AUTHORITY_LIFETIME,
            now,
        )
    }

    /// Makes the authority of the aggregation layer (front proxy); it has no name.
    pub fn aggregator(now: UnixTime) -> Result<Self, Error> {
        Self::generate(Algorithm::EcdsaP256, &[], AUTHORITY_LIFETIME, now)
    }

    /// Makes the authority of etcd.
    pub fn etcd(now: UnixTime) -> Result<Self, Error> {
        Self::generate(Algorithm::EcdsaP256, &["etcd"], AUTHORITY_LIFETIME, now)
    }

    /// Makes the throw-away authority of a node without configuration.
    pub fn maintenance(now: UnixTime) -> Result<Self, Error> {
        Self::generate(Algorithm::Ed25519, &[], MAINTENANCE_LIFETIME, now)
    }

    /// Reads an authority; refuses a pair that does not fit and a certificate that may not sign.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let identity = Identity::from_pem(certificate, key)?;
        if !identity.certificate.is_authority() {
            return Err(Error::NotAnAuthority);
        }
        Ok(Self { identity })
    }

    /// Makes an authority of any kind, signed by itself. RSA asks for the feature `rsa`.
    pub fn generate(
        algorithm: Algorithm,
        organizations: &[&str],
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let key = Key::generate(algorithm)?;
        Self::self_signed(key, organizations, &Names::default(), lifetime, now)
    }

    /// Makes the authority of a key, signed by itself. With names it can also be a server.
    pub fn self_signed(
        key: Key,
        organizations: &[&str],
        names: &Names,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let organizations: Vec<String> = organizations.iter().map(|o| (*o).to_owned()).collect();
        let subject = subject("", &organizations)?;
        let mut extensions = [
            extension(
                OID_KEY_USAGE,
                Critical::Yes,
                &der::write(BIT_STRING, &[USAGE_AUTHORITY]),
            ),
            extended_usage(Usage::ServerAndClient),
            extension(
                OID_CONSTRAINTS,
                Critical::Yes,
                &der::write(SEQUENCE, &[&[BOOLEAN, 1, 0xff]]),
            ),
            extension(
                OID_KEY_ID,
                Critical::No,
                &der::write(OCTET_STRING, &[&key_id(key.public_bits())]),
            ),
        ]
        .concat();
        if !names.is_empty() {
            extensions.extend(extension(OID_ALT_NAMES, Critical::No, &alt_names(names)?));
        }
        let certificate = sign(&Contents {
            signer: &key,
            issuer: &subject,
            subject: &subject,
            public: &key.public_der(),
            from: now.before(BACKDATE),
            to: now.after(lifetime),
            extensions: &extensions,
        })?;
        Ok(Self {
            identity: Identity { certificate, key },
        })
    }

    /// Issues a certificate for a new key of the authority's own kind: below ECDSA on P-256, as Talos
    /// has it, and below RSA too, which we do not make.
    pub fn issue(&self, leaf: &Leaf, now: UnixTime) -> Result<Identity, Error> {
        let algorithm = match self.key().algorithm() {
            Algorithm::Ed25519 => Algorithm::Ed25519,
            Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::Rsa => Algorithm::EcdsaP256,
        };
        let key = Key::generate(algorithm)?;
        let certificate = self.issue_for(leaf, &key, now)?;
        Ok(Identity { certificate, key })
    }

    /// Issues a certificate for a key that exists: how a node renews without a new fingerprint.
    pub fn issue_for(&self, leaf: &Leaf, key: &Key, now: UnixTime) -> Result<Certificate, Error> {
        self.issue_public(leaf, &key.public_der(), now)
    }

    /// Issues a certificate for somebody else's key. What it says is decided by `leaf` alone, for
    /// which [`Request::leaf`] is a start.
    pub fn issue_request(
        &self,
        leaf: &Leaf,
        request: &Request,
        now: UnixTime,
    ) -> Result<Certificate, Error> {
        self.issue_public(leaf, request.public_der(), now)
    }

    fn issue_public(
        &self,
        leaf: &Leaf,
        public: &[u8],
        now: UnixTime,
    ) -> Result<Certificate, Error> {
        let usage: &[u8] = if leaf.key_encipherment {
            USAGE_SIGN_AND_ENCIPHER
        } else {
            USAGE_SIGN
        };
        let own = self.certificate();
        let own_id = own
            .key_id()
            .map_or_else(|| key_id(own.public_bits()), <[u8]>::to_vec);
        let mut extensions = [
            extension(
                OID_KEY_USAGE,
                Critical::Yes,
                &der::write(BIT_STRING, &[usage]),
            ),
            extended_usage(leaf.usage),
            extension(OID_CONSTRAINTS, Critical::Yes, &der::write(SEQUENCE, &[])),
            extension(
                OID_AUTHORITY_KEY_ID,
                Critical::No,
                // [0] of AuthorityKeyIdentifier, primitive (RFC 5280 §4.2.1.1).
                &der::write(SEQUENCE, &[&der::write(0x80, &[&own_id])]),
            ),
        ]
        .concat();
        if !leaf.names.is_empty() {
            extensions.extend(extension(
                OID_ALT_NAMES,
                Critical::No,
                &alt_names(&leaf.names)?,
            ));
        }
        sign(&Contents {
            signer: self.key(),
            issuer: own.subject(),
            subject: &subject(&leaf.common_name, &leaf.organizations)?,
            public,
            from: now.before(BACKDATE),
            to: now.after(leaf.lifetime),
            extensions: &extensions,
        })
    }

    /// The certificate that others trust.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.identity.certificate
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.identity.key
    }

    /// Certificate and key in PEM.
    pub fn to_pem(&self) -> Result<(Vec<u8>, Secret), Error> {
        Ok((self.certificate().to_pem(), self.key().to_pem()?))
    }
}

/// Everything that goes into one certificate.
struct Contents<'a> {
    signer: &'a Key,
    issuer: &'a [u8],
    subject: &'a [u8],
    /// `SubjectPublicKeyInfo`.
    public: &'a [u8],
    from: UnixTime,
    to: UnixTime,
    extensions: &'a [u8],
}

/// Lays out and signs a version 3 certificate (RFC 5280 §4.1).
fn sign(contents: &Contents<'_>) -> Result<Certificate, Error> {
    let mut serial = *random_bytes::<16>()?;
    // The first bits make it positive and of full length, which DER then writes as it is.
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    let algorithm = contents.signer.signature_identifier();
    let (from_tag, from) = contents.from.to_der()?;
    let (to_tag, to) = contents.to.to_der()?;
    let validity = der::write(
        SEQUENCE,
        &[
            &der::write(from_tag, &[from.as_bytes()]),
            &der::write(to_tag, &[to.as_bytes()]),
        ],
    );
    let signed = der::write(
        SEQUENCE,
        &[
            &der::write(context(0), &[&[INTEGER, 1, 2]]),
            &der::write(INTEGER, &[&serial]),
            &algorithm,
            contents.issuer,
            &validity,
            contents.subject,
            contents.public,
            &der::write(context(3), &[&der::write(SEQUENCE, &[contents.extensions])]),
        ],
    );
    let signature = der::write_bits(&contents.signer.sign(&signed)?);
    Certificate::from_der(&der::write(SEQUENCE, &[&signed, &algorithm, &signature]))
}
