// SPDX-License-Identifier: MPL-2.0
//! Targets: what is in the images of system extensions, and what their layers are called.
//!
//! Owns: what holds for any bytes that come as a layer, as the description of a service, or as names.
//! Never: expects an input to be taken.
#![expect(clippy::unwrap_used, reason = "a broken promise ends the run")]

use crate::Target;
use extension::list::file_name;
use extension::{Arch, Assembly, Extension};
use image::layers::check_names;
use std::fs;

/// The digest of an empty archive; another layer than the named one is refused.
const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Layers: what is read is the archive that was named, whatever is in it; nothing stays behind.
pub const LAYER: Target = Target {
    name: "extension-layer",
    // A file `manifest.yaml` of one byte, as GNU tar writes it; the padding is made by `run`.
    seeds: &[
        "manifest.yaml;0;0000644;00000000001;x",
        "rootfs/;5;0000755;00000000000;",
        "rootfs/usr/a;2;0000777;00000000000;",
        "././@LongLink;L;0000644;00000000005;rootf",
        "PaxHeaders/a;x;0000644;00000000013;11 path=../",
    ],
    words: &[
        ";",
        "0",
        "5",
        "1",
        "2",
        "L",
        "x",
        "g",
        "S",
        "..",
        "/",
        ".wh.",
        "77777777777",
        "\0",
    ],
    run: |input| {
        let folder = tempfile::tempdir().unwrap();
        for layer in [input.to_vec(), archive(input)] {
            let mut assembly = Assembly::begin(folder.path()).unwrap();
            let added = assembly.add("layer", &mut layer.as_slice(), EMPTY);
            assert!(added.is_err() || layer.is_empty());
            if let Err(problem) = added {
                assert!(!problem.to_string().is_empty());
            }
            assert!(
                assembly.finish("a".to_owned(), Arch::Amd64).is_err(),
                "no extension is without a manifest"
            );
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    },
};

/// Makes an archive of lines `name;kind;mode;length;content`, with sums that are right.
fn archive(input: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b';').collect();
        let mut header = [0; 512];
        let places = [(0, 100), (156, 1), (100, 8), (124, 12)];
        for (field, (at, room)) in fields.iter().zip(places) {
            let place = header.iter_mut().skip(at).take(room);
            place.zip(*field).for_each(|(to, from)| *to = *from);
        }
        for (to, from) in header.iter_mut().skip(148).zip(b"        ") {
            *to = *from;
        }
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        for (to, from) in header
            .iter_mut()
            .skip(148)
            .zip(format!("{sum:06o}\0 ").bytes())
        {
            *to = from;
        }
        archive.extend(header);
        let content = fields.get(4).copied().unwrap_or_default();
        archive.extend(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive
}

const MANIFEST: &str =
    "version: v1alpha1\nmetadata:\n  name: a\n  version: v1\n  author: a\n  description: a\n";

/// Descriptions of services: one that is taken has a name that can be one; others say where they are wrong.
pub const SERVICE: Target = Target {
    name: "extension-service",
    seeds: &[
        "name: hello\ncontainer:\n  entrypoint: ./hello\n  args: [a, 'b']\nrestart: always\n",
        "# c\nname: \"hello\"\ndepends:\n  - service: cri\n  - path: /run/a\n",
    ],
    words: &[
        "name:", " hello", "\n", "  ", "- ", ": ", "{", "}", "[", "]", "'", "\"", "#", "&a ", "*a",
        "!!str ", "|\n", "\t", "\0", "---\n", "..", "/",
    ],
    run: |input| {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir_all(at.join("a/rootfs/usr/local/etc/containers")).unwrap();
        fs::create_dir_all(at.join("a/rootfs/usr/local/lib/containers/hello")).unwrap();
        fs::write(at.join("a/manifest.yaml"), MANIFEST).unwrap();
        fs::write(at.join("a/rootfs/usr/local/etc/containers/a.yaml"), input).unwrap();
        match Extension::read(&at.join("a"), Arch::Amd64, at) {
            Ok(extension) => assert_eq!(extension.services().first().unwrap().name, "hello"),
            Err(problems) => {
                assert_eq!(problems.len(), 1);
                assert!(
                    problems
                        .iter()
                        .all(|problem| problem.place.contains("a.yaml"))
                );
            }
        }
    },
};

/// Lists of layers: a name that is made of a reference is one that init takes, alone on its line.
pub const LIST: Target = Target {
    name: "layer-list",
    seeds: &[
        "ghcr.io/siderolabs/hello:v1@sha256:00\nother\n",
        "a\nb\nc\n",
    ],
    words: &[
        "\n", "/", "..", ":", "@", " ", "\0", "\u{e4}", ".sqsh", "#", "-",
    ],
    run: |input| {
        let text = String::from_utf8_lossy(input);
        let names: Vec<String> = text
            .split('\n')
            .enumerate()
            .filter_map(|(number, reference)| file_name(number, reference).ok())
            .collect();
        for name in &names {
            assert!(
                !name.contains(['/', '\n', '\0']) && name.len() <= 255,
                "{name:?}"
            );
        }
        if names.len() <= 16 && names.iter().map(String::len).sum::<usize>() < 2048 {
            assert!(
                check_names(names.iter().map(String::as_str)).is_ok(),
                "{names:?}"
            );
        }
    },
};
