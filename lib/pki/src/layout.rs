// SPDX-License-Identifier: MPL-2.0
//! The parts that certificates and requests share, as they are written.
//!
//! Owns: names, extensions and key identifiers in DER.
//! Never: signs.

use crate::certificate::{
    ALT_ADDRESS, ALT_DNS, OID_CLIENT_AUTH, OID_COMMON_NAME, OID_EXTENDED_USAGE, OID_ORGANIZATION,
};
use crate::der::{self, BOOLEAN, OCTET_STRING, OID, PRINTABLE_STRING, SEQUENCE, SET, UTF8_STRING};
use crate::leaf::is_dns_name;
use crate::{Error, Names, Usage};
use core::net::IpAddr;
use ring::digest::{SHA256, digest};

const OID_SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// Whether a reader that does not know an extension must refuse the certificate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Critical {
    Yes,
    No,
}

/// A name of organisations, all in one set as Go's tools write them, and a common name.
pub(crate) fn subject(common_name: &str, organizations: &[String]) -> Result<Vec<u8>, Error> {
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

/// One extension (RFC 5280 §4.1.2.9).
pub(crate) fn extension(kind: &[u8], critical: Critical, value: &[u8]) -> Vec<u8> {
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

/// The extension that says what a key is for.
pub(crate) fn extended_usage(usage: Usage) -> Vec<u8> {
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

/// The value of the extension that names a server.
pub(crate) fn alt_names(all: &Names) -> Result<Vec<u8>, Error> {
    let mut names = Vec::new();
    for name in &all.dns {
        if !is_dns_name(name) {
            return Err(Error::BadName(name.clone()));
        }
        names.extend(der::write(ALT_DNS, &[name.as_bytes()]));
    }
    for address in &all.addresses {
        names.extend(match address {
            IpAddr::V4(v4) => der::write(ALT_ADDRESS, &[&v4.octets()]),
            IpAddr::V6(v6) => der::write(ALT_ADDRESS, &[&v6.octets()]),
        });
    }
    Ok(der::write(SEQUENCE, &[&names]))
}

/// The first 160 bits of the SHA-256 of the public key (RFC 7093 §2, method 1).
pub(crate) fn key_id(public_bits: &[u8]) -> Vec<u8> {
    digest(&SHA256, public_bits)
        .as_ref()
        .iter()
        .take(20)
        .copied()
        .collect()
}
