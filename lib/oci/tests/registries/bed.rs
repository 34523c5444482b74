// SPDX-License-Identifier: MPL-2.0
//! What the tests share: a pull from beginning to end.
//!
//! Owns: how patient tests are.
//! Never: asserts anything by itself.

use std::io::Cursor;
use std::time::Duration;

use ichor_registry::{Asked, Faulty, Sample, Wire};
use oci::{Client, Error, Image, Mirror, Patience, Platform, Reference, Registries};

/// Quick, so that what is waited for in vain is not waited for long.
pub(crate) fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        idle: Duration::from_millis(500),
        document: Duration::from_secs(20),
        slowest: 1 << 20,
        tries: 3,
        pause: Duration::from_millis(10),
        pause_max: Duration::from_secs(1),
    }
}

/// An image, with its layers one behind the other.
pub(crate) type Pulled = Result<(Image, Vec<u8>), Error>;

/// Pulls everything.
pub(crate) fn pull(registries: Registries, reference: &str) -> Pulled {
    pull_for(registries, reference, &Platform::amd64(), patience())
}

pub(crate) fn pull_for(
    registries: Registries,
    reference: &str,
    platform: &Platform,
    patience: Patience,
) -> Pulled {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let reference = Reference::parse(reference).unwrap();
        let mut client = Client::new(registries, patience)?;
        let image = client.resolve(&reference, platform).await?;
        let mut out = Cursor::new(Vec::new());
        for layer in &image.layers {
            let before = out.position();
            client
                .fetch(&image, layer, &mut out, |at| {
                    assert!(at > 0 && at <= layer.descriptor.size);
                })
                .await?;
            assert_eq!(out.position() - before, layer.descriptor.size);
        }
        Ok((image, out.into_inner()))
    })
}

/// The error of a pull, as one line that names the image.
pub(crate) fn failure(registries: Registries, reference: &str) -> String {
    let error = pull(registries, reference).unwrap_err().to_string();
    let repository = &reference[..reference.rfind(':').unwrap()];
    assert!(
        error.starts_with(&format!("cannot pull {repository}: ")),
        "{error}"
    );
    assert!(!error.contains('\n') && error.len() < 700, "{error}");
    error
}

/// Answers a request as a registry that has the image under `/v2/a/b`.
pub(crate) fn serve(sample: &Sample, asked: &Asked, wire: &mut Wire) {
    let path = asked.path.split('?').next().unwrap();
    let manifest = [
        format!("/v2/a/b/manifests/{}", sample.digest()),
        "/v2/a/b/manifests/c".to_owned(),
    ];
    if manifest.iter().any(|known| known == path) {
        let headers = format!("Content-Type: {}\r\n", sample.media_type);
        return wire.say(200, &headers, &sample.manifest);
    }
    let blob = sample
        .blobs
        .iter()
        .find(|blob| path == format!("/v2/a/b/blobs/{}", ichor_registry::digest(blob)));
    match blob {
        Some(blob) => {
            let from = asked.from();
            let status = if from > 0 { 206 } else { 200 };
            let headers = format!(
                "Content-Range: bytes {from}-{}/{}\r\n",
                blob.len() - 1,
                blob.len()
            );
            wire.say(status, &headers, &blob[from..]);
        }
        None => wire.say(
            404,
            "",
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
        ),
    }
}

/// A registry that has an image, but answers some requests otherwise: `script` says which, by `true`.
pub(crate) fn faulty(
    sample: &Sample,
    script: impl Fn(&Asked, &mut Wire) -> bool + Send + Sync + 'static,
) -> Faulty {
    let sample = sample.clone();
    Faulty::start(move |asked, wire| {
        if !script(asked, wire) {
            serve(&sample, asked, wire);
        }
    })
}

/// Settings in which `registry` has these mirrors.
pub(crate) fn mirrored(registry: &str, mirrors: &[&str]) -> Registries {
    let endpoints = mirrors.iter().map(|mirror| format!("http://{mirror}"));
    let mirror = Mirror {
        endpoints: endpoints.collect(),
        ..Mirror::default()
    };
    Registries {
        mirrors: [(registry.to_owned(), mirror)].into(),
        ..Registries::default()
    }
}

/// Bytes that look random and repeat nowhere near.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state: u32 = 0x9E37_79B9;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
