// SPDX-License-Identifier: MPL-2.0
//! Layers that are cut off, lied about, or endless.
//!
//! Owns: that what is written is right, and that every wrong one ends.
//! Never: has a fault in a document.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ichor_registry::{Asked, Faulty, Form, Sample, Wire};
use oci::{Patience, Platform, Registries};

use crate::bed::{failure, faulty, mirrored, noise, patience, pull, pull_for};

/// What is answered instead of a layer.
type Fault = fn(&Asked, &mut Wire, &[u8]);

fn layer_of(sample: &Sample) -> (String, Vec<u8>) {
    let layer = sample.blobs[1].clone();
    (ichor_registry::digest(&layer), layer)
}

/// A registry that answers otherwise for the layer.
fn with_layer(
    sample: &Sample,
    fault: impl Fn(&Asked, &mut Wire, &[u8]) + Send + Sync + 'static,
) -> Faulty {
    let (digest, layer) = layer_of(sample);
    faulty(sample, move |asked, wire| {
        let is_it = asked.path.contains(&digest);
        if is_it {
            fault(asked, wire, &layer);
        }
        is_it
    })
}

fn sample() -> Sample {
    Sample::new(Form::Oci, "amd64", &[&noise(400_000)])
}

fn reference(registry: &Faulty) -> String {
    format!("{}/a/b:c", registry.address)
}

/// Sends a part, and then cuts it off.
fn send_part(asked: &Asked, wire: &mut Wire, layer: &[u8], len: usize) {
    let from = asked.from();
    let rest = &layer[from..];
    let status = if from > 0 { 206 } else { 200 };
    let range = format!(
        "Content-Range: bytes {from}-{}/{}\r\n",
        layer.len() - 1,
        layer.len()
    );
    wire.head(
        status,
        &format!("Content-Length: {}\r\n{range}", rest.len()),
    );
    wire.raw(&rest[..len.min(rest.len())]);
}

#[test]
fn a_layer_goes_on_where_it_was_cut_off() {
    let sample = sample();
    let registry = with_layer(&sample, |asked, wire, layer| {
        send_part(asked, wire, layer, 150_000)
    });

    let (_, out) = pull(Registries::default(), &reference(&registry)).unwrap();

    assert!(out == layer_of(&sample).1);
    let asked: Vec<usize> = registry.asked().iter().map(Asked::from).collect();
    assert_eq!(
        asked[..3],
        [0, 0, 0],
        "a manifest, a configuration, and a layer from its beginning"
    );
    assert!(
        asked.len() == 5 && asked[3] > 0 && asked[4] > asked[3],
        "{asked:?}"
    );
}

#[test]
fn a_layer_that_hangs_goes_on_too_and_one_without_ranges_is_read_again() {
    let sample = sample();
    let registry = with_layer(&sample, |asked, wire, layer| {
        if asked.from() > 0 {
            // As those do that know no ranges.
            wire.say(200, "", layer);
        } else {
            send_part(asked, wire, layer, 100_000);
            wire.hang();
        }
    });

    let (_, out) = pull(Registries::default(), &reference(&registry)).unwrap();

    assert!(out == layer_of(&sample).1);
    assert_eq!(registry.asked().len(), 4);
}

#[test]
fn a_layer_goes_on_at_another_place() {
    let sample = sample();
    let dying = with_layer(&sample, |asked, wire, layer| {
        if asked.from() == 0 {
            send_part(asked, wire, layer, 100_000);
        }
    });
    let registry = faulty(&sample, |_, _| false);
    let registries = mirrored(&registry.address, &[&dying.address]);

    let (_, out) = pull(registries, &reference(&registry)).unwrap();

    assert!(out == layer_of(&sample).1);
    assert!(registry.asked().last().unwrap().from() > 0);
}

