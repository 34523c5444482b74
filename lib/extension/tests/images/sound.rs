// SPDX-License-Identifier: MPL-2.0
//! What is sound: every form of an extension comes out as the same files.
//!
//! Owns: folders, layouts, archives, packings, layers over each other, platforms.
//! Never: takes anything that is wrong.

use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;

use extension::{Arch, pack};
use image::squashfs::Kind;

use crate::forge::{self, Desk, Layout, MANIFEST, file, folder, member, tar, words};

fn layer() -> Vec<u8> {
    tar(&[
        file("./manifest.yaml", MANIFEST),
        folder("./rootfs/"),
        file(
            "./rootfs/usr/local/etc/containers/hello.yaml",
            "name: hello\n",
        ),
        folder("./rootfs/usr/local/lib/containers/hello/"),
        member(
            "./rootfs/usr/local/lib/containers/hello/hello",
            b'0',
            0o755,
            "",
            b"program",
        ),
        member(
            "./rootfs/usr/local/bin/hello",
            b'2',
            0o777,
            "../lib/containers/hello/hello",
            b"",
        ),
        member(
            "./rootfs/usr/local/bin/same",
            b'1',
            0o755,
            "rootfs/usr/local/lib/containers/hello/hello",
            b"",
        ),
    ])
}

/// The same as a folder, with rights that a careless umask makes.
fn as_folder(desk: &Desk, name: &str) -> std::path::PathBuf {
    let top = desk.path(name);
    let inside = top.join("rootfs/usr/local");
    for part in ["etc/containers", "lib/containers/hello", "bin"] {
        std::fs::create_dir_all(inside.join(part)).unwrap();
    }
    std::fs::write(top.join("manifest.yaml"), MANIFEST).unwrap();
    std::fs::write(inside.join("etc/containers/hello.yaml"), "name: hello\n").unwrap();
    for program in ["lib/containers/hello/hello", "bin/same"] {
        std::fs::write(inside.join(program), "program").unwrap();
        let mode = std::fs::Permissions::from_mode(0o775);
        std::fs::set_permissions(inside.join(program), mode).unwrap();
    }
    std::os::unix::fs::symlink("../lib/containers/hello/hello", inside.join("bin/hello")).unwrap();
    top
}

#[test]
fn sysx_04_every_form_of_an_extension_is_the_same_extension() {
    let desk = Desk::new();
    let mut seen = Vec::new();
    for packing in ["", "+gzip", "+zstd"] {
        let layout = Layout::of(&[(layer(), packing)]);
        let from_archive = desk.archive(&layout.tar()).unwrap();
        assert_eq!(from_archive.manifest().name, "hello");
        assert_eq!(from_archive.services()[0].name, "hello");
        seen.push(forge::packed(&from_archive));

        let folder = desk.path(&format!("layout{packing}"));
        for (name, bytes) in &layout.0 {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        seen.push(forge::packed(&desk.read(&folder).unwrap()));
    }
    assert!(seen.iter().all(|image| *image == seen[0]));

    let from_folder = desk.read(&as_folder(&desk, "folder")).unwrap();
    let image = forge::packed(&from_folder);
    assert!(image == forge::packed(&desk.read(&as_folder(&desk, "again")).unwrap()));
    let entries = |tree: image::squashfs::Tree| {
        let rights = |(path, entry): (String, image::squashfs::Entry)| {
            let kind = match entry.kind {
                Kind::File { len, .. } => format!("{len}"),
                Kind::Symlink(target) => target,
                Kind::Directory => "/".to_owned(),
            };
            (path, kind, entry.mode, entry.uid)
        };
        tree.into_iter().map(rights).collect::<Vec<_>>()
    };
    let from_archive = desk.archive(&Layout::of(&[(layer(), "")]).tar()).unwrap();
    assert_eq!(entries(from_folder.tree()), entries(from_archive.tree()));
}

#[test]
fn what_is_packed_as_an_image_is_read_back_and_always_the_same() {
    let desk = Desk::new();
    let pack = |name: &str| {
        let extension = desk.read(&as_folder(&desk, name)).unwrap();
        let mut out = Cursor::new(Vec::new());
        let spool = desk.path("spool");
        pack::write_image(&extension, Arch::Arm64, &spool, &mut out, &mut |_| ()).unwrap();
        assert!((out.get_ref().len() as u64) < pack::image_size_max(&extension));
        (forge::packed(&extension), out.into_inner())
    };

    let (image, archive) = pack("one");

    assert!(archive == pack("two").1);
    std::fs::write(desk.path("image.tar"), &archive).unwrap();
    let again = desk.read_for(&desk.path("image.tar"), Arch::Arm64).unwrap();
    assert_eq!(again.reference(), Some("hello:v1.0.0"));
    assert!(forge::packed(&again) == image);
    let other = words(desk.read(&desk.path("image.tar")));
    assert!(
        other.contains("there is no image for amd64; there are: arm64"),
        "{other}"
    );
}

#[test]
fn docker_save_is_read_too() {
    let layer = layer();
    let configuration = format!(
        r#"{{"architecture":"amd64","rootfs":{{"diff_ids":["sha256:{}"]}}}}"#,
        forge::hex(&layer)
    );
    let manifest = |layers: &str| {
        format!(r#"[{{"Config":"c.json","RepoTags":["a/hello:v1"],"Layers":[{layers}]}}]"#)
    };
    let image = |manifest: &str| {
        tar(&[
            file("c.json", &configuration),
            file("manifest.json", manifest),
            folder("0/"),
            member("0/layer.tar", b'0', 0o644, "", &layer),
        ])
    };
    let desk = Desk::new();

    let read = desk.archive(&image(&manifest("\"0/layer.tar\""))).unwrap();

    assert_eq!(read.reference(), Some("a/hello:v1"));
    for layers in [
        "\"c.json\"",
        "",
        "\"../x\"",
        "\"1/layer.tar\"",
        "\"0/layer.tar\",\"0/layer.tar\"",
    ] {
        assert_ne!(
            words(desk.archive(&image(&manifest(layers)))),
            "",
            "{layers}"
        );
    }
}

#[test]
fn layers_lie_over_each_other() {
    let desk = Desk::new();
    let base = tar(&[
        file("manifest.yaml", "old"),
        file("rootfs/usr/gone", "1"),
        file("rootfs/usr/old/a", "1"),
        file("rootfs/usr/old/b", "1"),
        file("rootfs/usr/kept", "1"),
        file("rootfs/usr/turned", "1"),
    ]);
    let top = tar(&[
        file("manifest.yaml", MANIFEST),
        file("rootfs/usr/.wh.gone", ""),
        file("rootfs/usr/old/.wh..wh..opq", ""),
        file("rootfs/usr/old/c", "1"),
        file("rootfs/usr/turned/inside", "1"),
        folder("rootfs/usr/turned"),
        member("rootfs/usr/linked", b'1', 0o644, "rootfs/usr/kept", b""),
    ]);

    let extension = desk.layers(&[base, top]).unwrap();

    let tree = extension.tree();
    let paths: Vec<&str> = tree.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "",
            "usr",
            "usr/kept",
            "usr/linked",
            "usr/old",
            "usr/old/c",
            "usr/turned",
            "usr/turned/inside"
        ]
    );
}

