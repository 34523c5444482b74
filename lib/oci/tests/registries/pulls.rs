// SPDX-License-Identifier: MPL-2.0
//! Pulls that succeed, from a real registry in all its variants.
//!
//! Owns: plain, TLS, client certificates, passwords, mirrors, indexes.
//! Never: has a fault in it.

use ichor_registry::{Form, PASSWORD, Real, Sample, Setup, USER, index};
use oci::{Auth, Digest, Identity, Mirror, Platform, Registries, Registry, Tls};
use pki::{Authority, Leaf, Names, UnixTime};

use crate::bed::{failure, faulty, noise, patience, pull, pull_for};

/// The clock of certificates.
fn now() -> UnixTime {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    UnixTime(i64::try_from(since.as_secs()).unwrap())
}

fn sample() -> (Sample, Vec<u8>) {
    let (one, two) = (noise(300_000), b"a small layer".to_vec());
    let sample = Sample::new(Form::Oci, "amd64", &[&one, &two]);
    (sample, [one, two].concat())
}

#[test]
fn an_image_comes_with_its_configuration_and_its_layers_in_order() {
    let registry = Real::start(&Setup::default());
    let (oci, layers) = sample();
    let docker = Sample::new(Form::Docker, "amd64", &[&layers]);
    registry.push("a/b", "oci", &oci);
    registry.push("a/b", "docker", &docker);

    for (tag, sample) in [("oci", &oci), ("docker", &docker)] {
        let (image, out) = pull(
            Registries::default(),
            &format!("{}/a/b:{tag}", registry.address),
        )
        .unwrap();

        assert!(out == layers);
        assert_eq!(image.digest.to_string(), sample.digest());
        assert_eq!(image.manifest, image.digest);
        assert_eq!(image.configuration.run.entrypoint, ["/hello"]);
        assert_eq!(image.configuration.run.env, ["A=b"]);
        assert_eq!(image.configuration.run.user, "7");
        assert_eq!(image.configuration.run.workdir, "/srv");
        assert_eq!(image.layers[0].unpacked, image.layers[0].descriptor.digest);
    }
}

#[test]
fn a_pinned_image_is_the_one_that_was_meant_or_none() {
    let registry = Real::start(&Setup::default());
    let (one, layers) = sample();
    registry.push("a/b", "t", &one);
    registry.push("a/b", "t", &Sample::new(Form::Oci, "amd64", &[b"another"]));

    // The tag has moved on, and does not count.
    let pinned = format!("{}/a/b:t@{}", registry.address, one.digest());
    let (image, out) = pull(Registries::default(), &pinned).unwrap();
    assert!(out == layers && image.digest.to_string() == one.digest());

    let none = format!("{}/a/b@{}", registry.address, Digest::of(b"none"));
    let error = pull(Registries::default(), &none).unwrap_err().to_string();
    assert!(
        error.contains("has no such manifest (404, manifest unknown); check"),
        "{error}"
    );
}

#[test]
fn of_an_index_the_image_for_the_machine_is_taken() {
    let registry = Real::start(&Setup::default());
    for form in [Form::Oci, Form::Docker] {
        let images =
            [("amd64", ""), ("arm64", "v8"), ("amd64", "v3")].map(|(architecture, variant)| {
                let sample = Sample::new(
                    form,
                    architecture,
                    &[format!("{architecture}{variant}").as_bytes()],
                );
                registry.push("a/b", "part", &sample);
                (sample, architecture, variant)
            });
        let listed: Vec<_> = images
            .iter()
            .map(|(sample, arch, variant)| (sample, *arch, *variant))
            .collect();
        let (media_type, bytes) = index(form, &listed);
        registry.push_manifest("a/b", "all", &media_type, &bytes);

        let reference = format!("{}/a/b:all", registry.address);
        for (platform, layer) in [
            ("amd64", "amd64"),
            ("arm64", "arm64v8"),
            ("amd64/v4", "amd64v3"),
        ] {
            let platform = Platform::parse(platform).unwrap();
            let (image, out) =
                pull_for(Registries::default(), &reference, &platform, patience()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), layer);
            assert_eq!(image.digest, Digest::of(&bytes));
            assert_ne!(image.manifest, image.digest);
        }
    }
}

/// Settings for one place.
fn settings(place: &str, registry: Registry) -> Registries {
    Registries {
        config: [(place.to_owned(), registry)].into(),
        ..Registries::default()
    }
}

