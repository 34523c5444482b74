// SPDX-License-Identifier: MPL-2.0
//! Requests for certificates: written, read by somebody else's parser, granted and refused.
//!
//! Owns: the promises about PKCS #10.
//! Never: reads a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use pki::{Algorithm, Authority, Error, Key, Leaf, Names, Request, UnixTime, Usage};
use std::time::Duration;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const NOW: UnixTime = UnixTime(1_790_000_000);
const DAY: Duration = Duration::from_secs(86_400);
/// Made by OpenSSL 3 with RSA, DNS names, a challenge and a critical extension.
const FOREIGN: &[u8] = include_bytes!("fixtures/rsa.csr");
/// Made by OpenSSL 3 on P-384, with SHA-256.
const P384: &[u8] = include_bytes!("fixtures/p384.csr");
/// Made by OpenSSL 3 on P-521.
const P521: &[u8] = include_bytes!("fixtures/p521.csr");

fn names() -> Names {
    Names::parse(["10.5.0.2", "node.example.org"]).unwrap()
}

fn keys() -> [Key; 4] {
    let rsa = include_bytes!("fixtures/rsa-authority.pkcs8.key");
    [
        Key::generate(Algorithm::Ed25519).unwrap(),
        Key::generate(Algorithm::EcdsaP256).unwrap(),
        Key::generate(Algorithm::EcdsaP384).unwrap(),
        Key::from_pem(rsa).unwrap(),
    ]
}

#[test]
fn pki_04_a_request_is_what_others_expect_and_carries_the_wishes() {
    for key in keys() {
        let made = Request::new(&key, "node", &["os:reader", "os:admin"], &names()).unwrap();
        let pem = made.to_pem();

        let (_, block) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
        let (rest, other) = X509CertificationRequest::from_der(&block.contents).unwrap();
        assert!(rest.is_empty());
        other.verify_signature().unwrap();
        let read = Request::from_pem(&pem).unwrap();
        assert_eq!(read, made);
        let leaf = read.leaf(Usage::Client, DAY);
        assert_eq!(leaf.common_name, "node");
        assert_eq!(leaf.organizations.len(), 2);
        assert_eq!(leaf.names, names());
    }
}

#[test]
fn pki_04_a_granted_request_gives_a_certificate_for_its_key() {
    let authority = Authority::machine(NOW).unwrap();
    for key in keys() {
        let request = Request::new(&key, "", &["os:admin"], &names()).unwrap();

        let leaf = request.leaf(Usage::Client, DAY);
        let certificate = authority.issue_request(&leaf, &request, NOW).unwrap();

        let (_, other) = X509Certificate::from_der(certificate.der()).unwrap();
        let issuer = authority.certificate();
        let (_, issuer) = X509Certificate::from_der(issuer.der()).unwrap();
        other.verify_signature(Some(issuer.public_key())).unwrap();
        assert_eq!(other.public_key().raw, key.public_der());
        assert_eq!(certificate.organizations(), ["os:admin"]);
        assert!(certificate.is_only_for_clients());
        assert_eq!(certificate.not_after(), NOW.after(DAY));
    }
}

#[test]
fn what_is_asked_for_is_not_what_is_granted() {
    let authority = Authority::machine(NOW).unwrap();
    let key = Key::generate(Algorithm::Ed25519).unwrap();
    let request = Request::new(&key, "me", &["os:admin"], &Names::default()).unwrap();

    let leaf = Leaf {
        organizations: Vec::new(),
        ..request.leaf(Usage::Server, DAY)
    };
    let certificate = authority.issue_request(&leaf, &request, NOW).unwrap();

    assert!(certificate.organizations().is_empty());
    assert!(!certificate.is_only_for_clients());
}

#[test]
fn a_request_of_openssl_is_read() {
    let request = Request::from_pem(FOREIGN).unwrap();

    let leaf = request.leaf(Usage::Client, DAY);
    assert_eq!(leaf.common_name, "admin");
    assert_eq!(leaf.organizations, ["os:admin"]);
    assert_eq!(leaf.names, names());
    assert!(Request::from_pem(P384).is_ok());
}

#[test]
fn a_request_that_was_changed_is_refused_wherever_it_was() {
    let key = Key::generate(Algorithm::Ed25519).unwrap();
    let made = Request::new(&key, "me", &["os:reader"], &names()).unwrap();
    let text = made.to_pem();
    let (_, block) = x509_parser::pem::parse_x509_pem(&text).unwrap();
    let der = block.contents;

    for at in 0..der.len() {
        let mut bad = der.clone();
        bad[at] ^= 1;
        assert!(Request::from_der(&bad).is_err(), "byte {at}");
        assert!(Request::from_der(&der[..at]).is_err(), "length {at}");
    }
    let mut longer = der;
    longer.push(0);
    assert!(Request::from_der(&longer).is_err());
}

#[test]
fn requests_of_strange_keys_and_other_blocks_are_refused() {
    assert_eq!(
        Request::from_pem(P521).unwrap_err(),
        Error::UnsupportedCurve("P-521")
    );
    let authority = Authority::machine(NOW).unwrap();
    let certificate = authority.certificate().to_pem();
    assert!(matches!(
        Request::from_pem(&certificate),
        Err(Error::WrongPemKind { .. })
    ));
    assert_eq!(Request::from_pem(b"").unwrap_err(), Error::NotPem);
    let key = authority.key();
    for bad in ["a b\n", &"x".repeat(65)] {
        assert!(Request::new(key, bad, &[], &Names::default()).is_err());
    }
}

#[test]
fn cmd_045_a_key_can_be_its_own_authority_and_server() {
    let key = Key::generate(Algorithm::Ed25519).unwrap();
    let made = Authority::self_signed(key, &["me"], &names(), DAY, NOW).unwrap();

    let (_, other) = X509Certificate::from_der(made.certificate().der()).unwrap();
    other.verify_signature(None).unwrap();
    assert_eq!(made.certificate().addresses(), names().addresses);
    assert!(made.certificate().is_authority());
}
