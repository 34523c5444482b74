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
const P384: &[u8] = include_bytes!("fixtures/p384-authority.crt");
const P384_SEC1: &[u8] = include_bytes!("fixtures/p384-authority.sec1.key");
const P384_PKCS8: &[u8] = include_bytes!("fixtures/p384-authority.pkcs8.key");
const P521: &[u8] = include_bytes!("fixtures/p521.sec1.key");

const NOW: UnixTime = UnixTime(1_800_000_000);

#[test]
fn authorities_of_openssl_sign_in_every_form_of_their_key() {
    for (certificate, key, algorithm) in [
        (RSA, RSA_PKCS1, Algorithm::Rsa),
        (RSA, RSA_PKCS8, Algorithm::Rsa),
        (EC, EC_SEC1, Algorithm::EcdsaP256),
        (EC, EC_PKCS8, Algorithm::EcdsaP256),
        (P384, P384_SEC1, Algorithm::EcdsaP384),
        (P384, P384_PKCS8, Algorithm::EcdsaP384),
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
    for key in [
        RSA_PKCS1, RSA_PKCS8, EC_SEC1, EC_PKCS8, P384_SEC1, P384_PKCS8,
    ] {
        let key = Key::from_pem(key).unwrap();
        let again = Key::from_pem(key.to_pem().unwrap().expose()).unwrap();

        assert_eq!(again.public_der(), key.public_der());
    }
    assert_eq!(
        Key::from_pem(RSA_PKCS1).unwrap().to_pem().unwrap().expose(),
        RSA_PKCS1
    );
    for sec1 in [EC_SEC1, P384_SEC1] {
        assert_eq!(
            Key::from_pem(sec1).unwrap().to_pem().unwrap().expose(),
            sec1
        );
    }
}

#[test]
fn curves_and_pairs_that_do_not_fit_are_refused() {
    let refused = Key::from_pem(P521).unwrap_err();
    assert_eq!(refused, Error::UnsupportedCurve("P-521"));
    assert!(refused.to_string().contains("P-521"), "{refused}");
    for (certificate, key) in [
        (EC, RSA_PKCS8),
        (RSA, EC_SEC1),
        (P384, EC_SEC1),
        (EC, P384_PKCS8),
    ] {
        assert_eq!(
            Authority::from_pem(certificate, key).unwrap_err(),
            Error::KeyMismatch
        );
    }
}

#[test]
fn an_authority_on_p384_signs_with_sha384_and_can_be_made_again() {
    // RFC 5758 §3.2: ecdsa-with-SHA384.
    const OID: &str = "1.2.840.10045.4.3.3";
    let brought = Authority::from_pem(P384, P384_SEC1).unwrap();
    let lifetime = Duration::from_secs(60);
    let made = Authority::generate(Algorithm::EcdsaP384, &["a"], lifetime, NOW).unwrap();
    for authority in [brought, made] {
        let issued = authority.issue(&Leaf::api_client("a"), NOW).unwrap();

        let (_, other) = X509Certificate::from_der(issued.certificate.der()).unwrap();
        assert_eq!(other.signature_algorithm.algorithm.to_id_string(), OID);
        let (_, issuer) = X509Certificate::from_der(authority.certificate().der()).unwrap();
        other.verify_signature(Some(issuer.public_key())).unwrap();
    }
}

#[test]
fn the_curve_is_looked_for_where_pkcs8_names_it() {
    let key = Key::from_pem(P384_SEC1).unwrap();
    let mut der = key.pkcs8_der().to_vec();
    assert!(Key::from_pkcs8(&der).is_ok());
    // The name of P-384 becomes that of P-521, which differs in the last byte.
    let name = [0x2b, 0x81, 0x04, 0x00, 0x22];
    let at = der.windows(5).position(|part| part == name).unwrap();
    der[at + 4] = 0x23;
    assert_eq!(
        Key::from_pkcs8(&der).unwrap_err(),
        Error::UnsupportedCurve("P-521")
    );
}
