// SPDX-License-Identifier: MPL-2.0
//! Manifests and configurations that are not what they should be, and registries that do not give them.
//!
//! Owns: one fault a case, its line, and that it ends.
//! Never: gets a layer.

use std::time::{Duration, Instant};

use ichor_registry::{Asked, Form, Sample, Wire, index};
use oci::Registries;
use serde_json::json;

use crate::bed::{failure, faulty, pull};

type Fault = fn(&Asked, &mut Wire);

/// Longer than any of these takes with the patience of tests, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn is_manifest(asked: &Asked) -> bool {
    asked.path.contains("/manifests/")
}

#[test]
fn every_fault_of_a_registry_is_one_line_in_bounded_time() {
    let faults: &[(&str, Fault)] = &[
        (
            "has no such manifest (404, manifest unknown); check the name",
            |_, wire| {
                wire.say(
                    404,
                    "",
                    br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                );
            },
        ),
        ("refuses access (403, denied", |_, wire| {
            wire.say(
                403,
                "",
                br#"{"errors":[{"message":"denied\r\nX: \u001b[2J"}]}"#,
            );
        }),
        (
            "asks for credentials in a way that is not taken (neither",
            |_, wire| wire.say(401, "", b""),
        ),
        ("not taken (malformed)", |_, wire| {
            wire.say(401, "WWW-Authenticate: Bearer realm=\"\r\n", b"");
        }),
        (
            "takes no more requests now (429); try again later",
            |_, wire| wire.say(429, "", b""),
        ),
        (
            "takes no more requests for 3600s (429); try again then",
            |_, wire| {
                wire.say(429, "Retry-After: 3600\r\n", b"");
            },
        ),
        (
            "takes no more requests for 61s (429); try again then",
            |_, wire| {
                let headers = "Date: Thu, 29 Feb 2024 23:59:59 GMT\r\n\
                 Retry-After: Fri, 01 Mar 2024 00:01:00 GMT\r\n";
                wire.say(429, headers, b"");
            },
        ),
        (
            "is in trouble (503) and asks for 3600s; try again then",
            |_, wire| wire.say(503, "Retry-After: 3600\r\n", b""),
        ),
        ("is in trouble (500); try again later", |_, wire| {
            wire.say(500, "", b"")
        }),
        ("answered 418, as no registry does", |_, wire| {
            wire.say(418, "", b"")
        }),
        ("answered 204", |_, wire| wire.head(204, "")),
        ("answered 206", |_, wire| wire.say(206, "", b"{}")),
        (
            "took longer than 500ms to answer; try again later",
            |_, wire| wire.hang(),
        ),
        ("took longer than 500ms to send anything", |_, wire| {
            wire.head(200, "Content-Length: 100\r\n");
            wire.hang();
        }),
        ("was cut off (", |_, _| ()),
        ("was cut off (", |_, wire| {
            wire.head(200, "Content-Length: 100\r\n");
            wire.raw(b"{");
        }),
        ("sent an answer that is no HTTP (", |_, wire| {
            wire.raw(b"SSH-2.0-OpenSSH_9.2p1\r\n");
        }),
        ("sent an answer that is no HTTP (", |_, wire| {
            wire.raw(b"HTTP/1.1 200 OK\r\n");
            wire.endless(b"X-Endless: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
        }),
        ("sent an answer that is no HTTP (", |_, wire| {
            wire.raw(b"HTTP/1.1 200 OK\r\nX-Endless: ");
            wire.endless(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        }),
        ("took longer than 500ms to answer", |_, wire| {
            wire.endless(b"HTTP/1.1 100 Continue\r\n\r\n");
        }),
        ("sent a manifest that is too large", |_, wire| {
            wire.head(200, "");
            wire.endless(&[b' '; 4096]);
        }),
        ("sent a manifest that is too large", |_, wire| {
            wire.head(200, "Transfer-Encoding: chunked\r\n");
            wire.endless(&[&b"1000\r\n"[..], &[b' '; 4096], b"\r\n"].concat());
        }),
        ("sent a manifest that is none (expected", |_, wire| {
            wire.say(200, "", b"<html>")
        }),
        ("neither an index nor a manifest", |_, wire| {
            wire.say(200, "", br#"{"schemaVersion":2}"#);
        }),
        ("schema 1, which is no longer used", |_, wire| {
            wire.say(200, "", br#"{"schemaVersion":1,"fsLayers":[]}"#);
        }),
        ("sent a manifest that is sha256:", |_, wire| {
            let digest = format!("Docker-Content-Digest: sha256:{}\r\n", "0".repeat(64));
            wire.say(200, &digest, br#"{"schemaVersion":2}"#);
        }),
        ("sends in circles", |asked, wire| {
            wire.say(302, &format!("Location: {}\r\n", asked.path), b"");
        }),
        ("sends where we do not go (to no URL", |_, wire| {
            wire.say(302, "", b"")
        }),
        ("sends where we do not go (to no URL", |_, wire| {
            wire.say(307, "Location: file:///etc/passwd\r\n", b"");
        }),
    ];
    let sample = Sample::new(Form::Oci, "amd64", &[b"layer"]);
    for (said, fault) in faults {
        let fault = *fault;
        let registry = faulty(&sample, move |asked, wire| {
            fault(asked, wire);
            true
        });
        let start = Instant::now();
        let error = failure(
            Registries::default(),
            &format!("{}/a/b:c", registry.address),
        );
        assert!(
            error.contains(&format!("http://{} {said}", registry.address)) || error.contains(said),
            "{said}: {error}"
        );
        assert!(start.elapsed() < LIMIT, "{said}: {:?}", start.elapsed());
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn nobody_there_is_said_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = failure(Registries::default(), &format!("{address}/a/b:c"));
    assert!(
        error.contains("cannot be reached (") && error.contains("check its name"),
        "{error}"
    );
}

#[test]
fn what_passes_is_tried_again() {
    use std::sync::atomic::{AtomicU32, Ordering};

    let sample = Sample::new(Form::Oci, "amd64", &[b"layer"]);
    let faults: [Fault; 6] = [
        |_, wire| wire.say(429, "Retry-After: 0\r\n", b""),
        |_, wire| wire.say(429, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", b""),
        |_, wire| {
            let headers = "Date: Fri, 31 Dec 9999 23:59:58 GMT\r\n\
                 Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
            wire.say(503, headers, b"");
        },
        |_, wire| wire.say(503, "Retry-After: 1\r\n", b""),
        |_, wire| wire.hang(),
        |_, _| (),
    ];
    for fault in faults {
        let count = AtomicU32::new(0);
        let registry = faulty(&sample, move |asked, wire| {
            let is_first = count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            if is_first {
                fault(asked, wire);
            }
            is_first
        });
        let (_, out) = pull(
            Registries::default(),
            &format!("{}/a/b:c", registry.address),
        )
        .unwrap();
        assert_eq!(out, b"layer");
        assert_eq!(registry.asked().len(), 6, "everything twice");
    }
}

#[test]
fn documents_that_lie_are_not_taken() {
    let sample = Sample::new(Form::Oci, "amd64", &[b"layer"]);
    let other = Sample::new(Form::Oci, "amd64", &[b"other"]);

    // A manifest that is not the one that was pinned.
    let (forged, pin) = (other.manifest.clone(), sample.digest());
    let registry = faulty(&sample, move |asked, wire| {
        let is_it = is_manifest(asked);
        if is_it {
            wire.say(200, "", &forged);
        }
        is_it
    });
    let error = pull(
        Registries::default(),
        &format!("{}/a/b@{pin}", registry.address),
    )
    .unwrap_err();
    let wanted = format!(
        "sent a manifest that is {} and not {pin}; it is damaged or forged",
        other.digest()
    );
    assert!(error.to_string().contains(&wanted), "{error}");

    // A configuration that is not the one that the manifest names, or has another length than it says.
    let registry = faulty(&sample, |asked, wire| {
        let is_it = !is_manifest(asked);
        if is_it {
            wire.say(200, "", b"{}");
        }
        is_it
    });
    let error = failure(
        Registries::default(),
        &format!("{}/a/b:c", registry.address),
    );
    assert!(
        error.contains("sent a configuration that is sha256:"),
        "{error}"
    );

    let mut longer = sample.clone();
    let text = String::from_utf8(longer.manifest.clone()).unwrap();
    let size = format!("\"size\":{}", sample.blobs[0].len());
    longer.manifest = text.replacen(&size, "\"size\":77", 1).into_bytes();
    let registry = faulty(&longer, |_, _| false);
    let error = failure(
        Registries::default(),
        &format!("{}/a/b:c", registry.address),
    );
    assert!(
        error.contains("a configuration that is not of 77 bytes"),
        "{error}"
    );
}

#[test]
fn an_image_for_other_machines_is_refused_with_their_names() {
    let sample = Sample::new(Form::Oci, "arm64", &[b"layer"]);
    let registry = faulty(&sample, |_, _| false);
    let error = failure(
        Registries::default(),
        &format!("{}/a/b:c", registry.address),
    );
    assert!(
        error.contains("has no image for amd64, only for linux/arm64; ask"),
        "{error}"
    );

    let (_, listed) = index(
        Form::Oci,
        &[(&sample, "arm64", "v8"), (&sample, "s390x", "")],
    );
    let registry = faulty(&sample, move |asked, wire| {
        let is_it = is_manifest(asked);
        if is_it {
            wire.say(200, "", &listed);
        }
        is_it
    });
    let error = failure(
        Registries::default(),
        &format!("{}/a/b:c", registry.address),
    );
    assert!(
        error.contains("only for linux/arm64/v8, linux/s390x; ask"),
        "{error}"
    );
}

#[test]
fn a_configuration_with_other_layers_is_refused() {
    let configuration = json!({ "rootfs": { "type": "layers", "diff_ids": [] } });
    let sample = Sample::with(Form::Oci, &configuration, &[b"layer"]);
    let registry = faulty(&sample, |_, _| false);
    let error = failure(
        Registries::default(),
        &format!("{}/a/b:c", registry.address),
    );
    assert!(
        error.contains("sent a configuration that is none (it has other layers"),
        "{error}"
    );
}
