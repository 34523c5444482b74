// SPDX-License-Identifier: MPL-2.0
//! Targets: what registries answer, and what users call images.
//!
//! Owns: what holds for any bytes that come from a registry, or as a reference.
//! Never: expects an input to be taken.

use crate::Target;
use oci::{Challenge, Index, Manifest, Platform, Reference};

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Replies: what is read has digests, an end, and fits a machine or says which ones.
pub const REPLY: Target = Target {
    name: "registry-reply",
    seeds: &[
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":1},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":2}]}",
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":2,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\",\"variant\":\"v3\"}}]}",
    ],
    words: &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "-1",
        "1e9",
        "18446744073709551616",
        "\\u0000",
        DIGEST,
        "\"layers\":",
        "\"manifests\":",
        "\"config\":",
        "\"digest\":",
        "\"size\":",
        "\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}",
        "\"mediaType\":",
        "\"schemaVersion\":1",
    ],
    run: |input| {
        if let Ok(manifest) = Manifest::parse(input) {
            assert!(manifest.layers.len() <= 256);
            assert!(Index::parse(input).is_err(), "one document is two things");
        }
        if let Ok(index) = Index::parse(input) {
            for platform in [Platform::amd64(), Platform::arm64()] {
                match index.choose(&platform) {
                    Ok(chosen) => assert_eq!(chosen.digest.to_string().len(), DIGEST.len()),
                    Err(there) => assert!(!there.is_empty() && !there.contains('\n')),
                }
            }
        }
    },
};

/// Challenges: what is read has a realm.
pub const CHALLENGE: Target = Target {
    name: "registry-challenge",
    seeds: &[
        "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
        "Basic realm=\"a\\\"b\", charset=\"UTF-8\"",
    ],
    words: &[
        "Bearer ", "Basic ", "realm=", "\"", "\\", ",", "=", " ", "\t", "\u{e4}", "\0",
    ],
    run: |input| {
        if let Ok(text) = core::str::from_utf8(input)
            && let Some(challenges) = Challenge::parse(text)
        {
            for challenge in challenges {
                if let Challenge::Bearer { realm, .. } = challenge {
                    assert!(realm.len() <= text.len());
                }
            }
        }
    },
};

/// References: what is read prints as what is read again, and has nothing in it that means more.
pub const REFERENCE: Target = Target {
    name: "registry-reference",
    seeds: &[
        "ghcr.io/siderolabs/hello:v1@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "localhost:5000/a__b/c-d:e",
        "[fd00::1]:5000/a",
        "busybox",
    ],
    words: &[
        "/",
        ":",
        "@",
        ".",
        "..",
        "__",
        "-",
        "[",
        "]",
        "%2f",
        "?",
        "#",
        "\\",
        "\n",
        "\0",
        "A",
        "sha256:",
        "localhost",
        "\u{e4}",
    ],
    run: |input| {
        let text = String::from_utf8_lossy(input);
        match Reference::parse(&text) {
            Ok(reference) => {
                let printed = reference.to_string();
                assert_eq!(Reference::parse(&printed).as_ref(), Ok(&reference));
                assert!(!printed.contains("..") && !printed.contains("//"));
                assert!(
                    printed
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@[]".contains(&byte))
                );
            }
            Err(error) => assert!(error.to_string().len() < 4096),
        }
    },
};
