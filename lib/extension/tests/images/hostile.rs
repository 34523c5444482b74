// SPDX-License-Identifier: MPL-2.0
//! What is hostile or broken: refused, with the entry's name.
//!
//! Owns: one row for each way to go wrong.
//! Never: expects a certain order of problems.

use crate::forge::{Desk, Layout, MANIFEST, file, folder, gzip, member, sized, tar, words};

#[test]
fn sysx_05_hostile_members_are_refused_by_name() {
    let desk = Desk::new();
    let long = "n".repeat(99);
    let deep = "rootfs/usr/".to_owned() + &"d/".repeat(40);
    for (members, said) in [
        (vec![file("../evil", "")], "../evil: the name leads out"),
        (
            vec![file("rootfs/../../evil", "")],
            "rootfs/../../evil: the name leads out",
        ),
        (
            vec![file("/etc/passwd", "")],
            "/etc/passwd: the name is absolute",
        ),
        (
            vec![file("rootfs/etc/passwd", "")],
            "rootfs/etc/passwd: extensions cannot add",
        ),
        (
            vec![file("rootfs/usr/lib/ichor/apid", "")],
            "rootfs/usr/lib/ichor/apid: this path is the system's",
        ),
        (
            vec![file("rootfs/usr/a\nb", "")],
            "rootfs/usr/a\\nb: the name has a control",
        ),
        (
            vec![file("rootfs/usr/\u{1b}[31m", "")],
            "rootfs/usr/\\u{1b}[31m: the name has a control",
        ),
        (
            vec![member("rootfs/usr/l", b'2', 0o777, "../../../etc", b"")],
            "rootfs/usr/l: the link leads out",
        ),
        (
            vec![member("rootfs/usr/l", b'2', 0o777, "/../etc", b"")],
            "rootfs/usr/l: the link leads out",
        ),
        (
            vec![member("rootfs/usr/l", b'2', 0o777, "", b"")],
            "rootfs/usr/l: the target of the link is empty",
        ),
        (
            vec![member("rootfs/usr", b'2', 0o777, "/etc", b"")],
            "rootfs/usr: this path is the system's own",
        ),
        (
            vec![
                member("rootfs/usr/l", b'2', 0o777, "/etc", b""),
                file("rootfs/usr/l/passwd", ""),
            ],
            "rootfs/usr/l/passwd: rootfs/usr/l above it is a link",
        ),
        (
            vec![file("rootfs/usr/f", ""), file("rootfs/usr/f/inside", "")],
            "rootfs/usr/f/inside: rootfs/usr/f above it is a file",
        ),
        (
            vec![member("rootfs/usr/h", b'1', 0o644, "/etc/shadow", b"")],
            "rootfs/usr/h: hard link: the name is absolute",
        ),
        (
            vec![member("rootfs/usr/h", b'1', 0o644, "../../etc/shadow", b"")],
            "rootfs/usr/h: hard link: the name leads",
        ),
        (
            vec![member("rootfs/usr/h", b'1', 0o644, "rootfs/usr/none", b"")],
            "rootfs/usr/h: a hard link to a file that is not",
        ),
        (
            vec![member("rootfs/usr/h", b'1', 0o644, "rootfs", b"")],
            "rootfs/usr/h: a hard link to what is no file",
        ),
        (
            vec![member("rootfs/usr/c", b'3', 0o644, "", b"")],
            "rootfs/usr/c: a character device",
        ),
        (
            vec![member("rootfs/usr/b", b'4', 0o644, "", b"")],
            "rootfs/usr/b: a block device",
        ),
        (
            vec![member("rootfs/usr/p", b'6', 0o644, "", b"")],
            "rootfs/usr/p: a fifo",
        ),
        (
            vec![member("rootfs/usr/s", b'S', 0o644, "", b"")],
            "rootfs/usr/s: a sparse file",
        ),
        (
            vec![member("rootfs/usr/x", b'Q', 0o644, "", b"")],
            "rootfs/usr/x: of a kind that is not known",
        ),
        (
            vec![member("rootfs/lib/firmware/su", b'0', 0o4755, "", b"")],
            "rootfs/lib/firmware/su: a program that changes",
        ),
        (
            vec![file("rootfs/usr/twice", "1"), file("rootfs/usr/twice", "2")],
            "rootfs/usr/twice: is in the layer twice",
        ),
        (
            vec![sized("rootfs/usr/big", b'0', 0o644, "", b"", 10 << 30)],
            "rootfs/usr/big: the files are more than 2 GiB",
        ),
        (
            vec![sized("rootfs/usr/big", b'0', 0o644, "", b"", 1 << 62)],
            "rootfs/usr/big: the files are more than 2 GiB",
        ),
        (
            vec![file("README", "")],
            "README: only manifest.yaml and rootfs",
        ),
        (vec![file(&format!("{deep}x"), "")], ""),
        (
            vec![member("p", b'x', 0, "", b"30 GNU.sparse.realsize=999999\n")],
            "sparse files are not taken",
        ),
        (
            vec![member("p", b'g', 0, "", b"13 path=evil\n")],
            "a pax header for all members says more",
        ),
        (
            vec![member("p", b'x', 0, "", b"99999 path=a\n")],
            "a pax header is malformed",
        ),
        (
            vec![sized("p", b'x', 0, "", b"", 1 << 30)],
            "a header is longer than 128 KiB",
        ),
        (
            vec![sized("p", b'L', 0, "", b"", 1 << 30)],
            "a header is longer than 128 KiB",
        ),
        (vec![member("p", b'L', 0, "", b"a"); 9], "too many headers"),
        (vec![file(&long, "")], ": only manifest.yaml and rootfs"),
    ] {
        let words = words(desk.with(&members));
        assert!(words.contains(said), "{said}: {words}");
        assert!(
            !words
                .chars()
                .any(|letter| letter.is_control() && letter != '\n')
        );
        assert_eq!(words.is_empty(), said.is_empty(), "{words}");
    }
}

