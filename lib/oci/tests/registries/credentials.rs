// SPDX-License-Identifier: MPL-2.0
//! Who is told what: tokens, redirects, and what stays with whom.
//!
//! Owns: that credentials reach those they are for, and nobody else.
//! Never: meets a registry that could keep them.

use std::sync::{Arc, Mutex};

use ichor_registry::{Faulty, Form, Sample};
use oci::{Auth, Registries, Registry, Tls};
use pki::Secret;

use crate::bed::{failure, faulty, pull, serve};

fn sample() -> Sample {
    Sample::new(Form::Oci, "amd64", &[b"layer"])
}

fn with(place: &str, auth: Auth) -> Registries {
    let registry = Registry {
        tls: Tls::default(),
        auth: Some(auth),
    };
    Registries {
        config: [(place.to_owned(), registry)].into(),
        ..Registries::default()
    }
}

/// A registry that wants the token that is in `valid`, from `realm`.
fn wanting_tokens(sample: &Sample, realm: String, valid: Arc<Mutex<String>>) -> Faulty {
    faulty(sample, move |asked, wire| {
        let wanted = format!("Bearer {}", valid.lock().unwrap());
        let is_known = asked.header("authorization") == Some(wanted.as_str());
        if !is_known {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\",scope=\"repository:a/b:pull\"\r\n"
            );
            wire.say(401, &challenge, b"");
        }
        !is_known
    })
}

#[test]
fn a_token_is_fetched_once_and_again_when_its_time_is_over() {
    let valid = Arc::new(Mutex::new("t1".to_owned()));
    let tokens = {
        let valid = Arc::clone(&valid);
        Faulty::start(move |_, wire| {
            let body = format!(
                "{{\"token\":\"{}\",\"expires_in\":60}}",
                valid.lock().unwrap()
            );
            wire.say(200, "", body.as_bytes());
        })
    };
    let sample = sample();
    let registry = wanting_tokens(
        &sample,
        format!("http://{}/token", tokens.address),
        Arc::clone(&valid),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let registries = with(&registry.address, Auth::basic("me", b"secret"));
        let mut client = oci::Client::new(registries, crate::bed::patience()).unwrap();
        let reference = oci::Reference::parse(&format!("{}/a/b:c", registry.address)).unwrap();
        let image = client
            .resolve(&reference, &oci::Platform::amd64())
            .await
            .unwrap();
        assert_eq!(tokens.asked().len(), 1);

        "t2".clone_into(&mut valid.lock().unwrap());
        let mut out = std::io::Cursor::new(Vec::new());
        client
            .fetch(&image, &image.layers[0], &mut out, |_| ())
            .await
            .unwrap();
        assert_eq!(out.get_ref(), b"layer");
    });

    let asked = tokens.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[0].path,
        "/token?service=s&scope=repository%3Aa%2Fb%3Apull&account=me"
    );
    assert_eq!(asked[0].header("authorization"), Some("Basic bWU6c2VjcmV0"));
    // The password goes to who gives tokens, and to nobody else.
    let of_registry = registry.asked();
    assert!(of_registry.iter().all(|asked| {
        asked
            .header("authorization")
            .is_none_or(|header| header.starts_with("Bearer t"))
    }));
}