#[test]
fn a_layer_that_never_gets_further_ends() {
    let sample = sample();
    let registry = with_layer(&sample, |asked, wire, layer| {
        send_part(asked, wire, layer, 1000)
    });
    let error = failure(Registries::default(), &reference(&registry));
    assert!(error.contains("was cut off ("), "{error}");
    assert_eq!(registry.asked().len(), 5, "three tries");
}

#[test]
fn a_layer_that_drips_ends_although_something_comes() {
    let sample = sample();
    let count = AtomicUsize::new(0);
    let registry = with_layer(&sample, move |asked, wire, layer| {
        // A byte, and nothing for nearly as long as is waited for; the clock is the other side's.
        count.fetch_add(1, Ordering::Relaxed);
        send_part(asked, wire, layer, 1);
        wire.hang();
    });
    let quick = Patience {
        document: Duration::from_secs(2),
        slowest: u64::MAX,
        tries: 1000,
        ..patience()
    };
    let error = pull_for(
        Registries::default(),
        &reference(&registry),
        &Platform::amd64(),
        quick,
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("took longer than 2s for a layer"),
        "{error}"
    );
}

#[test]
fn layers_that_are_not_what_they_should_be_are_named() {
    let sample = sample();
    let cases: &[(&str, Fault)] = &[
        ("sent a layer that is sha256:", |_, wire, layer| {
            let mut forged = layer.to_vec();
            forged[7] ^= 1;
            wire.say(200, "", &forged);
        }),
        (
            "sent a layer that is not of 400000 bytes",
            |_, wire, layer| {
                wire.say(200, "", &[layer, b"more"].concat());
            },
        ),
        (
            "sent a layer that is not of 400000 bytes",
            |_, wire, layer| wire.say(200, "", &layer[1..]),
        ),
        ("sent a layer that is not of 400000 bytes", |_, wire, _| {
            wire.head(200, "");
            wire.endless(&[7; 4096]);
        }),
        ("sent a layer that is not of 400000 bytes", |_, wire, _| {
            wire.head(200, "Transfer-Encoding: chunked\r\n");
            wire.endless(b"5\r\naaaaa\r\n");
        }),
        ("was cut off (after 0 of 400000 bytes)", |_, wire, _| {
            wire.head(200, "Transfer-Encoding: chunked\r\n\r\n0\r\n")
        }),
        (
            "of another part than was asked for",
            |asked, wire, layer| {
                if asked.from() == 0 {
                    send_part(asked, wire, layer, 1000);
                } else {
                    let range = format!(
                        "Content-Range: bytes 5-{}/{}\r\n",
                        layer.len() - 1,
                        layer.len()
                    );
                    wire.say(206, &range, &layer[asked.from()..]);
                }
            },
        ),
        ("answered 416", |asked, wire, layer| {
            if asked.from() == 0 {
                send_part(asked, wire, layer, 1000);
            } else {
                wire.say(416, "", b"");
            }
        }),
        ("has no such layer (404)", |_, wire, _| {
            wire.say(404, "", b"")
        }),
        ("is in trouble (500)", |_, wire, _| wire.say(500, "", b"")),
    ];
    for (said, fault) in cases {
        let registry = with_layer(&sample, *fault);
        let error = failure(Registries::default(), &reference(&registry));
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn a_layer_that_cannot_be_kept_is_our_own_fault() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl std::io::Seek for Full {
        fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
            Ok(0)
        }
    }
    let sample = sample();
    let registry = faulty(&sample, |_, _| false);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime.block_on(async {
        let reference = oci::Reference::parse(&reference(&registry)).unwrap();
        let mut client = oci::Client::new(Registries::default(), patience()).unwrap();
        let image = client
            .resolve(&reference, &Platform::amd64())
            .await
            .unwrap();
        client
            .fetch(&image, &image.layers[0], &mut Full, |_| ())
            .await
            .unwrap_err()
    });
    assert!(
        error
            .to_string()
            .contains("cannot be kept (no storage space); make room"),
        "{error}"
    );
    assert_eq!(registry.asked().len(), 3);
}
