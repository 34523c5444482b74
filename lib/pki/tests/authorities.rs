// SPDX-License-Identifier: MPL-2.0
//! What the authorities sign, read by somebody else's parser, and what they refuse.
//!
//! Owns: the promises of the table of certificates.
//! Never: reads a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use pki::{Algorithm, Authority, Certificate, Error, Identity, Key, Leaf, Names, UnixTime, Usage};
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

const NOW: UnixTime = UnixTime(1_790_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn names() -> Names {
    Names::parse(["node.example.org", "10.1.2.3", "fd00::1"]).unwrap()
}

fn parsed(certificate: &Certificate) -> X509Certificate<'_> {
    let (rest, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    assert!(rest.is_empty());
    parsed
}

#[test]
fn authorities_sign_themselves_and_live_ten_years() {
    for (authority, organization) in [
        (Authority::machine(NOW).unwrap(), Some("talos")),
        (Authority::kubernetes(NOW).unwrap(), Some("kubernetes")),
        (Authority::etcd(NOW).unwrap(), Some("etcd")),
        (Authority::aggregator(NOW).unwrap(), None),
    ] {
        let other = parsed(authority.certificate());

        other.verify_signature(None).unwrap();
        assert!(other.is_ca());
        let usage = other.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && usage.value.digital_signature());
        let extended = other.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && extended.client_auth);
        assert_eq!(
            other.validity().not_after.timestamp(),
            NOW.0 + 87_600 * 3_600
        );
        assert_eq!(
            other
                .subject()
                .iter_organization()
                .next()
                .map(|o| o.as_str().unwrap()),
            organization
        );
        assert_eq!(
            authority
                .certificate()
                .organizations()
                .first()
                .map(String::as_str),
            organization
        );
        assert!(authority.certificate().is_authority());
    }
}

#[test]
fn the_kinds_of_keys_are_those_that_clusters_expect() {
    let kind = |authority: Result<Authority, Error>| authority.unwrap().key().algorithm();

    assert_eq!(kind(Authority::machine(NOW)), Algorithm::Ed25519);
    assert_eq!(kind(Authority::maintenance(NOW)), Algorithm::Ed25519);
    assert_eq!(kind(Authority::kubernetes(NOW)), Algorithm::EcdsaP256);
    assert_eq!(kind(Authority::aggregator(NOW)), Algorithm::EcdsaP256);
    assert_eq!(kind(Authority::etcd(NOW)), Algorithm::EcdsaP256);
}

#[test]
fn a_leaf_says_who_it_is_and_verifies_against_its_authority() {
    for authority in [
        Authority::machine(NOW).unwrap(),
        Authority::etcd(NOW).unwrap(),
    ] {
        let server = authority
            .issue(&Leaf::api_server("node", names()), NOW)
            .unwrap();

        let other = parsed(&server.certificate);
        let issuer = parsed(authority.certificate());
        other.verify_signature(Some(issuer.public_key())).unwrap();
        assert_eq!(other.issuer().as_raw(), issuer.subject().as_raw());
        assert!(!other.is_ca());
        let extended = other.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && !extended.client_auth);
        assert_eq!(
            other
                .subject_alternative_name()
                .unwrap()
                .unwrap()
                .value
                .general_names
                .len(),
            3
        );
        assert_eq!(server.certificate.common_name(), Some("node"));
        assert_eq!(server.certificate.dns_names(), ["node.example.org"]);
        assert_eq!(server.certificate.addresses(), names().addresses);
        assert_eq!(server.certificate.not_after(), NOW.after(DAY));
        assert!(server.certificate.not_before() < NOW);
        assert_eq!(server.key.algorithm(), authority.key().algorithm());
    }
}

