// SPDX-License-Identifier: MPL-2.0
//! Certificate authorities: made, read and used.
//!
//! Owns: the table of authorities and the layout of the certificates they sign.
//! Never: keeps track of what it issued.

use crate::certificate::{
    ALT_ADDRESS, ALT_DNS, OID_ALT_NAMES, OID_CLIENT_AUTH, OID_COMMON_NAME, OID_CONSTRAINTS,
    OID_EXTENDED_USAGE, OID_KEY_ID, OID_ORGANIZATION,
};
use crate::der::{
    self, BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, OID, PRINTABLE_STRING, SEQUENCE, SET,
    UTF8_STRING, context,
};
use crate::leaf::is_dns_name;
use crate::{Algorithm, Certificate, Error, Key, Leaf, Secret, UnixTime, Usage, random_bytes};
use core::net::IpAddr;
use core::time::Duration;
use ring::digest::{SHA256, digest};

/// Ten years of 365 days, as Talos counts them.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(87_600 * 3_600);
/// The maintenance authority is made anew at each start.
const MAINTENANCE_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// Certificates start a little in the past, so that a peer whose clock is behind by less than this
/// accepts them at once.
const BACKDATE: Duration = Duration::from_secs(10);

const OID_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const OID_AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const OID_SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

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

    /// Makes an authority of any kind, signed by itself.
    pub fn generate(
        algorithm: Algorithm,
        organizations: &[&str],
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let key = Key::generate(algorithm)?;
        let organizations: Vec<String> = organizations.iter().map(|o| (*o).to_owned()).collect();
        let subject = subject("", &organizations)?;
        let extensions = [
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
        let certificate = sign(&Request {
            signer: &key,
            issuer: &subject,
            subject: &subject,
            public: &key,
            from: now.before(BACKDATE),
            to: now.after(lifetime),
            extensions: &extensions,
        })?;
        Ok(Self {
            identity: Identity { certificate, key },
        })
    }

    /// Issues a certificate for a new key of the authority's own kind (P-256 below RSA, which we do
    /// not make).
    pub fn issue(&self, leaf: &Leaf, now: UnixTime) -> Result<Identity, Error> {
        let algorithm = match self.key().algorithm() {
            Algorithm::Ed25519 => Algorithm::Ed25519,
            Algorithm::EcdsaP256 | Algorithm::Rsa => Algorithm::EcdsaP256,
        };
        let key = Key::generate(algorithm)?;
        let certificate = self.issue_for(leaf, &key, now)?;
        Ok(Identity { certificate, key })
    }

    /// Issues a certificate for a key that exists: how a node renews without a new fingerprint.
    pub fn issue_for(&self, leaf: &Leaf, key: &Key, now: UnixTime) -> Result<Certificate, Error> {
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
            extensions.extend(extension(OID_ALT_NAMES, Critical::No, &alt_names(leaf)?));
        }
        sign(&Request {
            signer: self.key(),
            issuer: own.subject(),
            subject: &subject(&leaf.common_name, &leaf.organizations)?,
            public: key,
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

#[derive(Clone, Copy, PartialEq)]
enum Critical {
    Yes,
    No,
}

/// Everything that goes into one certificate.
struct Request<'a> {
    signer: &'a Key,
    issuer: &'a [u8],
    subject: &'a [u8],
    public: &'a Key,
    from: UnixTime,
    to: UnixTime,
    extensions: &'a [u8],
}

/// Lays out and signs a version 3 certificate (RFC 5280 §4.1).
fn sign(request: &Request<'_>) -> Result<Certificate, Error> {
    let mut serial = *random_bytes::<16>()?;
    // The first bits make it positive and of full length, which DER then writes as it is.
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    let algorithm = request.signer.signature_identifier();
    let (from_tag, from) = request.from.to_der()?;
    let (to_tag, to) = request.to.to_der()?;
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
            request.issuer,
            &validity,
            request.subject,
            &request.public.public_der(),
            &der::write(context(3), &[&der::write(SEQUENCE, &[request.extensions])]),
        ],
    );
    let signature = der::write_bits(&request.signer.sign(&signed)?);
    Certificate::from_der(&der::write(SEQUENCE, &[&signed, &algorithm, &signature]))
}

/// A name of organisations, all in one set as Go's tools write them, and a common name.
fn subject(common_name: &str, organizations: &[String]) -> Result<Vec<u8>, Error> {
    let mut sets = Vec::new();
    if !organizations.is_empty() {
        let mut attributes = organizations
            .iter()
            .map(|name| attribute(OID_ORGANIZATION, name))
            .collect::<Result<Vec<_>, _>>()?;
        // DER: the members of a set are in order (X.690 §11.6).
        attributes.sort();
        sets.extend(der::write(SET, &[&attributes.concat()]));
    }
    if !common_name.is_empty() {
        sets.extend(der::write(
            SET,
            &[&attribute(OID_COMMON_NAME, common_name)?],
        ));
    }
    Ok(der::write(SEQUENCE, &[&sets]))
}

fn attribute(kind: &[u8], text: &str) -> Result<Vec<u8>, Error> {
    // RFC 5280 appendix A: ub-common-name and ub-organization-name are 64 letters.
    if text.is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
        return Err(Error::BadName(text.to_owned()));
    }
    let printable = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
    let tag = if text.bytes().all(printable) {
        PRINTABLE_STRING
    } else {
        UTF8_STRING
    };
    Ok(der::write(
        SEQUENCE,
        &[
            &der::write(OID, &[kind]),
            &der::write(tag, &[text.as_bytes()]),
        ],
    ))
}

fn extension(kind: &[u8], critical: Critical, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = match critical {
        Critical::Yes => &[BOOLEAN, 1, 0xff],
        // DEFAULT FALSE is not written.
        Critical::No => &[],
    };
    der::write(
        SEQUENCE,
        &[
            &der::write(OID, &[kind]),
            flag,
            &der::write(OCTET_STRING, &[value]),
        ],
    )
}

fn extended_usage(usage: Usage) -> Vec<u8> {
    let server = der::write(OID, &[OID_SERVER_AUTH]);
    let client = der::write(OID, &[OID_CLIENT_AUTH]);
    let purposes: &[&[u8]] = match usage {
        Usage::Client => &[&client],
        Usage::Server => &[&server],
        Usage::ServerAndClient => &[&server, &client],
    };
    extension(
        OID_EXTENDED_USAGE,
        Critical::No,
        &der::write(SEQUENCE, purposes),
    )
}

fn alt_names(leaf: &Leaf) -> Result<Vec<u8>, Error> {
    let mut names = Vec::new();
    for name in &leaf.names.dns {
        if !is_dns_name(name) {
            return Err(Error::BadName(name.clone()));
        }
        names.extend(der::write(ALT_DNS, &[name.as_bytes()]));
    }
    for address in &leaf.names.addresses {
        names.extend(match address {
            IpAddr::V4(v4) => der::write(ALT_ADDRESS, &[&v4.octets()]),
            IpAddr::V6(v6) => der::write(ALT_ADDRESS, &[&v6.octets()]),
        });
    }
    Ok(der::write(SEQUENCE, &[&names]))
}

/// The first 160 bits of the SHA-256 of the public key (RFC 7093 §2, method 1).
fn key_id(public_bits: &[u8]) -> Vec<u8> {
    digest(&SHA256, public_bits)
        .as_ref()
        .iter()
        .take(20)
        .copied()
        .collect()
}
