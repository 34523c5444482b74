// SPDX-License-Identifier: MPL-2.0
//! Random archives, nearly good ones, and random manifests.
//!
//! Owns: what holds for any bytes: no panic, an end, and nothing but a sound extension or problems.
//! Never: expects a certain one.

use std::path::{Component, Path};
use std::time::{Duration, Instant};

use extension::Manifest;
use extension::constraint::Constraint;
use image::squashfs::Kind;
use proptest::prelude::*;

use crate::forge::{self, Desk, Layout, MANIFEST, file, folder, member, tar};

/// Longer than any archive of some kilobytes may take, without optimisation.
const SLOWEST: Duration = Duration::from_secs(5);

fn layer() -> Vec<u8> {
    tar(&[
        file("manifest.yaml", MANIFEST),
        folder("rootfs/"),
        file("rootfs/usr/local/etc/containers/a.yaml", "name: a\n"),
        folder("rootfs/usr/local/lib/containers/a"),
        member("rootfs/usr/l", b'2', 0o777, "../lib/a", b""),
        member("p", b'x', 0, "", b"25 path=rootfs/usr/renam\n"),
        member("rootfs/usr/x", b'1', 0o644, "manifest.yaml", b""),
        file("rootfs/usr/.wh.a", ""),
    ])
}

/// Whatever comes out is below the allowed paths, and can be packed.
fn look(desk: &Desk, bytes: &[u8]) {
    let start = Instant::now();
    if let Ok(extension) = desk.archive(bytes) {
        for (path, entry) in extension.tree() {
            let top = path.split('/').next().unwrap();
            assert!(
                matches!(top, "" | "usr" | "lib" | "lib64" | "etc"),
                "{path}"
            );
            assert!(!path.split('/').any(|part| part == ".."), "{path}");
            if let Kind::Symlink(target) = entry.kind {
                assert!(stays(&path, &target), "{path} -> {target}");
            }
        }
        forge::packed(&extension);
    }
    assert!(start.elapsed() < SLOWEST, "{:?}", start.elapsed());
    let left: Vec<_> = std::fs::read_dir(desk.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// Whether the target of a link at `path` never climbs out of the root.
fn stays(path: &str, target: &str) -> bool {
    let start = if target.starts_with('/') {
        0
    } else {
        path.matches('/').count()
    };
    let depth = Path::new(target)
        .components()
        .try_fold(start, |depth, part| match part {
            Component::ParentDir => depth.checked_sub(1),
            Component::Normal(_) => Some(depth + 1),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => Some(depth),
        });
    depth.is_some()
}

#[test]
fn the_check_of_links_knows_those_that_lead_out() {
    for target in ["../lib/a", "/etc", "./a", "b/../../c", "../usr/../a"] {
        assert!(stays("usr/l", target), "{target}");
    }
    for target in ["../../lib", "/..", "/a/../..", "b/../../../c", "../.."] {
        assert!(!stays("usr/l", target), "{target}");
    }
}

/// Corrects the sum of each header, so that changes get past it.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    for block in bytes.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_layers_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = layer();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let desk = Desk::new();
        look(&desk, &Layout::of(&[(summed(bytes), "")]).tar());
    }

    #[test]
    fn damaged_streams_are_read_or_refused(
        packing in prop::sample::select(vec!["+gzip", "+zstd"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = if packing == "+gzip" { forge::gzip(&layer()) } else { forge::zstd(&layer()) };
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let mut layout = Layout::default();
        let layer = layout.blob("application/vnd.oci.image.layer.v1.tar", &bytes);
        let configuration = layout.blob("c", b"{}");
        let manifest = format!(r#"{{"config":{{{configuration}}},"layers":[{{{layer}}}]}}"#);
        let image = layout.blob("m", manifest.as_bytes());
        layout.index(&[image]);
        look(&Desk::new(), &layout.tar());
    }

    #[test]
    fn damaged_images_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = Layout::of(&[(layer(), "+gzip")]).tar();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        look(&Desk::new(), &summed(bytes));
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        look(&Desk::new(), &bytes);
    }

    #[test]
    fn damaged_manifests_are_read_or_refused(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..30),
        at in any::<prop::sample::Index>(),
    ) {
        let words = words.concat();
        let mut text = MANIFEST.to_owned();
        text.insert_str(at.index(MANIFEST.len()), &words);
        for text in [&text, &words] {
            match Manifest::parse(text.as_bytes()) {
                Ok(manifest) => prop_assert!(extension::manifest::is_name(&manifest.name)),
                Err(problems) => {
                    prop_assert!(!problems.is_empty());
                    for problem in problems {
                        prop_assert!(problem.place.starts_with("manifest.yaml"));
                    }
                }
            }
        }
    }

    #[test]
    fn any_constraint_is_read_or_refused(text in "[<>=!v0-9x|. a-]{0,40}") {
        if let Ok(constraint) = Constraint::parse(&text) {
            prop_assert_eq!(constraint.to_string(), text);
            let _ = constraint.allows(&extension::constraint::version("v1.6.7").unwrap());
        }
    }
}

const WORDS: &[&str] = &[
    "version:",
    "metadata:",
    "name:",
    "\n",
    "\n  ",
    "  ",
    " ",
    "a",
    "v1alpha1",
    "|",
    ">",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ":",
    ": ",
    ",",
    "&a ",
    "*a",
    "'",
    "\"",
    "#",
    "? ",
    "---\n",
    "...\n",
    "\t",
    "\r\n",
    "~",
    "!!str ",
    "%YAML 1.1\n",
    "compatibility:",
    "talos:",
    ">= v1.0.0",
    "\u{feff}",
    "\u{85}",
    "ä",
];