#[test]
fn a_client_carries_every_role_it_was_given() {
    let authority = Authority::machine(NOW).unwrap();
    let leaf = Leaf::client(&["os:reader", "os:admin", "os:etcd:backup"], 365 * DAY);
    let client = authority.issue(&leaf, NOW).unwrap();

    let mut roles = pki::organizations(client.certificate.der()).unwrap();
    roles.sort();
    assert_eq!(roles, ["os:admin", "os:etcd:backup", "os:reader"]);
    let extended = parsed(&client.certificate);
    let extended = extended.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.client_auth && !extended.server_auth);
    assert_eq!(client.certificate.not_after(), NOW.after(365 * DAY));
}

#[test]
fn maintenance_and_impersonator_certificates_are_named_as_clients_expect() {
    let authority = Authority::maintenance(NOW).unwrap();
    let server = authority.issue(&Leaf::maintenance(names()), NOW).unwrap();
    let client = authority.issue(&Leaf::api_client("node"), NOW).unwrap();

    assert_eq!(
        server.certificate.common_name(),
        Some("maintenance-service.talos.dev")
    );
    assert_eq!(client.certificate.organizations(), ["os:impersonator"]);
    assert_eq!(authority.certificate().not_after(), NOW.after(DAY));
}

#[test]
fn keys_and_certificates_survive_pem() {
    for authority in [
        Authority::machine(NOW).unwrap(),
        Authority::kubernetes(NOW).unwrap(),
    ] {
        let (certificate, key) = authority.to_pem().unwrap();
        let again = Authority::from_pem(&certificate, key.expose()).unwrap();

        assert_eq!(again.certificate(), authority.certificate());
        assert_eq!(again.key().pkcs8_der(), authority.key().pkcs8_der());
        assert_eq!(again.to_pem().unwrap().1, key);
    }
}

#[test]
fn keys_are_written_under_the_names_that_talos_reads() {
    let first_line = |authority: Authority| {
        let key = authority.key().to_pem().unwrap();
        String::from_utf8(key.expose().to_vec())
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };

    let machine = first_line(Authority::machine(NOW).unwrap());
    assert_eq!(machine, "-----BEGIN ED25519 PRIVATE KEY-----");
    assert_eq!(
        first_line(Authority::etcd(NOW).unwrap()),
        "-----BEGIN EC PRIVATE KEY-----"
    );
}

#[test]
fn a_leaf_can_be_renewed_for_the_same_key() {
    let authority = Authority::machine(NOW).unwrap();
    let leaf = Leaf::api_server("node", names());
    let first = authority.issue(&leaf, NOW).unwrap();
    let later = NOW.after(DAY / 2);
    let second = authority.issue_for(&leaf, &first.key, later).unwrap();

    assert_eq!(
        second.key_fingerprint(),
        first.certificate.key_fingerprint()
    );
    assert_ne!(second.fingerprint(), first.certificate.fingerprint());
    assert_eq!(second.not_after(), later.after(DAY));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (
        Authority::machine(NOW).unwrap(),
        Authority::machine(NOW).unwrap(),
    );
    let (certificate, _) = one.to_pem().unwrap();
    let (_, key) = other.to_pem().unwrap();

    assert_eq!(
        Identity::from_pem(&certificate, key.expose()).unwrap_err(),
        Error::KeyMismatch
    );
}

#[test]
fn a_leaf_cannot_pose_as_an_authority() {
    let authority = Authority::machine(NOW).unwrap();
    let leaf = authority
        .issue(&Leaf::client(&["os:admin"], DAY), NOW)
        .unwrap();
    let key = leaf.key.to_pem().unwrap();

    let refused = Authority::from_pem(&leaf.certificate.to_pem(), key.expose());
    assert_eq!(refused.unwrap_err(), Error::NotAnAuthority);
}

