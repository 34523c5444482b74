// SPDX-License-Identifier: MPL-2.0
//! Reading certificates.
//!
//! Owns: what we look at in an X.509 certificate.
//! Never: decides whether a certificate is to be trusted; the TLS library does.

use crate::der::{
    BOOLEAN, IA5_STRING, INTEGER, OCTET_STRING, OID, PRINTABLE_STRING, Reader, SEQUENCE, SET,
    UTF8_STRING, context,
};
use crate::{Error, Key, Names, UnixTime, pem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::net::IpAddr;
use ring::digest::{SHA256, digest};

pub(crate) const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
pub(crate) const OID_ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
pub(crate) const OID_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
pub(crate) const OID_ALT_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
pub(crate) const OID_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub(crate) const OID_EXTENDED_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
pub(crate) const OID_CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// The context tags of `GeneralName`, primitive (RFC 5280 §4.2.1.6).
pub(crate) const ALT_DNS: u8 = 0x82;
pub(crate) const ALT_ADDRESS: u8 = 0x87;

const PART: &str = "certificate";
const PEM_KIND: &str = "CERTIFICATE";

/// A certificate and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    not_before: UnixTime,
    not_after: UnixTime,
    subject: Vec<u8>,
    organizations: Vec<String>,
    common_name: Option<String>,
    public_der: Vec<u8>,
    public_bits: Vec<u8>,
    key_id: Option<Vec<u8>>,
    is_authority: bool,
    is_only_for_clients: bool,
    dns_names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let (kind, bytes) = pem::decode(text)?;
        if kind != PEM_KIND {
            return Err(Error::WrongPemKind { found: kind });
        }
        Self::from_der(&bytes)
    }

    /// Reads a certificate (RFC 5280 §4.1). The signature is not checked.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::open(der, SEQUENCE, PART)?;
        let mut signed = outer.enter(SEQUENCE)?;
        outer.expect(SEQUENCE)?;
        outer.bits()?;
        outer.finish()?;

        signed.enter_optional(context(0))?;
        signed.expect(INTEGER)?;
        signed.expect(SEQUENCE)?; // signature algorithm
        signed.expect(SEQUENCE)?; // issuer
        let mut validity = signed.enter(SEQUENCE)?;
        let (from, to) = (validity.element()?, validity.element()?);
        let subject = signed.element()?.whole;
        let public = signed.element()?.whole;
        let mut public_reader = Reader::open(public, SEQUENCE, PART)?;
        public_reader.expect(SEQUENCE)?;
        let mut certificate = Self {
            der: der.to_vec(),
            not_before: UnixTime::from_der(from.tag, from.content)?,
            not_after: UnixTime::from_der(to.tag, to.content)?,
            subject: subject.to_vec(),
            organizations: Vec::new(),
            common_name: None,
            public_der: public.to_vec(),
            public_bits: public_reader.bits()?.to_vec(),
            key_id: None,
            is_authority: false,
            is_only_for_clients: false,
            dns_names: Vec::new(),
            addresses: Vec::new(),
        };
        (certificate.organizations, certificate.common_name) = read_subject(subject)?;
        while let Some(tag) = signed.peek() {
            let element = signed.element()?;
            if tag == context(3) {
                certificate.read_extensions(element.content)?;
            }
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut list = Reader::open(bytes, SEQUENCE, PART)?;
        while !list.is_empty() {
            let mut extension = list.enter(SEQUENCE)?;
            let kind = extension.expect(OID)?;
            if extension.peek() == Some(BOOLEAN) {
                extension.element()?;
            }
            let value = extension.expect(OCTET_STRING)?;
            match kind {
                OID_KEY_ID => {
                    self.key_id = Some(Reader::new(value, PART).expect(OCTET_STRING)?.to_vec());
                }
                OID_CONSTRAINTS => {
                    let mut constraints = Reader::open(value, SEQUENCE, PART)?;
                    self.is_authority = constraints.peek() == Some(BOOLEAN)
                        && constraints.expect(BOOLEAN)? == [0xff];
                }
                OID_EXTENDED_USAGE => {
                    let mut usages = Reader::open(value, SEQUENCE, PART)?;
                    self.is_only_for_clients =
                        usages.expect(OID)? == OID_CLIENT_AUTH && usages.is_empty();
                }
                OID_ALT_NAMES => {
                    let names = read_alt_names(value)?;
                    self.dns_names.extend(names.dns);
                    self.addresses.extend(names.addresses);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The certificate as DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn to_pem(&self) -> Vec<u8> {
        pem::encode(PEM_KIND, &self.der).to_vec()
    }

    /// The first instant at which it is valid.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last instant at which it is valid.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The organisations of the subject, which are roles in the machine API.
    #[must_use]
    pub fn organizations(&self) -> &[String] {
        &self.organizations
    }

    /// The common name of the subject.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The DNS names it speaks for.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The addresses it speaks for.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Whether it may sign others.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Whether it says that it is for client authentication, and for nothing else.
    #[must_use]
    pub fn is_only_for_clients(&self) -> bool {
        self.is_only_for_clients
    }

    /// Whether it is for `key`.
    #[must_use]
    pub fn is_for(&self, key: &Key) -> bool {
        self.public_der == key.public_der()
    }

    /// Whether the key of `authority` signed it. Names, times and uses are not looked at.
    #[must_use]
    pub fn is_signed_by(&self, authority: &Self) -> bool {
        self.check_signature(authority).is_ok()
    }

    fn check_signature(&self, authority: &Self) -> Result<(), Error> {
        let mut outer = Reader::open(&self.der, SEQUENCE, PART)?;
        let signed = outer.element()?;
        let mut algorithm = outer.enter(SEQUENCE)?;
        let algorithm = algorithm.expect(OID)?;
        let signature = outer.bits()?;
        crate::request::check(algorithm, &authority.public_der, signed.whole, signature)
    }

    /// The subject as DER, to be copied letter by letter where it is the issuer.
    pub(crate) fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The subject key identifier.
    pub(crate) fn key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }

    /// The bits of the public key.
    pub(crate) fn public_bits(&self) -> &[u8] {
        &self.public_bits
    }

    /// SHA-256 of the certificate in lower-case hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hexadecimal(digest(&SHA256, &self.der).as_ref())
    }

    /// SHA-256 of the public key in lower-case hexadecimal, as Kubernetes pins an authority.
    #[must_use]
    pub fn key_digest(&self) -> String {
        hexadecimal(digest(&SHA256, &self.public_der).as_ref())
    }

    /// SHA-256 of the public key in base64: stays the same when the certificate is renewed with the
    /// same key. This is what `--cert-fingerprint` compares.
    #[must_use]
    pub fn key_fingerprint(&self) -> String {
        STANDARD.encode(digest(&SHA256, &self.public_der))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The organisations of a certificate in DER: the roles of a caller.
pub fn organizations(der: &[u8]) -> Result<Vec<String>, Error> {
    Certificate::from_der(der).map(|certificate| certificate.organizations)
}

/// The organisations and the common name of a subject.
pub(crate) fn read_subject(subject: &[u8]) -> Result<(Vec<String>, Option<String>), Error> {
    let (mut organizations, mut common_name) = (Vec::new(), None);
    let mut names = Reader::open(subject, SEQUENCE, PART)?;
    while !names.is_empty() {
        let mut set = names.enter(SET)?;
        while !set.is_empty() {
            let mut attribute = set.enter(SEQUENCE)?;
            let kind = attribute.expect(OID)?;
            let value = attribute.element()?;
            // Other attributes and the string types of the 1980s are of no use to us.
            if !matches!(value.tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING) {
                continue;
            }
            let text = core::str::from_utf8(value.content).map_err(|_| Error::BadDer(PART))?;
            match kind {
                OID_ORGANIZATION => organizations.push(text.to_owned()),
                OID_COMMON_NAME => common_name = Some(text.to_owned()),
                _ => {}
            }
        }
    }
    Ok((organizations, common_name))
}

/// The names of the value of an extension.
pub(crate) fn read_alt_names(value: &[u8]) -> Result<Names, Error> {
    let mut found = Names::default();
    let mut names = Reader::open(value, SEQUENCE, PART)?;
    while !names.is_empty() {
        let name = names.element()?;
        match name.tag {
            ALT_DNS => found.dns.push(
                core::str::from_utf8(name.content)
                    .map_err(|_| Error::BadDer(PART))?
                    .to_owned(),
            ),
            ALT_ADDRESS => {
                let address = <[u8; 4]>::try_from(name.content)
                    .map(IpAddr::from)
                    .or_else(|_| <[u8; 16]>::try_from(name.content).map(IpAddr::from))
                    .map_err(|_| Error::BadDer(PART))?;
                found.addresses.push(address);
            }
            _ => {}
        }
    }
    Ok(found)
}
