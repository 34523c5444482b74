// SPDX-License-Identifier: MPL-2.0
//! Images against the tool that everybody unpacks them with.
//!
//! Owns: that `unsquashfs` finds in an image what was put in.
//! Never: mounts one; that needs a kernel of ours.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use image::squashfs::{self, BLOCK_MAX, Contents, Entry, Error, Kind, Packer, Tree};
use proptest::prelude::*;

struct Held(BTreeMap<u64, Vec<u8>>);

impl Contents for Held {
    fn open(&self, content: u64) -> io::Result<Box<dyn Read + '_>> {
        let bytes = self.0.get(&content).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(bytes.as_slice()))
    }
}

fn entry(kind: Kind, mode: u16, uid: u32) -> Entry {
    Entry {
        kind,
        mode,
        uid,
        gid: uid.saturating_add(1),
    }
}

/// Adds a file and what is in it.
fn file(tree: &mut Tree, held: &mut Held, path: &str, bytes: &[u8]) {
    let content = held.0.len() as u64;
    held.0.insert(content, bytes.to_vec());
    let len = bytes.len() as u64;
    tree.insert(
        path.to_owned(),
        entry(Kind::File { content, len }, 0o644, 0),
    );
}

fn root() -> (Tree, Held) {
    let root = entry(Kind::Directory, 0o755, 0);
    let tree = Tree::from([(String::new(), root)]);
    (tree, Held(BTreeMap::new()))
}

fn made(tree: &Tree, held: &Held) -> Result<Vec<u8>, Error> {
    let mut out = Cursor::new(Vec::new());
    let len = squashfs::write(tree, held, &mut out, &mut |_| ())?;
    assert_eq!(len, out.get_ref().len() as u64);
    assert!(len <= squashfs::size_max(tree), "{len}");
    Ok(out.into_inner())
}

/// Unpacks an image with the tool and compares each entry.
fn check(tree: &Tree, held: &Held) {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    std::fs::write(&image, made(tree, held).unwrap()).unwrap();
    let out = folder.path().join("out");
    let unpacked = Command::new("unsquashfs")
        .args(["-quiet", "-no-progress", "-strict-errors", "-d"])
        .arg(&out)
        .arg(&image)
        .output()
        .unwrap();
    assert!(unpacked.status.success(), "{unpacked:?}");
    let mut count = 0;
    for (path, entry) in tree {
        count += 1;
        let at = out.join(path);
        let metadata = std::fs::symlink_metadata(&at).unwrap();
        match &entry.kind {
            Kind::Directory => assert!(metadata.is_dir(), "{path}"),
            Kind::Symlink(target) => {
                assert_eq!(std::fs::read_link(&at).unwrap(), Path::new(target));
            }
            Kind::File { content, .. } => {
                assert!(std::fs::read(&at).unwrap() == held.0[content], "{path}");
            }
        }
        if !matches!(entry.kind, Kind::Symlink(_)) {
            assert_eq!(metadata.mode() & 0o7777, u32::from(entry.mode), "{path}");
        }
        assert_eq!((metadata.uid(), metadata.gid()), (entry.uid, entry.gid));
        assert_eq!(metadata.mtime(), 0, "{path}");
    }
    let listed = Command::new("unsquashfs").arg("-l").arg(&image).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert_eq!(
        listed
            .lines()
            .filter(|line| line.starts_with("squashfs-root"))
            .count(),
        count
    );
}

#[test]
fn an_image_without_files_is_its_root() {
    let (tree, held) = root();
    check(&tree, &held);
}

#[test]
fn every_kind_owner_and_mode_comes_out_as_it_went_in() {
    let (mut tree, mut held) = root();
    for path in ["a", "a/b", "a-b", "a/b/c", "z"] {
        tree.insert(path.to_owned(), entry(Kind::Directory, 0o750, 7));
    }
    file(&mut tree, &mut held, "a/b/c/text", b"text");
    file(&mut tree, &mut held, "a/empty", b"");
    let link = Kind::Symlink("../usr/lib".to_owned());
    tree.insert("a/link".to_owned(), entry(link, 0o777, 1000));
    let set = Kind::File { content: 0, len: 4 };
    tree.insert("z/again".to_owned(), entry(set, 0o6755, 65_536));

    check(&tree, &held);
}

#[test]
fn files_of_every_length_around_a_block_come_out_whole() {
    let (mut tree, mut held) = root();
    let mut noise: u64 = 1;
    let mut bytes = |len: usize| -> Vec<u8> {
        (0..len)
            .map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (noise >> 56) as u8
            })
            .collect()
    };
    for len in [
        1,
        BLOCK_MAX - 1,
        BLOCK_MAX,
        BLOCK_MAX + 1,
        2 * BLOCK_MAX,
        2 * BLOCK_MAX + 77,
    ] {
        file(&mut tree, &mut held, &format!("noise-{len}"), &bytes(len));
        file(&mut tree, &mut held, &format!("zeros-{len}"), &vec![0; len]);
        file(
            &mut tree,
            &mut held,
            &format!("text-{len}"),
            &vec![b'x'; len],
        );
    }

    check(&tree, &held);
}