#[test]
fn names_that_cannot_stand_in_a_certificate_are_refused() {
    let authority = Authority::machine(NOW).unwrap();
    let long = "o".repeat(65);
    for bad in ["", "two\nlines", &long] {
        let refused = authority.issue(&Leaf::client(&[bad], DAY), NOW);
        assert!(matches!(refused, Err(Error::BadName(_))), "{bad:?}");
    }
    let mut leaf = Leaf::api_server("node", Names::default());
    leaf.names.dns.push("not a name".to_owned());
    assert!(matches!(
        authority.issue(&leaf, NOW),
        Err(Error::BadName(_))
    ));
}

#[test]
fn dates_beyond_the_calendar_are_refused() {
    assert_eq!(
        Authority::machine(UnixTime(i64::MAX)).unwrap_err(),
        Error::TimeOutOfRange
    );
    let authority = Authority::machine(NOW).unwrap();
    let leaf = Leaf::client(&["os:admin"], Duration::MAX);
    assert_eq!(
        authority.issue(&leaf, NOW).unwrap_err(),
        Error::TimeOutOfRange
    );
}

#[test]
fn pem_of_the_wrong_kind_is_refused_by_name() {
    let (certificate, key) = Authority::machine(NOW).unwrap().to_pem().unwrap();

    assert!(matches!(
        Certificate::from_pem(key.expose()),
        Err(Error::WrongPemKind { .. })
    ));
    assert!(matches!(
        Key::from_pem(&certificate),
        Err(Error::WrongPemKind { .. })
    ));
    assert!(Certificate::from_pem(b"").is_err());
}

#[test]
fn no_truncated_or_damaged_certificate_makes_the_reader_panic() {
    let authority = Authority::machine(NOW).unwrap();
    let leaf = authority
        .issue(&Leaf::api_server("node", names()), NOW)
        .unwrap();
    let der = leaf.certificate.der();

    for end in 0..der.len() {
        assert!(Certificate::from_der(&der[..end]).is_err(), "cut at {end}");
    }
    for at in 0..der.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = der.to_vec();
            bytes[at] ^= flip;
            let _ = Certificate::from_der(&bytes);
        }
    }
}

#[test]
fn no_damaged_key_makes_the_reader_panic() {
    for algorithm in [
        Algorithm::Ed25519,
        Algorithm::EcdsaP256,
        Algorithm::EcdsaP384,
    ] {
        let der = Key::generate(algorithm).unwrap().pkcs8_der().to_vec();

        for end in 0..der.len() {
            assert!(Key::from_pkcs8(&der[..end]).is_err(), "cut at {end}");
        }
        for at in 0..der.len() {
            let mut bytes = der.clone();
            bytes[at] ^= 0x41;
            let _ = Key::from_pkcs8(&bytes);
        }
    }
}

#[test]
fn debug_shows_no_key() {
    let authority = Authority::machine(NOW).unwrap();
    let key = authority.key();
    let seed: Vec<String> = key.pkcs8_der()[16..48]
        .iter()
        .map(ToString::to_string)
        .collect();

    let shown = format!("{authority:?} {:?} {:?}", key, key.to_pem().unwrap());

    assert!(shown.contains("******"));
    assert!(!shown.contains(&seed.join(", ")));
    assert!(!shown.contains("PRIVATE KEY"));
}

#[test]
fn usage_for_both_sides_and_key_encipherment_are_written_when_asked() {
    let authority = Authority::etcd(NOW).unwrap();
    let mut leaf = Leaf::api_server("etcd", names());
    leaf.usage = Usage::ServerAndClient;
    leaf.key_encipherment = true;
    let issued = authority.issue(&leaf, NOW).unwrap();

    let other = parsed(&issued.certificate);
    let extended = other.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.client_auth);
    assert!(other.key_usage().unwrap().unwrap().value.key_encipherment());
}

#[test]
fn fingerprints_have_the_forms_that_tools_print() {
    let authority = Authority::machine(NOW).unwrap();
    let certificate = authority.certificate();

    assert_eq!(certificate.fingerprint().len(), 64);
    assert!(
        certificate
            .fingerprint()
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
    );
    assert_eq!(certificate.key_fingerprint().len(), 44);
}