#[test]
fn reg_06_tls_with_an_authority_of_ones_own_and_certificates_of_clients() {
    let authority = Authority::machine(now()).unwrap();
    let names = Names::parse(["127.0.0.1", "localhost"]).unwrap();
    let server = authority
        .issue(&Leaf::api_server("registry", names), now())
        .unwrap();
    let plain = Real::start(&Setup::default());
    let (sample, layers) = sample();
    plain.push("a/b", "t", &sample);
    let ca = authority.certificate().to_pem();
    let pair = |identity: &pki::Identity| {
        (
            identity.certificate.to_pem(),
            identity.key.to_pem().unwrap().expose().to_vec(),
        )
    };
    let setup = |clients| Setup {
        tls: Some(pair(&server)),
        clients,
        store: Some(plain.store()),
        ..Setup::default()
    };
    let registry = Real::start(&setup(None));
    let reference = format!("{}/a/b:t", registry.address);
    let with = |tls: Tls| settings(&registry.address, Registry { tls, auth: None });
    let trusting = Tls {
        ca: ca.clone(),
        ..Tls::default()
    };

    assert!(pull(with(trusting.clone()), &reference).unwrap().1 == layers);
    let anybody = Tls {
        insecure_skip_verify: true,
        ..Tls::default()
    };
    assert!(pull(with(anybody), &reference).unwrap().1 == layers);
    let other = Tls {
        ca: Authority::machine(now()).unwrap().certificate().to_pem(),
        ..Tls::default()
    };
    let error = failure(with(other), &reference);
    assert!(
        error.contains("is not believed (") && error.contains("tls.ca"),
        "{error}"
    );
    // Without TLS it says that it wants some.
    let error = failure(Registries::default(), &reference);
    assert!(error.contains("answered 400"), "{error}");

    let strict = Real::start(&setup(Some(ca)));
    let reference = format!("{}/a/b:t", strict.address);
    let client = authority
        .issue(
            &Leaf::client(&["os:reader"], std::time::Duration::from_secs(3600)),
            now(),
        )
        .unwrap();
    let (certificate, _) = pair(&client);
    let known = Tls {
        identity: Some(Identity {
            certificate,
            key: client.key.to_pem().unwrap(),
        }),
        ..trusting.clone()
    };
    let with = |tls: Tls| settings(&strict.address, Registry { tls, auth: None });
    assert!(pull(with(known), &reference).unwrap().1 == layers);
    let error = failure(with(trusting), &reference);
    assert!(
        error.contains("is not believed (") || error.contains("was cut off"),
        "{error}"
    );
}

#[test]
fn reg_06_a_password_is_asked_for_and_given() {
    let plain = Real::start(&Setup::default());
    let (sample, layers) = sample();
    plain.push("a/b", "t", &sample);
    let registry = Real::start(&Setup {
        has_password: true,
        store: Some(plain.store()),
        ..Setup::default()
    });
    let reference = format!("{}/a/b:t", registry.address);
    let with = |password: &str| {
        let auth = Some(Auth::basic(USER, password.as_bytes()));
        settings(
            &registry.address,
            Registry {
                tls: Tls::default(),
                auth,
            },
        )
    };

    assert!(pull(with(PASSWORD), &reference).unwrap().1 == layers);
    for registries in [with("wrong-secret"), Registries::default()] {
        let error = failure(registries, &reference);
        assert!(
            error.contains("refuses access (401") && error.contains("credentials"),
            "{error}"
        );
        assert!(!error.contains("wrong-secret"));
    }
}

#[test]
fn reg_04_a_cache_before_a_registry_is_asked_instead_of_it() {
    let upstream = Real::start(&Setup::default());
    let (sample, layers) = sample();
    upstream.push("library/a", "t", &sample);
    let cache = Real::start(&Setup {
        mirror_of: Some(format!("http://{}", upstream.address)),
        ..Setup::default()
    });
    let mirror = |endpoints: &[&str]| Registries {
        mirrors: [(
            "docker.io".to_owned(),
            Mirror {
                endpoints: endpoints
                    .iter()
                    .map(|address| format!("http://{address}"))
                    .collect(),
                skip_fallback: true,
                ..Mirror::default()
            },
        )]
        .into(),
        ..Registries::default()
    };

    assert!(pull(mirror(&[&cache.address]), "a:t").unwrap().1 == layers);
    drop(upstream);
    // What it has, it has.
    let pinned = format!("a@{}", sample.digest());
    assert!(pull(mirror(&[&cache.address]), &pinned).unwrap().1 == layers);
}

#[test]
fn reg_04_reg_05_mirrors_are_asked_in_order_and_on_the_path_that_is_set() {
    let (sample, _) = sample();
    let broken = faulty(&sample, |_, wire| {
        wire.say(503, "", b"");
        true
    });
    let empty = faulty(&sample, |_, wire| {
        wire.say(404, "", b"");
        true
    });
    let harbor = {
        let sample = sample.clone();
        ichor_registry::Faulty::start(move |asked, wire| {
            let path = asked
                .path
                .replacen("/v2/proxy-docker.io/library/x", "/v2/a/b", 1);
            let asked = ichor_registry::Asked {
                path,
                ..asked.clone()
            };
            crate::bed::serve(&sample, &asked, wire);
        })
    };
    let mirror = Mirror {
        endpoints: vec![
            format!("http://{}/v2", broken.address),
            format!("http://{}/v2", empty.address),
            format!("http://{}/v2/proxy-docker.io", harbor.address),
        ],
        override_path: true,
        skip_fallback: true,
    };
    let registries = Registries {
        mirrors: [("*".to_owned(), mirror)].into(),
        ..Registries::default()
    };

    pull(registries, "x:c").unwrap();

    assert_eq!(broken.asked().len(), 3, "tried again, and then never more");
    assert_eq!(empty.asked().len(), 1);
    let asked = harbor.asked();
    assert_eq!(
        asked[0].path,
        "/v2/proxy-docker.io/library/x/manifests/c?ns=docker.io"
    );
    assert_eq!(
        asked.len(),
        4,
        "a manifest, a configuration, and two layers"
    );
}

#[test]
fn all_places_that_were_asked_are_named() {
    let (sample, _) = sample();
    let empty = faulty(&sample, |_, wire| {
        wire.say(404, "", b"");
        true
    });
    let registry = faulty(&sample, |_, wire| {
        wire.say(403, "", b"");
        true
    });
    let mirror = Mirror {
        endpoints: vec![format!("http://{}", empty.address)],
        ..Mirror::default()
    };
    let registries = Registries {
        mirrors: [(registry.address.clone(), mirror)].into(),
        ..Registries::default()
    };

    let error = failure(registries, &format!("{}/a/b:c", registry.address));

    let one = format!("http://{} has no such manifest (404)", empty.address);
    let two = format!("http://{} refuses access (403)", registry.address);
    assert!(error.contains(&one) && error.contains(&two), "{error}");
}