#[test]
fn blocks_are_no_larger_than_what_is_in_the_image() {
    for (len, block) in [
        (0, 4096),
        (4096, 4096),
        (4097, 8192),
        (60_000, 65_536),
        (1_000_000, 65_536),
    ] {
        let (mut tree, mut held) = root();
        file(&mut tree, &mut held, "a", &vec![7; len / 2]);
        file(&mut tree, &mut held, "b", &vec![9; len - len / 2]);

        let image = made(&tree, &held).unwrap();

        assert_eq!(image[12..16], u32::to_le_bytes(block), "{len}");
        check(&tree, &held);
    }
}

#[test]
fn a_folder_of_thousands_is_listed_whole() {
    let (mut tree, mut held) = root();
    tree.insert("many".to_owned(), entry(Kind::Directory, 0o755, 0));
    for number in 0..6000 {
        let path = format!("many/{number}-with-a-name-that-is-not-short");
        file(&mut tree, &mut held, &path, number.to_string().as_bytes());
    }

    check(&tree, &held);
}

#[test]
fn equal_content_is_stored_once() {
    let (mut tree, mut held) = root();
    file(&mut tree, &mut held, "a", &[7, 9].repeat(400_000));
    let alone = made(&tree, &held).unwrap().len();

    let again = tree["a"].clone();
    tree.insert("b".to_owned(), again);

    assert_eq!(made(&tree, &held).unwrap().len(), alone);
    check(&tree, &held);
}

#[test]
fn what_cannot_be_in_an_image_is_refused() {
    let folder = || entry(Kind::Directory, 0o755, 0);
    let (mut base, held) = root();
    let target = Kind::Symlink("x".to_owned());
    base.insert("link".to_owned(), entry(target, 0o777, 0));
    let long = "n".repeat(256);
    for path in ["a/b", "/a", "a/", ".", "..", "a\0", "link/a", &long] {
        let mut tree = base.clone();
        tree.insert(path.to_owned(), folder());
        let error = made(&tree, &held).map(|_| ()).unwrap_err();
        assert!(
            matches!(error, Error::BadEntry(_) | Error::TooLarge),
            "{path:?}: {error}"
        );
    }
    assert!(matches!(made(&Tree::new(), &held), Err(Error::BadEntry(_))));
    let mut tree = base.clone();
    tree.insert("a".to_owned(), entry(Kind::Directory, 0o10_000, 0));
    assert!(matches!(made(&tree, &held), Err(Error::BadEntry(_))));
}

#[test]
fn a_file_that_changes_meanwhile_ends_the_image() {
    for len in [0, 3, 5] {
        let (mut tree, mut held) = root();
        file(&mut tree, &mut held, "a", b"1234");
        tree.insert(
            "a".to_owned(),
            entry(Kind::File { content: 0, len }, 0o644, 0),
        );

        assert!(
            matches!(made(&tree, &held), Err(Error::Changed(0))),
            "{len}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_tree_comes_out_as_it_went_in(
        files in prop::collection::btree_map("[a-c]/[a-z.-]{0,3}x/[a-z-]{1,12}", (0_usize..700_000, any::<u8>()), 0..12),
    ) {
        let (mut tree, mut held) = root();
        for (path, (len, byte)) in &files {
            for (at, _) in path.match_indices('/') {
                tree.insert(path[..at].to_owned(), entry(Kind::Directory, 0o755, 0));
            }
            let bytes: Vec<u8> = (0..*len).map(|at| (at / 100) as u8 ^ byte).collect();
            file(&mut tree, &mut held, path, &bytes);
        }
        prop_assert_eq!(made(&tree, &held).unwrap(), made(&tree, &held).unwrap());
        check(&tree, &held);
    }
}

#[test]
fn an_image_whose_tree_comes_last_has_what_the_tree_means() {
    let mut packer = Packer::new(Cursor::new(Vec::new())).unwrap();
    let gone = packer.add(&mut &[1; 300_000][..], 300_000).unwrap();
    let kept = packer.add(&mut &b"kept"[..], 4).unwrap();
    let short = packer.add(&mut &b"abc"[..], 4);
    assert!(matches!(short, Err(Error::Changed(2))), "{short:?}");
    assert_ne!(gone, kept);
    let long = packer.add(&mut &b"abcde"[..], 4);
    assert!(matches!(long, Err(Error::Changed(2))), "{long:?}");
    let folder = Entry {
        kind: Kind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
    };
    let file = Entry {
        kind: Kind::File {
            content: kept,
            len: 4,
        },
        mode: 0o4711,
        uid: 7,
        gid: 65_535,
    };
    let tree = Tree::from([
        (String::new(), folder),
        ("a".to_owned(), file.clone()),
        ("b".to_owned(), file),
    ]);

    let (out, len) = packer.finish(&tree).unwrap();

    let bytes = out.into_inner();
    assert_eq!(bytes.len() as u64, len);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    let listed = Command::new("unsquashfs")
        .args(["-lln", path.to_str().unwrap()])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let lines: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains("squashfs-root/"))
        .collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(lines[0].starts_with("-rws--x--x 7/65535"), "{listed}");
    let shown = Command::new("unsquashfs")
        .args(["-cat", path.to_str().unwrap(), "b"])
        .output()
        .unwrap();
    assert_eq!(shown.stdout, b"kept");
}