#[test]
fn sysx_04_without_manifest_or_root_it_is_no_extension() {
    let desk = Desk::new();
    for (layer, said) in [
        (tar(&[folder("rootfs")]), "manifest.yaml: is missing"),
        (
            tar(&[file("manifest.yaml", MANIFEST)]),
            "rootfs: is missing",
        ),
        (
            tar(&[file("manifest.yaml", MANIFEST), file("rootfs", "")]),
            "rootfs: is no folder",
        ),
        (
            tar(&[folder("manifest.yaml"), folder("rootfs")]),
            "manifest.yaml: is no file",
        ),
        (
            tar(&[
                file("manifest.yaml", "version: v1alpha1\n"),
                folder("rootfs"),
            ]),
            "manifest.yaml:1: metadata: is missing",
        ),
        (tar(&[]), "rootfs: is missing"),
    ] {
        let words = words(desk.layers(&[layer]));
        assert!(words.contains(said), "{said}: {words}");
    }
}

#[test]
fn all_problems_of_content_are_said_together() {
    let desk = Desk::new();

    let words = words(desk.layers(&[tar(&[
        file("manifest.yaml", "version: v2\n"),
        file("rootfs/etc/passwd", ""),
        file("rootfs/usr/local/etc/containers/x.yaml", "name: X"),
    ])]));

    assert_eq!(words.lines().count(), 4, "{words}");
}

