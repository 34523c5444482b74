// SPDX-License-Identifier: MPL-2.0
//! Places that send something else than what was asked for, and places that are right behind them.
//!
//! Owns: that one that lies costs its turn and nothing more, and that what it sent is nowhere.
//! Never: takes a pull for good whose bytes are not those of the image.

use ichor_registry::{Asked, Form, Sample, Wire, digest};

use crate::bed::{faulty, mirrored, noise, pull, serve};

/// What a liar says of a request; `false` when this one is answered as it should be.
type Lie = fn(&Asked, &mut Wire, &Sample) -> bool;

fn sample() -> Sample {
    Sample::new(Form::Oci, "amd64", &[&noise(400_000), b"a small layer"])
}

/// Says something else for what has this in its path.
fn instead(asked: &Asked, wire: &mut Wire, part: &str, bytes: &[u8]) -> bool {
    let is_it = asked.path.contains(part);
    if is_it {
        wire.say(200, "", bytes);
    }
    is_it
}

/// A digit more or less in the manifest: the same length, and another image.
fn forged(sample: &Sample, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(sample.manifest.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

const LIES: &[(&str, Lie)] = &[
    ("a page for people", |asked, wire, _| {
        instead(asked, wire, "/", b"<html>log in here</html>")
    }),
    ("no end of a manifest", |asked, wire, _| {
        let is_it = asked.path.contains("/manifests/");
        if is_it {
            wire.head(200, "");
            wire.endless(&[b' '; 4096]);
        }
        is_it
    }),
    ("half of a manifest", |asked, wire, sample| {
        let half = &sample.manifest[..sample.manifest.len() / 2];
        instead(asked, wire, "/manifests/", half)
    }),
    ("an image for nobody", |asked, wire, _| {
        let other = Sample::new(Form::Oci, "s390x", &[b"other"]);
        let known = [&other.manifest, &other.blobs[0]];
        let blob = asked.path.contains(&digest(&other.blobs[0]));
        instead(asked, wire, "/", known[usize::from(blob)])
    }),
    ("a manifest without its blobs", |asked, wire, sample| {
        let digest = &digest(&sample.blobs[0])[7..];
        let forged = forged(sample, digest, &"0".repeat(64));
        instead(asked, wire, "/manifests/", &forged)
    }),
    ("a manifest with a wrong size", |asked, wire, sample| {
        let size = format!("\"size\":{}", sample.blobs[0].len());
        let forged = forged(sample, &size, "\"size\":77");
        instead(asked, wire, "/manifests/", &forged)
    }),
    ("another configuration", |asked, wire, sample| {
        instead(asked, wire, &digest(&sample.blobs[0]), b"{}")
    }),
    ("a layer with another bit", |asked, wire, sample| {
        let mut layer = sample.blobs[1].clone();
        layer[7] ^= 1;
        instead(asked, wire, &digest(&sample.blobs[1]), &layer)
    }),
    ("a layer that is longer", |asked, wire, sample| {
        let layer = [&sample.blobs[1], &b"more"[..]].concat();
        instead(asked, wire, &digest(&sample.blobs[1]), &layer)
    }),
    (
        "a layer that is longer than it says",
        |asked, wire, sample| {
            let is_it = asked.path.contains(&digest(&sample.blobs[1]));
            if is_it {
                wire.head(200, "Transfer-Encoding: chunked\r\n");
                wire.endless(b"5\r\naaaaa\r\n");
            }
            is_it
        },
    ),
    ("a layer that is shorter", |asked, wire, sample| {
        let layer = &sample.blobs[1][1..];
        instead(asked, wire, &digest(&sample.blobs[1]), layer)
    }),
    ("the layer of another image", |asked, wire, sample| {
        let len = sample.blobs[2].len();
        instead(asked, wire, &digest(&sample.blobs[2]), &vec![b'x'; len])
    }),
];

#[test]
fn a_mirror_that_lies_costs_its_turn_and_not_the_pull() {
    let sample = sample();
    for (name, lie) in LIES {
        let (lie, of) = (*lie, sample.clone());
        let liar = faulty(&sample, move |asked, wire| lie(asked, wire, &of));
        let registry = faulty(&sample, |_, _| false);
        let registries = mirrored(&registry.address, &[&liar.address]);

        let pulled = pull(registries, &format!("{}/a/b:c", registry.address));

        let (image, out) = pulled.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(image.digest.to_string(), sample.digest(), "{name}");
        assert!(out == sample.blobs[1..].concat(), "{name}");
    }
}

#[test]
fn when_all_places_lie_the_error_has_what_each_of_them_sent() {
    let sample = sample();
    let layer = digest(&sample.blobs[1]);
    let of = sample.clone();
    let flipped = faulty(&sample, move |asked, wire| {
        let mut bytes = of.blobs[1].clone();
        bytes[7] ^= 1;
        instead(asked, wire, &digest(&of.blobs[1]), &bytes)
    });
    let part = layer.clone();
    let short = faulty(&sample, move |asked, wire| {
        instead(asked, wire, &part, b"short")
    });
    let part = layer.clone();
    let empty = faulty(&sample, move |asked, wire| {
        let is_it = asked.path.contains(&part);
        if is_it {
            wire.say(404, "", b"");
        }
        is_it
    });
    let registries = mirrored(&empty.address, &[&flipped.address, &short.address]);

    let error = pull(registries, &format!("{}/a/b:c", empty.address)).unwrap_err();

    assert!(!error.passes());
    let error = error.to_string();
    for (place, said) in [
        (&flipped, "sent a layer that is sha256:"),
        (&short, "sent a layer that is not of 400000 bytes"),
        (&empty, "has no such layer (404)"),
    ] {
        let said = format!("http://{} {said}", place.address);
        assert!(error.contains(&said), "{said}: {error}");
    }
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_layer_that_another_place_began_wrongly_begins_anew_at_the_one_that_is_right() {
    let sample = sample();
    let layer = digest(&sample.blobs[1]);
    let (part, len) = (layer.clone(), sample.blobs[1].len());
    // Wrong from its first byte, but nobody can know before its last one.
    let dying = faulty(&sample, move |asked, wire| {
        let is_it = asked.path.contains(&part);
        if is_it && asked.from() == 0 {
            wire.head(200, &format!("Content-Length: {len}\r\n"));
            wire.raw(&[b'x'; 100_000]);
        } else if is_it {
            wire.say(404, "", b"");
        }
        is_it
    });
    let registry = faulty(&sample, |_, _| false);
    let registries = mirrored(&registry.address, &[&dying.address]);

    let (_, out) = pull(registries, &format!("{}/a/b:c", registry.address)).unwrap();

    assert!(out == sample.blobs[1..].concat());
    let asked = registry.asked();
    let of_layer = asked.iter().filter(|asked| asked.path.contains(&layer));
    let from: Vec<bool> = of_layer.map(|asked| asked.from() > 0).collect();
    assert_eq!(from, [true, false], "the rest, and then all of it");
}

#[test]
fn a_mirror_that_hangs_leaves_time_for_the_next_place() {
    let sample = sample();
    let layer = digest(&sample.blobs[1]);
    let hanging = faulty(&sample, move |asked, wire| {
        let is_it = asked.path.contains(&layer);
        if is_it {
            wire.hang();
        }
        is_it
    });
    let registry = faulty(&sample, |_, _| false);
    let registries = mirrored(&registry.address, &[&hanging.address]);
    let quick = oci::Patience {
        document: std::time::Duration::from_secs(1),
        slowest: u64::MAX,
        tries: 1000,
        ..crate::bed::patience()
    };

    let reference = format!("{}/a/b:c", registry.address);
    let (_, out) =
        crate::bed::pull_for(registries, &reference, &oci::Platform::amd64(), quick).unwrap();

    assert!(out == sample.blobs[1..].concat());
}

#[test]
fn what_a_mirror_does_not_have_may_be_at_a_registry_that_is_away() {
    let sample = sample();
    let empty = faulty(&sample, |_, wire| {
        wire.say(404, "", b"");
        true
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = listener.local_addr().unwrap().to_string();
    drop(listener);
    let registries = mirrored(&away, &[&empty.address]);

    let error = pull(registries, &format!("{away}/a/b:c")).unwrap_err();

    assert!(error.passes());
    let one = format!("http://{} has no such manifest (404)", empty.address);
    let two = format!("http://{away} cannot be reached (");
    let error = error.to_string();
    assert!(error.contains(&one) && error.contains(&two), "{error}");
}

#[test]
fn blobs_of_the_image_that_a_tag_meant_before_are_not_taken_for_its_own() {
    let (one, two) = (
        sample(),
        Sample::new(Form::Oci, "amd64", &[b"old", b"older"]),
    );
    let of = two.clone();
    // The manifest of the one, and under the names of its blobs those of the other.
    let mixed = faulty(&one.clone(), move |asked, wire| {
        let of_one = one
            .blobs
            .iter()
            .position(|blob| asked.path.contains(&digest(blob)));
        if let Some(number) = of_one {
            wire.say(200, "", &of.blobs[number]);
        } else {
            serve(&one, asked, wire);
        }
        true
    });

    let error = pull(
        oci::Registries::default(),
        &format!("{}/a/b:c", mixed.address),
    )
    .unwrap_err();

    let error = error.to_string();
    let wanted = format!(
        "sent a configuration that is {} and not",
        digest(&two.blobs[0])
    );
    assert!(error.contains(&wanted), "{error}");
}
