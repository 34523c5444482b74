// SPDX-License-Identifier: MPL-2.0
//! Where the secrets of a cluster come from, and which are refused.
//!
//! Owns: the promises of `gen secrets`.
//! Never: reads a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{
    GenerateError, GenerateOptions, KubernetesPki, Release, SecretText, SecretsBundle,
    SecretsError, generate,
};
use pki::{Algorithm, Authority, Key, Secret, UnixTime};

const NOW: UnixTime = UnixTime(1_790_000_000);

fn bundle() -> SecretsBundle {
    SecretsBundle::generate(NOW).unwrap()
}

fn options(version: &str) -> GenerateOptions {
    GenerateOptions {
        talos_version: version.to_owned(),
        ..GenerateOptions::default()
    }
}

fn release(text: &str) -> Release {
    Release::parse(text).unwrap()
}

/// The folder of another tool's cluster.
fn foreign() -> KubernetesPki {
    let pem = |authority: Authority| authority.to_pem().unwrap();
    KubernetesPki {
        kubernetes: pem(Authority::kubernetes(NOW).unwrap()),
        aggregator: pem(Authority::aggregator(NOW).unwrap()),
        etcd: pem(Authority::etcd(NOW).unwrap()),
        service_account: Key::generate(Algorithm::EcdsaP256)
            .unwrap()
            .to_pem()
            .unwrap(),
    }
}

#[test]
fn cmd_046_new_secrets_are_complete_for_every_release_with_elliptic_keys() {
    for (version, old_cipher) in [("", false), ("v1.3", false), ("v1.2", true), ("v0.9", true)] {
        let made = SecretsBundle::generate_for(release(version), NOW).unwrap();

        assert_eq!(made.check(), Ok(()), "{version}");
        assert_eq!(!made.secrets.aescbcencryptionsecret.is_empty(), old_cipher);
        assert_eq!(
            made.secrets.secretboxencryptionsecret.is_empty(),
            old_cipher
        );
        let text = made.to_yaml();
        assert_eq!(
            text.contains("aescbcencryptionsecret:"),
            old_cipher,
            "{version}"
        );
        assert_eq!(SecretsBundle::load(text.as_bytes()).unwrap(), made);
    }
}

#[test]
fn cmd_046_the_file_has_the_keys_of_the_format_in_their_order() {
    let text = bundle().to_yaml();
    let keys: Vec<&str> = text
        .lines()
        .map(|line| line.split(':').next().unwrap().trim())
        .collect();

    assert_eq!(
        keys,
        [
            "cluster",
            "id",
            "secret",
            "secrets",
            "bootstraptoken",
            "secretboxencryptionsecret",
            "trustdinfo",
            "token",
            "certs",
            "etcd",
            "crt",
            "key",
            "k8s",
            "crt",
            "key",
            "k8saggregator",
            "crt",
            "key",
            "k8sserviceaccount",
            "key",
            "os",
            "crt",
            "key",
        ]
    );
}

#[test]
fn pki_03_secrets_come_back_out_of_a_control_plane_configuration() {
    for version in ["", "v1.2"] {
        let secrets = SecretsBundle::generate_for(release(version), NOW).unwrap();
        let made = generate("home", "10.0.0.1", &secrets, &options(version)).unwrap();

        let taken = SecretsBundle::from_controlplane(&made.controlplane).unwrap();

        assert_eq!(taken, secrets, "{version}");
        assert_eq!(
            SecretsBundle::from_controlplane(&made.worker),
            Err(SecretsError::NotControlPlane)
        );
    }
}

#[test]
fn a_control_plane_configuration_that_lost_a_secret_is_refused_by_its_name() {
    let made = generate("home", "10.0.0.1", &bundle(), &options("")).unwrap();
    let without = |change: &dyn Fn(&mut config::Document)| {
        let mut document = made.controlplane.clone();
        change(&mut document);
        let refused = SecretsBundle::from_controlplane(&document);
        refused.unwrap_err().to_string()
    };

    for (refusal, expected) in [
        (without(&|d| d.cluster = None), "cluster: missing"),
        (
            without(&|d| d.machine.as_mut().unwrap().ca = None),
            "machine.ca: missing",
        ),
        (
            without(&|d| d.cluster.as_mut().unwrap().etcd = None),
            "cluster.etcd.ca: missing",
        ),
        (
            without(&|d| {
                let ca = d.machine.as_mut().unwrap().ca.as_mut().unwrap();
                *ca = ca.without_key();
            }),
            "certs.os: missing",
        ),
        (
            without(&|d| d.cluster.as_mut().unwrap().token = SecretText::default()),
            "secrets.bootstraptoken: missing",
        ),
    ] {
        assert_eq!(refusal, expected);
    }
}

