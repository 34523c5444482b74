// SPDX-License-Identifier: MPL-2.0
//! Authorities that other tools made: clusters bring them along.
//!
//! Owns: the promise that keys and certificates of OpenSSL are read and can sign.
//! Never: makes new ones.

use pki::{Algorithm, Authority, Error, Key, Leaf, UnixTime};
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

const RSA: &[u8] = include_bytes!("fixtures/rsa-authority.crt");
const RSA_PKCS1: &[u8] = include_bytes!("fixtures/rsa-authority.pkcs1.key");
const RSA_PKCS8: &[u8] = include_bytes!("fixtures/rsa-authority.pkcs8.key");
const EC: &[u8] = include_bytes!("fixtures/ec-authority.crt");
const EC_SEC1: &[u8] = include_bytes!("fixtures/ec-authority.sec1.key");
const EC_PKCS8: &[u8] = include_bytes!("fixtures/ec-authority.pkcs8.key");
const P384: &[u8] = include_bytes!("fixtures/p384.sec1.key");

const NOW: UnixTime = UnixTime(1_800_000_000);

#[test]
fn authorities_of_openssl_sign_in_every_form_of_their_key() {
    for (certificate, key, algorithm) in [
        (RSA, RSA_PKCS1, Algorithm::Rsa),
        (RSA, RSA_PKCS8, Algorithm::Rsa),
        (EC, EC_SEC1, Algorithm::EcdsaP256),
        (EC, EC_PKCS8, Algorithm::EcdsaP256),
    ] {
        let authority = Authority::from_pem(certificate, key).unwrap();
        assert_eq!(authority.key().algorithm(), algorithm);

        let leaf = Leaf::client(&["os:admin"], Duration::from_secs(60));
        let issued = authority.issue(&leaf, NOW).unwrap();
        let (_, issuer) = X509Certificate::from_der(authority.certificate().der()).unwrap();
        let (_, other) = X509Certificate::from_der(issued.certificate.der()).unwrap();
        other.verify_signature(Some(issuer.public_key())).unwrap();
        // The issuer's name has several organisations; it is copied as it is.
        assert_eq!(other.issuer().as_raw(), issuer.subject().as_raw());
        assert_eq!(issued.key.algorithm(), Algorithm::EcdsaP256);
    }
}

#[test]
fn keys_keep_their_meaning_when_written_again() {
    for key in [RSA_PKCS1, RSA_PKCS8, EC_SEC1, EC_PKCS8] {
        let key = Key::from_pem(key).unwrap();
        let again = Key::from_pem(key.to_pem().unwrap().expose()).unwrap();

        assert_eq!(again.public_der(), key.public_der());
    }
    assert_eq!(
        Key::from_pem(RSA_PKCS1).unwrap().to_pem().unwrap().expose(),
        RSA_PKCS1
    );
    assert_eq!(
        Key::from_pem(EC_SEC1).unwrap().to_pem().unwrap().expose(),
        EC_SEC1
    );
}

#[test]
fn curves_and_pairs_that_do_not_fit_are_refused() {
    assert_eq!(Key::from_pem(P384).unwrap_err(), Error::UnknownAlgorithm);
    assert_eq!(
        Authority::from_pem(EC, RSA_PKCS8).unwrap_err(),
        Error::KeyMismatch
    );
    assert_eq!(
        Authority::from_pem(RSA, EC_SEC1).unwrap_err(),
        Error::KeyMismatch
    );
}