#[test]
fn the_image_of_the_architecture_is_chosen() {
    let desk = Desk::new();
    let mut layout = Layout::default();
    let mut images = Vec::new();
    for arch in ["arm64", "amd64"] {
        let inside = format!("rootfs/usr/{arch}");
        let layer = tar(&[file("manifest.yaml", MANIFEST), file(&inside, "")]);
        let image = layout.image(arch, &[(layer, "+gzip")]);
        images.push(format!(
            r#"{image},"platform":{{"architecture":"{arch}","os":"linux"}}"#
        ));
    }
    images.push(format!(
        r#"{},"platform":{{"architecture":"unknown","os":"unknown"}}"#,
        layout.blob("application/vnd.oci.image.manifest.v1+json", b"{}")
    ));
    let inner: Vec<String> = images.iter().map(|image| format!("{{{image}}}")).collect();
    let inner = format!(r#"{{"manifests":[{}]}}"#, inner.join(","));
    let mut nested = layout.clone();
    let inner = nested.blob("application/vnd.oci.image.index.v1+json", inner.as_bytes());
    nested.index(&[format!(
        r#"{inner},"annotations":{{"org.opencontainers.image.ref.name":"x:1"}}"#
    )]);
    layout.index(&images);

    for (layout, reference) in [(layout, None), (nested, Some("x:1"))] {
        std::fs::write(desk.path("image.tar"), layout.tar()).unwrap();
        for arch in [Arch::Amd64, Arch::Arm64] {
            let extension = desk.read_for(&desk.path("image.tar"), arch).unwrap();
            assert!(extension.tree().contains_key(&format!("usr/{arch}")));
            assert_eq!(extension.reference(), reference);
        }
    }
}

#[test]
fn folders_of_the_system_keep_its_rights_and_others_their_own() {
    let desk = Desk::new();

    let extension = desk
        .with(&[
            member("rootfs/usr/", b'5', 0o700, "", b""),
            member("rootfs/usr/local/", b'5', 0o1777, "", b""),
            member("rootfs/usr/local/own/", b'5', 0o700, "", b""),
        ])
        .unwrap();

    let tree = extension.tree();
    let modes: Vec<u16> = tree.values().map(|entry| entry.mode).collect();
    assert_eq!(modes, [0o755, 0o755, 0o755, 0o700]);
}

/// A record of a pax header.
fn record(key: &str, value: &str) -> Vec<u8> {
    let bare = key.len() + value.len() + 3;
    let digits = if bare + 2 < 100 { 2 } else { 3 };
    format!("{} {key}={value}\n", bare + digits).into_bytes()
}

#[test]
fn long_names_owners_and_attributes_are_read_in_both_dialects() {
    let desk = Desk::new();
    let long = format!("rootfs/usr/{}/x", "n".repeat(150));
    let gnu =
        |flag, text: &str| member("././@LongLink", flag, 0, "", format!("{text}\0").as_bytes());
    let pax = |key: &str, value: &str| member("pax", b'x', 0, "", &record(key, value));

    let extension = desk
        .with(&[
            gnu(b'L', &format!("{long}1")),
            file("short", "1"),
            pax("path", &format!("{long}2")),
            file("short", "2"),
            gnu(b'K', "a/b/c"),
            member("rootfs/usr/link", b'2', 0o777, "short", b""),
            member("pax", b'g', 0, "", &record("comment", "hello")),
            pax("uid", "100000"),
            file("rootfs/usr/owned", ""),
            pax("SCHILY.xattr.security.capability", "x"),
            file("rootfs/usr/capable", ""),
            pax("SCHILY.xattr.user.mime", "x"),
            file("rootfs/usr/described", ""),
        ])
        .unwrap();

    let tree = extension.tree();
    for path in [format!("{long}1"), format!("{long}2")] {
        assert!(
            tree.contains_key(path.strip_prefix("rootfs/").unwrap()),
            "{path}"
        );
    }
    assert_eq!(tree["usr/link"].kind, Kind::Symlink("a/b/c".to_owned()));
    assert_eq!(tree["usr/owned"].uid, 100_000);
    let notes: Vec<String> = extension.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with("rootfs/usr/capable: its capabilities are left out"),
        "{notes:?}"
    );
}
