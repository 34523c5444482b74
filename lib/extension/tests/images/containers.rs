// SPDX-License-Identifier: MPL-2.0
//! Roots of containers, against the tool that everybody unpacks squashfs images with.
//!
//! Owns: what of an image's layers a container gets to see.
//! Never: runs one.

use std::io::Cursor;
use std::process::Command;

use extension::container::{Finished, Root};

use crate::forge::{file, folder, gzip, hex, member, sized, tar};

fn root_of(layers: &[Vec<u8>]) -> Finished<Cursor<Vec<u8>>> {
    let mut root = Root::new(Cursor::new(Vec::new())).unwrap();
    for layer in layers {
        root.add_layer(&mut layer.as_slice()).unwrap();
    }
    root.finish().unwrap()
}

/// `mode owner size path [-> target]` of each entry, as `unsquashfs` lists them.
fn listed(finished: &Finished<Cursor<Vec<u8>>>) -> Vec<String> {
    let bytes = finished.out.get_ref();
    assert_eq!(bytes.len() as u64, finished.len);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    let listed = Command::new("unsquashfs")
        .args(["-lln", path.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(listed.status.success());
    let text = String::from_utf8(listed.stdout).unwrap();
    let lines = text.lines().filter(|line| line.contains("squashfs-root/"));
    lines
        .map(|line| {
            let (head, path) = line.split_once(" squashfs-root/").unwrap();
            // How long the list of a folder is depends on its form.
            let count = if head.starts_with('d') { 2 } else { 3 };
            let fields: Vec<&str> = head.split_whitespace().take(count).collect();
            format!("{} {path}", fields.join(" "))
        })
        .collect()
}

/// The header with another owner and group.
fn owned(mut bytes: Vec<u8>, uid: u64, gid: u64) -> Vec<u8> {
    for (at, id) in [(108, uid), (116, gid)] {
        bytes[at..at + 8].copy_from_slice(&(id | 0x80 << 56).to_be_bytes());
    }
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

#[test]
fn layers_become_one_image_with_their_owners_modes_and_links() {
    let below = tar(&[
        folder("bin/"),
        owned(member("bin/su", b'0', 0o4755, "", b"program"), 0, 50),
        member("bin/same", b'1', 0o755, "bin/su", b""),
        member("bin/sh", b'2', 0o777, "/bin/su", b""),
        member("bin/link", b'1', 0o777, "bin/sh", b""),
        owned(file("home", "a"), 1000, 70_000),
        file("gone/a", "a"),
        folder("opaque/"),
        file("opaque/old", "a"),
    ]);
    let above = gzip(&tar(&[
        file(".wh.gone", ""),
        file("opaque/.wh..wh..opq", ""),
        file("opaque/new", "bc"),
        member("dev/null", b'3', 0o666, "", b""),
        member("pipe", b'6', 0o666, "", b""),
        file("twice", "first"),
        file("twice", "2nd"),
    ]));

    let finished = root_of(&[below, above]);

    assert_eq!(
        listed(&finished),
        [
            "drwxr-xr-x 0/0 bin",
            "lrwxrwxrwx 0/0 7 bin/link -> /bin/su",
            "-rwsr-xr-x 0/50 7 bin/same",
            "lrwxrwxrwx 0/0 7 bin/sh -> /bin/su",
            "-rwsr-xr-x 0/50 7 bin/su",
            "-rw-r--r-- 1000/65534 1 home",
            "drwxr-xr-x 0/0 opaque",
            "-rw-r--r-- 0/0 2 opaque/new",
            "-rw-r--r-- 0/0 3 twice",
        ]
    );
    let notes: Vec<String> = finished.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "dev/null: a character device is left out",
            "pipe: a fifo is left out"
        ]
    );
}

#[test]
fn the_users_are_those_that_the_last_layer_has() {
    let first = tar(&[
        file("etc/passwd", "a:x:1:1::/:\n"),
        file("etc/group", "a:x:1:\n"),
    ]);
    let second = tar(&[file("etc/passwd", "b:x:2:2::/:\n")]);
    let huge = tar(&[file("etc/passwd", &"x".repeat(70_000))]);
    let link = tar(&[member("etc/passwd", b'2', 0o777, "/etc/group", b"")]);

    let finished = root_of(&[first.clone(), second]);
    assert_eq!(finished.passwd, "b:x:2:2::/:\n");
    assert_eq!(finished.group, "a:x:1:\n");
    for over in [huge, link] {
        let finished = root_of(&[first.clone(), over]);
        assert_eq!(
            (finished.passwd.as_str(), finished.group.as_str()),
            ("", "a:x:1:\n")
        );
    }
}

#[test]
fn a_layer_is_known_by_its_digest_unpacked() {
    let layer = tar(&[file("a", "b")]);
    let mut root = Root::new(Cursor::new(Vec::new())).unwrap();

    let digest = root.add_layer(&mut gzip(&layer).as_slice()).unwrap();

    assert_eq!(digest, format!("sha256:{}", hex(&layer)));
}

#[test]
fn what_cannot_be_in_an_image_is_refused_by_name() {
    for (member, words) in [
        (file("../a", "b"), "../a: the name leads out"),
        (file("/a", "b"), "/a: the name is absolute"),
        (
            sized("a", b'0', 0o644, "", b"", 10 << 30),
            "a: the files are more than 2 GiB",
        ),
        (
            member("a", b'S', 0o644, "", b""),
            "a: a sparse file cannot be in an image",
        ),
        (
            member("a", b'1', 0o644, "../b", b""),
            "a: hard link: the name leads out",
        ),
        (
            member("a", b'1', 0o644, "b", b""),
            "a: a hard link to a file that is not there",
        ),
        (
            sized("a", b'0', 0o644, "", b"short", 5000),
            "a: cannot unpack",
        ),
    ] {
        let mut root = Root::new(Cursor::new(Vec::new())).unwrap();
        let problem = root.add_layer(&mut tar(&[member]).as_slice()).unwrap_err();
        assert!(problem.to_string().starts_with(words), "{problem}");
    }
}