#[test]
fn cmd_046_the_keys_of_another_cluster_are_kept_byte_for_byte() {
    let keys = foreign();
    let token = "abcdef.0123456789abcdef";

    let made =
        SecretsBundle::from_kubernetes_pki(keys.clone(), Some(token), release(""), NOW).unwrap();

    assert_eq!(made.certs.k8s.crt.0, keys.kubernetes.0);
    assert_eq!(made.certs.etcd.key, keys.etcd.1);
    assert_eq!(made.certs.k8saggregator.crt.0, keys.aggregator.0);
    assert_eq!(made.certs.k8sserviceaccount.key, keys.service_account);
    assert_eq!(made.secrets.bootstraptoken.expose(), token);
    assert!(made.machine_authority().is_ok());
    let own = SecretsBundle::from_kubernetes_pki(keys, None, release(""), NOW).unwrap();
    assert_ne!(own.secrets.bootstraptoken.expose(), token);
}

#[test]
fn the_keys_of_another_cluster_that_do_not_fit_are_refused_by_their_name() {
    let take = |keys, token| {
        let refused = SecretsBundle::from_kubernetes_pki(keys, token, release(""), NOW);
        refused.unwrap_err().to_string()
    };
    let bad = |change: &dyn Fn(&mut KubernetesPki)| {
        let mut keys = foreign();
        change(&mut keys);
        take(keys, None)
    };

    let swapped = bad(&|keys| keys.kubernetes.1 = foreign().kubernetes.1);
    assert_eq!(
        swapped,
        "certs.k8s: the key does not belong to the certificate"
    );
    let leaf = bad(&|keys| keys.service_account = Secret::new(b"sa".to_vec()));
    assert_eq!(leaf, "certs.k8sserviceaccount: not PEM");
    let none = bad(&|keys| keys.etcd.1 = Secret::default());
    assert_eq!(none, "certs.etcd: missing");
    for token in [
        "",
        "abc",
        "abcdef.0123",
        "ABCDEF.0123456789abcdef",
        "abcdef-0123456789abcdef",
    ] {
        let refusal = take(foreign(), Some(token));
        assert!(
            refusal.starts_with("secrets.bootstraptoken: "),
            "{token:?} {refusal}"
        );
    }
}

#[test]
fn a_secrets_file_whose_parts_do_not_fit_is_refused_by_their_name() {
    let other = bundle();
    let refused = |change: &dyn Fn(&mut SecretsBundle)| {
        let mut bundle = bundle();
        change(&mut bundle);
        bundle.check().unwrap_err().to_string()
    };

    for (refusal, name) in [
        (
            refused(&|b| b.certs.os.key = other.certs.os.key.clone()),
            "certs.os",
        ),
        (
            refused(&|b| b.certs.os = b.certs.os.without_key()),
            "certs.os",
        ),
        (
            refused(&|b| b.certs.etcd.crt = other.certs.k8s.crt.clone()),
            "certs.etcd",
        ),
        (
            refused(&|b| b.cluster.secret = SecretText::new("AAAA".into())),
            "cluster.secret",
        ),
        (
            refused(&|b| b.cluster.secret = SecretText::new("?".into())),
            "cluster.secret",
        ),
        (
            refused(&|b| b.trustdinfo.token = SecretText::new("x".into())),
            "trustdinfo.token",
        ),
        (
            refused(&|b| b.secrets.secretboxencryptionsecret = SecretText::default()),
            "secrets.secretboxencryptionsecret",
        ),
    ] {
        assert!(refusal.starts_with(&format!("{name}: ")), "{refusal}");
    }
}

#[test]
fn secrets_without_an_aggregator_generate_for_old_releases_only() {
    let mut old = SecretsBundle::generate_for(release("v0.9"), NOW).unwrap();
    old.certs.k8saggregator = config::document::CertificateAndKey::default();
    old.certs.k8sserviceaccount = config::document::KeyOnly::default();

    assert_eq!(
        generate("home", "10.0.0.1", &old, &options("v1.6")),
        Err(GenerateError::MissingSecret("certs.k8saggregator"))
    );
    let made = generate("home", "10.0.0.1", &old, &options("v0.8")).unwrap();
    let text = made.controlplane.to_yaml();
    assert!(!text.contains("aggregatorCA") && !text.contains("serviceAccount"));
}