#[test]
fn every_blob_must_be_what_its_descriptor_says() {
    let desk = Desk::new();
    let layer = tar(&[file("manifest.yaml", MANIFEST), folder("rootfs")]);
    let good = Layout::of(&[(layer, "+gzip")]);
    assert_eq!(words(desk.archive(&good.tar())), "");
    let blobs = good.0.iter().filter(|(name, _)| name.starts_with("blobs/"));
    for number in 0..blobs.count() {
        let mut changed = good.clone();
        let middle = changed.0[number].1.len() / 2;
        changed.0[number].1[middle] ^= 1;
        assert_ne!(words(desk.archive(&changed.tar())), "", "changed {number}");

        let mut longer = good.clone();
        longer.0[number].1.push(b'\n');
        assert_ne!(words(desk.archive(&longer.tar())), "", "longer {number}");

        let mut gone = good.clone();
        let (name, _) = gone.0.remove(number);
        let said = words(desk.archive(&gone.tar()));
        assert!(
            said.contains(&name) && said.contains("cannot read"),
            "{said}"
        );
    }
}

#[test]
fn images_that_are_none_are_refused() {
    let desk = Desk::new();
    let index = |text: &str| tar(&[file("index.json", text)]);
    let digest = "0".repeat(64);
    for (bytes, said) in [
        (b"garbage".to_vec(), "ends too early"),
        (vec![7; 2048], "in a header is not a number"),
        (
            Vec::new(),
            "there is no manifest.yaml, index.json or manifest.json",
        ),
        (gzip(&tar(&[])), "the archive itself is packed"),
        (index("["), "index.json: is not what it should be"),
        (index("{}"), "index.json: is not what it should be"),
        (index(r#"{"manifests":[]}"#), "there is no image for amd64"),
        (
            index(r#"{"manifests":[{"digest":"md5:0","size":1}]}"#),
            "md5:0: is not a digest",
        ),
        (
            index(r#"{"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]}"#),
            "is not a digest",
        ),
        (
            index(&format!(
                r#"{{"manifests":[{{"digest":"sha256:{digest}","size":1}}]}}"#
            )),
            "cannot read",
        ),
        (
            index(r#"{"manifests":[{"digest":"a","size":1},{"digest":"b","size":1}]}"#),
            "more than one image",
        ),
        (
            tar(&[file("index.json", "{}"), file("./index.json", "{}")]),
            "index.json: is in the archive twice",
        ),
        (
            tar(&[file("index.json", &" ".repeat((4 << 20) + 1))]),
            "larger than 4 MiB",
        ),
    ] {
        let words = words(desk.archive(&bytes));
        assert!(words.contains(said), "{said}: {words}");
    }
    let mut layout = Layout::default();
    let image = layout.image("riscv64", &[]);
    layout.index(&[image]);
    let said = words(desk.archive(&layout.tar()));
    assert!(
        said.contains("the image is for riscv64, not for amd64"),
        "{said}"
    );
    assert!(words(desk.read(&desk.path("nowhere"))).contains("cannot read"));
    assert!(
        words(desk.read(std::path::Path::new("/dev/null"))).contains("neither a folder nor a file")
    );
}

#[test]
fn an_index_that_names_itself_ends() {
    let desk = Desk::new();
    let mut layout = Layout::default();
    let mut inner = layout.blob(
        "application/vnd.oci.image.index.v1+json",
        b"{\"manifests\":[]}",
    );
    for _ in 0..5 {
        let text = format!(r#"{{"manifests":[{{{inner}}}]}}"#);
        inner = layout.blob("application/vnd.oci.image.index.v1+json", text.as_bytes());
    }
    layout.index(&[inner]);

    assert!(words(desk.archive(&layout.tar())).contains("an index in an index"));
}

#[test]
fn folders_with_pipes_links_out_or_other_things_are_refused() {
    let desk = Desk::new();
    let make = |name: &str| {
        let top = desk.path(name);
        std::fs::create_dir_all(top.join("rootfs/usr")).unwrap();
        std::fs::write(top.join("manifest.yaml"), MANIFEST).unwrap();
        top
    };
    let top = make("link");
    std::os::unix::fs::symlink("../../../../etc", top.join("rootfs/usr/l")).unwrap();
    assert!(words(desk.read(&top)).contains("rootfs/usr/l: the link leads out"));

    let top = make("socket");
    let _listener = std::os::unix::net::UnixListener::bind(top.join("rootfs/usr/s")).unwrap();
    assert!(words(desk.read(&top)).contains("rootfs/usr/s: a device, pipe or socket"));

    let top = make("large");
    let file = std::fs::File::create(top.join("rootfs/usr/sparse")).unwrap();
    file.set_len(10 << 30).unwrap();
    assert!(words(desk.read(&top)).contains("rootfs/usr/sparse: the files are more than 2 GiB"));

    let top = make("more");
    std::fs::write(top.join("Dockerfile"), "").unwrap();
    assert!(words(desk.read(&top)).contains("Dockerfile: only manifest.yaml and rootfs"));
}

#[test]
fn a_folder_with_names_of_whiteouts_is_refused() {
    let desk = Desk::new();
    for name in [".wh.a", ".wh..wh..opq", "inner/.wh.b"] {
        let top = desk.path(&name.replace('/', "-"));
        let file = top.join("rootfs/usr").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(top.join("manifest.yaml"), MANIFEST).unwrap();
        std::fs::write(file, "").unwrap();

        let words = words(desk.read(&top));

        let said = format!("rootfs/usr/{name}: names that begin with .wh. stand for");
        assert!(words.contains(&said), "{words}");
    }
}

#[test]
fn a_folder_that_is_no_extension_is_not_copied() {
    let desk = Desk::new();
    let top = desk.path("home");
    std::fs::create_dir_all(&top).unwrap();
    let file = std::fs::File::create(top.join("large")).unwrap();
    file.set_len(10 << 30).unwrap();

    let words = words(desk.read(&top));

    assert!(
        words.starts_with("neither an extension nor an image"),
        "{words}"
    );
}

#[test]
fn too_many_entries_are_refused() {
    let desk = Desk::new();
    let members: Vec<Vec<u8>> = (0..=extension::ENTRIES_MAX)
        .map(|number| folder(&format!("rootfs/usr/{number}")))
        .collect();

    assert!(words(desk.layers(&[tar(&members)])).contains("more than 65536 entries"));
}

#[test]
fn folders_that_no_entry_names_count_as_entries() {
    let desk = Desk::new();
    let deep = "/d".repeat(40);
    let members: Vec<Vec<u8>> = (0..extension::ENTRIES_MAX / 40)
        .map(|number| file(&format!("rootfs/usr/{number}{deep}/f"), ""))
        .collect();

    let words = words(desk.with(&members));

    assert!(words.contains("more than 65536 entries"), "{words}");
}

#[test]
fn every_hard_link_counts_with_the_bytes_of_its_file() {
    let desk = Desk::new();
    let large = "x".repeat(16 << 20);
    let mut members = vec![file("rootfs/usr/large", &large)];
    let link = |number| {
        let name = format!("rootfs/usr/{number}");
        member(&name, b'1', 0o644, "rootfs/usr/large", b"")
    };
    // With the file itself and the manifest, one too many.
    members.extend((1..128).map(link));

    let words = words(desk.with(&members));

    assert!(
        words.contains("rootfs/usr/127: the files are more than 2 GiB"),
        "{words}"
    );
}

#[test]
fn a_layer_that_unpacks_without_end_is_refused() {
    // Three GiB of zeros behind a member: some megabytes when packed.
    let zeros = gzip(&vec![0; 1 << 20]);
    let first = gzip(&tar(&[file("manifest.yaml", MANIFEST)]));
    let packed = [first, zeros.repeat(3 << 10)].concat();
    let mut layout = Layout::default();
    let layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", &packed);
    let configuration = layout.blob("c", b"{}");
    let manifest = format!(r#"{{"config":{{{configuration}}},"layers":[{{{layer}}}]}}"#);
    let image = layout.blob("m", manifest.as_bytes());
    layout.index(&[image]);

    let words = words(Desk::new().archive(&layout.tar()));

    assert!(words.contains("unpacks to more than 2 GiB"), "{words}");
}