#[test]
fn an_identity_token_is_exchanged_and_never_sent_to_the_registry() {
    let tokens = Faulty::start(|asked, wire| {
        let is_right = asked.method == "POST"
            && String::from_utf8_lossy(&asked.body)
                .ends_with("&grant_type=refresh_token&refresh_token=hidden%2B");
        let status = if is_right { 200 } else { 400 };
        wire.say(status, "", br#"{"access_token":"t1"}"#);
    });
    let sample = sample();
    let valid = Arc::new(Mutex::new("t1".to_owned()));
    let registry = wanting_tokens(&sample, format!("http://{}/token", tokens.address), valid);
    let auth = Auth {
        identity_token: Secret::new(b"hidden+".to_vec()),
        ..Auth::default()
    };

    let (_, out) = pull(
        with(&registry.address, auth),
        &format!("{}/a/b:c", registry.address),
    )
    .unwrap();

    assert_eq!(out, b"layer");
    assert!(!format!("{:?}", registry.asked()).contains("hidden"));
}

#[test]
fn every_fault_of_who_gives_tokens_is_one_line() {
    type Fault = fn(&mut ichor_registry::Wire);
    let faults: &[(&str, Fault)] = &[
        ("refuses access (401, no", |wire| {
            wire.say(401, "", br#"{"errors":[{"message":"no"}]}"#)
        }),
        ("refuses access (400", |wire| wire.say(400, "", b"")),
        ("is in trouble (500", |wire| wire.say(500, "", b"")),
        ("sent a token that is none (there is no token", |wire| {
            wire.say(200, "", b"{}")
        }),
        ("sent a token that is none (no JSON", |wire| {
            wire.say(200, "", b"hidden")
        }),
        ("sent a token that is none (it has spaces", |wire| {
            wire.say(200, "", br#"{"token":"hidden\r\nX: y"}"#)
        }),
        ("sent a token that is too large", |wire| {
            wire.head(200, "");
            wire.endless(&[b'a'; 4096]);
        }),
        ("took longer than 500ms to answer", |wire| wire.hang()),
        ("answered 302", |wire| {
            wire.say(302, "Location: http://127.0.0.1:1/\r\n", b"")
        }),
        // One that gives tokens that are worth nothing.
        ("refuses access (401", |wire| {
            wire.say(200, "", br#"{"token":"worthless"}"#)
        }),
    ];
    let sample = sample();
    for (said, fault) in faults {
        let fault = *fault;
        let tokens = Faulty::start(move |_, wire| fault(wire));
        let valid = Arc::new(Mutex::new("t1".to_owned()));
        let registry = wanting_tokens(&sample, format!("http://{}/token", tokens.address), valid);
        let registries = with(&registry.address, Auth::basic("me", b"secret"));
        let error = failure(registries, &format!("{}/a/b:c", registry.address));
        assert!(error.contains(said), "{said}: {error}");
        assert!(
            !error.contains("hidden") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn a_redirect_to_elsewhere_gets_the_image_and_not_the_credentials() {
    let sample = sample();
    let store = {
        let sample = sample.clone();
        Faulty::start(move |asked, wire| serve(&sample, asked, wire))
    };
    let elsewhere = store.address.clone();
    let registry = faulty(&sample, move |asked, wire| {
        if asked.header("authorization").is_none() {
            wire.say(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", b"");
        } else if asked.path.contains("/blobs/") {
            wire.say(
                307,
                &format!("Location: http://{elsewhere}{}\r\n", asked.path),
                b"",
            );
        } else {
            return false;
        }
        true
    });
    let registries = with(&registry.address, Auth::basic("me", b"secret"));

    let (_, out) = pull(registries, &format!("{}/a/b:c", registry.address)).unwrap();

    assert_eq!(out, b"layer");
    assert_eq!(store.asked().len(), 2, "a configuration and a layer");
    assert!(
        store
            .asked()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
}

#[test]
fn whoever_a_redirect_leads_to_is_not_told_who_asks() {
    let sample = sample();
    let curious = Faulty::start(|_, wire| {
        wire.say(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", b"");
    });
    let elsewhere = curious.address.clone();
    let registry = faulty(&sample, move |_, wire| {
        wire.say(302, &format!("Location: http://{elsewhere}/\r\n"), b"");
        true
    });
    let mut registries = with(&registry.address, Auth::basic("me", b"secret"));
    let own = registries.config[&registry.address].clone();
    registries.config.insert(curious.address.clone(), own);

    let error = failure(registries, &format!("{}/a/b:c", registry.address));

    assert!(error.contains("refuses access (401"), "{error}");
    assert!(
        curious
            .asked()
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
}
