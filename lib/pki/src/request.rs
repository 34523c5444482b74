// SPDX-License-Identifier: MPL-2.0
//! Requests for certificates: a public key and what its owner wants to be called (PKCS #10).
//!
//! Owns: their layout, and the check that who asks holds the key.
//! Never: decides whether the wish is granted.

use crate::certificate::{OID_ALT_NAMES, read_alt_names, read_subject};
use crate::curve::{Curve, OID_ECDSA_SHA256, OID_ECDSA_SHA384, OID_P256, OID_P384};
use crate::der::{self, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, context};
use crate::key::{OID_EC_PUBLIC_KEY, OID_ED25519, OID_RSA, OID_RSA_SHA512};
use crate::layout::{Critical, alt_names, extension, subject};
use crate::{Error, Key, Leaf, Names, Usage, pem};
use core::time::Duration;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};

const PART: &str = "certificate request";
const PEM_KIND: &str = "CERTIFICATE REQUEST";
/// Older tools write this one.
const OLD_PEM_KIND: &str = "NEW CERTIFICATE REQUEST";

/// `extensionRequest` (RFC 2985 §5.4.2).
const OID_EXTENSIONS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
const OID_RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const OID_RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];

/// Which signatures are believed, and the kind of key or the curve that each belongs to.
const SIGNATURES: &[(&[u8], &[u8], &dyn VerificationAlgorithm)] = &[
    (OID_ED25519, OID_ED25519, &ED25519),
    (OID_ECDSA_SHA256, OID_P256, &ECDSA_P256_SHA256_ASN1),
    (OID_ECDSA_SHA384, OID_P384, &ECDSA_P384_SHA384_ASN1),
    // What OpenSSL signs with by default, whatever the key is.
    (OID_ECDSA_SHA256, OID_P384, &ECDSA_P384_SHA256_ASN1),
    (OID_RSA_SHA256, OID_RSA, &RSA_PKCS1_2048_8192_SHA256),
    (OID_RSA_SHA384, OID_RSA, &RSA_PKCS1_2048_8192_SHA384),
    (OID_RSA_SHA512, OID_RSA, &RSA_PKCS1_2048_8192_SHA512),
];

/// A request whose signature fits its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    der: Vec<u8>,
    public_der: Vec<u8>,
    organizations: Vec<String>,
    common_name: Option<String>,
    names: Names,
}

impl Request {
    /// Asks for a certificate for `key`.
    pub fn new(
        key: &Key,
        common_name: &str,
        organizations: &[&str],
        names: &Names,
    ) -> Result<Self, Error> {
        let organizations: Vec<String> = organizations.iter().map(|o| (*o).to_owned()).collect();
        let attributes = if names.is_empty() {
            Vec::new()
        } else {
            let wanted = extension(OID_ALT_NAMES, Critical::No, &alt_names(names)?);
            der::write(
                SEQUENCE,
                &[
                    &der::write(OID, &[OID_EXTENSIONS]),
                    &der::write(SET, &[&der::write(SEQUENCE, &[&wanted])]),
                ],
            )
        };
        let signed = der::write(
            SEQUENCE,
            &[
                &[INTEGER, 1, 0],
                &subject(common_name, &organizations)?,
                &key.public_der(),
                &der::write(context(0), &[&attributes]),
            ],
        );
        let signature = der::write_bits(&key.sign(&signed)?);
        Self::from_der(&der::write(
            SEQUENCE,
            &[&signed, &key.signature_identifier(), &signature],
        ))
    }

    /// Reads the first request of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let (kind, bytes) = pem::decode(text)?;
        if kind != PEM_KIND && kind != OLD_PEM_KIND {
            return Err(Error::WrongPemKind { found: kind });
        }
        Self::from_der(&bytes)
    }

    /// Reads a request (RFC 2986 §4) and checks its signature.
    pub fn from_der(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::open(bytes, SEQUENCE, PART)?;
        let signed = outer.element()?;
        let mut algorithm = outer.enter(SEQUENCE)?;
        let algorithm = algorithm.expect(OID)?;
        let signature = outer.bits()?;
        outer.finish()?;

        let mut parts = Reader::open(signed.whole, SEQUENCE, PART)?;
        parts.expect(INTEGER)?;
        let subject = parts.element()?.whole;
        let public = parts.element()?.whole;
        check(algorithm, public, signed.whole, signature)?;
        let (organizations, common_name) = read_subject(subject)?;
        let mut request = Self {
            der: bytes.to_vec(),
            public_der: public.to_vec(),
            organizations,
            common_name,
            names: Names::default(),
        };
        if let Some(mut attributes) = parts.enter_optional(context(0))? {
            while !attributes.is_empty() {
                let mut attribute = attributes.enter(SEQUENCE)?;
                if attribute.expect(OID)? == OID_EXTENSIONS {
                    request.read_wishes(attribute.enter(SET)?)?;
                }
            }
        }
        parts.finish()?;
        Ok(request)
    }

    fn read_wishes(&mut self, mut set: Reader<'_>) -> Result<(), Error> {
        let mut list = set.enter(SEQUENCE)?;
        while !list.is_empty() {
            let mut wish = list.enter(SEQUENCE)?;
            let kind = wish.expect(OID)?;
            let mut value = wish.element()?;
            // The flag of a critical one.
            if value.tag != OCTET_STRING {
                value = wish.element()?;
            }
            if kind == OID_ALT_NAMES {
                let names = read_alt_names(value.content)?;
                self.names.dns.extend(names.dns);
                self.names.addresses.extend(names.addresses);
            }
        }
        Ok(())
    }

    /// The certificate that is asked for, as it would be if every wish were granted.
    #[must_use]
    pub fn leaf(&self, usage: Usage, lifetime: Duration) -> Leaf {
        Leaf {
            common_name: self.common_name.clone().unwrap_or_default(),
            organizations: self.organizations.clone(),
            names: self.names.clone(),
            usage,
            key_encipherment: false,
            lifetime,
        }
    }

    /// The request as PEM.
    #[must_use]
    pub fn to_pem(&self) -> Vec<u8> {
        pem::encode(PEM_KIND, &self.der).to_vec()
    }

    /// The public key as `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }
}

/// Checks that the key in the request made its signature.
pub(crate) fn check(
    algorithm: &[u8],
    public: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let mut public = Reader::open(public, SEQUENCE, PART)?;
    let mut identifier = public.enter(SEQUENCE)?;
    let mut kind = identifier.expect(OID)?;
    if kind == OID_EC_PUBLIC_KEY {
        kind = Curve::find(identifier.expect(OID)?)?.oid;
    }
    let bits = public.bits()?;
    public.finish()?;
    let (_, _, verifier) = SIGNATURES
        .iter()
        .find(|(signs, key, _)| *signs == algorithm && *key == kind)
        .ok_or(Error::UnknownAlgorithm)?;
    UnparsedPublicKey::new(*verifier, bits)
        .verify(signed, signature)
        .map_err(|_| Error::BadSignature)
}
