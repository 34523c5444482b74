// SPDX-License-Identifier: MPL-2.0
//! System extensions and boot images as files.
//!
//! Owns: `extension` and `image`, what they print, and that they leave nothing behind.
//! Never: needs a node.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use image::cpio::{Archive, Entry, Kind};
use serde_yaml_ng::Value;

use crate::desk::Desk;

/// A desk with an extension that brings a service.
pub(crate) fn with_hello() -> Desk {
    let desk = Desk::empty();
    desk.run("extension new hello --service").done();
    let program = "hello/rootfs/usr/local/lib/containers/hello/hello";
    desk.write(program, "program");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(desk.folder.join(program), mode).unwrap();
    desk
}

/// The names on a desk, hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn bytes(desk: &Desk, name: &str) -> Vec<u8> {
    std::fs::read(desk.folder.join(name)).unwrap()
}

/// Writes an initramfs as the build makes it.
pub(crate) fn write_initramfs(desk: &Desk, list: &str) {
    write_initramfs_of(desk, b"program", list, &[]);
}

/// The same that says which kernel it is for.
pub(crate) fn write_initramfs_for(desk: &Desk, kernel: &str) {
    let says = ("kernel.release", kernel.as_bytes());
    write_initramfs_of(desk, b"program", "", &[says]);
}

/// The same with an init of one's own.
fn write_initramfs_of(desk: &Desk, init: &[u8], list: &str, more: &[(&str, &[u8])]) {
    let mut archive = Archive::new();
    let files: [(&str, &[u8]); 3] = [
        ("init", init),
        ("rootfs.sqsh", b"root"),
        ("layers.list", list.as_bytes()),
    ];
    for (name, bytes) in files.iter().chain(more) {
        let entry = Entry {
            kind: Kind::File(bytes.to_vec()),
            mode: 0o444,
            uid: 0,
            gid: 0,
        };
        archive.add(name, entry).unwrap();
    }
    std::fs::write(desk.folder.join("initramfs"), archive.emit().unwrap()).unwrap();
}

/// The two archives of an initramfs with layers.
pub(crate) fn archives(desk: &Desk, name: &str) -> (Archive, Archive) {
    let bytes = bytes(desk, name);
    let (first, len) = Archive::parse_prefix(&bytes).unwrap();
    let second = Archive::parse(bytes.get(len.next_multiple_of(512)..).unwrap()).unwrap();
    (first, second)
}

pub(crate) fn file<'a>(archive: &'a Archive, name: &str) -> &'a [u8] {
    match &archive.get(name).unwrap().kind {
        Kind::File(bytes) => bytes,
        Kind::Directory | Kind::Symlink(_) => unreachable!("{name} is no file"),
    }
}

#[test]
fn sysx_04_a_new_extension_is_valid_and_packs_to_a_layer_that_unpacks() {
    let desk = with_hello();

    let out = desk.run("extension validate hello").done();
    assert!(out.starts_with("hello is valid: hello v0.1.0, "), "{out}");
    assert!(out.ends_with("\n  service ext-hello\n"), "{out}");

    desk.run("extension pack hello -o hello.sqsh").done();
    let unpacked = Command::new("unsquashfs")
        .args(["-quiet", "-no-progress", "-d"])
        .arg(desk.folder.join("out"))
        .arg(desk.folder.join("hello.sqsh"))
        .output()
        .unwrap();
    assert!(unpacked.status.success(), "{unpacked:?}");
    let same = Command::new("diff")
        .arg("-r")
        .arg(desk.folder.join("out"))
        .arg(desk.folder.join("hello/rootfs"))
        .output()
        .unwrap();
    assert!(same.status.success(), "{same:?}");
    assert_eq!(names(&desk.folder), ["hello", "hello.sqsh", "out"]);
    assert!(names(&desk.folder.with_extension("tmp")).is_empty());
}

#[test]
fn packing_twice_gives_the_same_bytes_whatever_the_times_and_rights() {
    let (one, two) = (with_hello(), with_hello());
    let inside = two.folder.join("hello/rootfs/usr/local");
    for path in ["bin", "sbin"] {
        for desk in [&two, &one] {
            std::fs::create_dir(desk.folder.join("hello/rootfs/usr/local").join(path)).unwrap();
        }
    }
    std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o700)).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(77);
    let manifest = std::fs::File::options()
        .write(true)
        .open(two.folder.join("hello/manifest.yaml"))
        .unwrap();
    manifest.set_modified(long_ago).unwrap();

    for desk in [&one, &two] {
        for name in ["a.sqsh", "a.tar"] {
            desk.run(&format!("extension pack hello --arch arm64 -o {name}"))
                .done();
        }
        desk.run("extension pack a.tar --arch arm64 -o b.sqsh")
            .done();
    }

    for name in ["a.sqsh", "a.tar", "b.sqsh"] {
        assert!(bytes(&one, name) == bytes(&two, name), "{name}");
    }
    assert!(bytes(&one, "a.sqsh") == bytes(&one, "b.sqsh"));
    let said = one.run("extension validate a.tar --arch amd64").failed();
    assert!(
        said.contains("there is no image for amd64; there are: arm64"),
        "{said}"
    );
    let listed = Command::new("tar")
        .arg("-tf")
        .arg(one.folder.join("a.tar"))
        .output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert!(
        listed.ends_with("index.json\nmanifest.json\noci-layout\n"),
        "{listed}"
    );
}

#[test]
fn sysx_05_every_problem_is_said_with_its_place_and_the_rest_is_checked_all_the_same() {
    let desk = with_hello();
    desk.run("extension new broken").done();
    desk.write(
        "broken/manifest.yaml",
        "version: v1alpha1\nmetadata:\n  name: broken\n",
    );
    std::fs::create_dir_all(desk.folder.join("broken/rootfs/etc")).unwrap();
    desk.write("broken/rootfs/etc/passwd", "");

    let said = desk.run("extension validate broken hello nowhere");

    assert!(said.out.starts_with("hello is valid"), "{}", said.out);
    let error = said.failed();
    assert_eq!(
        error,
        "error: broken: 4 problems\n  \
         manifest.yaml:2: metadata.version: is missing\n  \
         manifest.yaml:2: metadata.author: is missing\n  \
         manifest.yaml:2: metadata.description: is missing\n  \
         rootfs/etc/passwd: extensions cannot add to this path\n\
         error: nowhere: 1 problem\n  \
         cannot read: No such file or directory (os error 2)\n"
    );
}

#[test]
fn xtn_05_an_extension_for_another_release_is_refused_everywhere() {
    let desk = with_hello();
    let manifest = desk
        .read("hello/manifest.yaml")
        .replace(">= v1.6.0", ">= v99.0.0");
    desk.write("hello/manifest.yaml", &manifest);
    write_initramfs(&desk, "");

    for line in [
        "extension validate hello",
        "extension pack hello -o a.sqsh",
        "image extend initramfs --extension hello -o a",
    ] {
        let error = desk.run(line).failed();
        assert!(
            error.contains(">= v99.0.0 is wanted, and the node is Talos Linux v1.6."),
            "{line}: {error}"
        );
    }
    assert_eq!(names(&desk.folder), ["hello", "initramfs"]);
}

#[test]
fn a_new_extension_takes_no_place_of_another_and_no_odd_name() {
    let desk = with_hello();
    let before = desk.read("hello/manifest.yaml");
    assert!(
        desk.run("extension new hello")
            .failed()
            .contains("exists already")
    );
    for name in ["..", "../x", "A", "a/b", "."] {
        let error = desk.run(&format!("extension new {name}")).failed();
        assert!(
            error.contains("cannot be the name of an extension"),
            "{error}"
        );
    }
    assert!(
        desk.run("extension new a.b --service")
            .failed()
            .contains("cannot be the name")
    );
    desk.run("extension new 123").done();
    desk.run("extension validate 123").done();
    assert_eq!(names(&desk.folder), ["123", "hello"]);
    assert_eq!(desk.read("hello/manifest.yaml"), before);
}

#[test]
fn what_cannot_be_packed_leaves_what_was_there() {
    let desk = with_hello();
    desk.write("old.sqsh", "old");
    for (line, reason) in [
        ("extension pack hello -o hello.zip", "says not what to make"),
        ("extension pack hello -o nowhere/a.sqsh", "cannot look at"),
        ("extension pack nowhere -o old.sqsh", "cannot read"),
        ("extension pack hello -o hello", "says not what to make"),
    ] {
        let error = desk.run(line).failed();
        assert!(error.contains(reason), "{line}: {error}");
    }
    assert_eq!(desk.read("old.sqsh"), "old");
    assert_eq!(names(&desk.folder), ["hello", "old.sqsh"]);

    desk.run("extension pack hello -o old.sqsh").done();
    assert!(bytes(&desk, "old.sqsh").starts_with(b"hsqs"));
}

#[test]
fn sysx_06_sysx_11_sysx_13_an_initramfs_gets_layers_in_order_and_the_schematic_last() {
    let desk = with_hello();
    desk.run("extension new other").done();
    desk.run("extension pack other -o other.tar").done();
    desk.run("extension pack hello -o hello.sqsh").done();
    write_initramfs(&desk, "");

    let out = desk
        .run(
            "image extend initramfs --schematic 0 -o new \
             --extension ghcr.io/siderolabs/hello:v1@sha256:0=hello --extension other.tar",
        )
        .done();

    let layers = [
        "000.ghcr.io-siderolabs-hello-v1-sha256-0.sqsh",
        "001.other-v0.1.0.sqsh",
        "002.schematic.sqsh",
    ];
    let list = layers.map(|layer| format!("{layer}\n")).concat();
    assert_eq!(out, list);
    let (first, second) = archives(&desk, "new");
    assert_eq!(file(&first, "rootfs.sqsh"), b"root");
    assert_eq!(file(&second, "layers.list"), list.as_bytes());
    assert!(file(&second, &format!("layers/{}", layers[0])) == bytes(&desk, "hello.sqsh"));
    assert!(file(&second, &format!("layers/{}", layers[2])).starts_with(b"hsqs"));
    let list: Value = serde_yaml_ng::from_slice(file(&second, "extensions.yaml")).unwrap();
    let list = list["layers"].as_sequence().unwrap();
    let images: Vec<&str> = list
        .iter()
        .map(|layer| layer["image"].as_str().unwrap())
        .collect();
    assert_eq!(images, layers);
    let metadata = &list[0]["metadata"];
    assert_eq!(metadata["name"], "hello");
    assert_eq!(metadata["version"], "v0.1.0");
    assert_eq!(metadata["description"], "What hello adds to a node.\n");
    assert_eq!(metadata["compatibility"]["talos"]["version"], ">= v1.6.0");
    assert_eq!(list[2]["metadata"]["version"], "0");

    let line = "image extend initramfs --extension hello --schematic 0 -o";
    for name in ["a", "b"] {
        desk.run(&format!("{line} {name}")).done();
    }
    assert!(bytes(&desk, "a") == bytes(&desk, "b"));
}

#[test]
fn sysx_09_an_image_is_made_whole_or_not_at_all() {
    let desk = with_hello();
    write_initramfs(&desk, "");
    desk.write("old", "old");
    let before = bytes(&desk, "initramfs");
    for (line, reason) in [
        ("-o old", "there is nothing to add"),
        ("--extension nowhere -o old", "nowhere: 1 problem"),
        (
            "--extension hello --extension x=hello -o old",
            "an extension called hello is there already",
        ),
        (
            "--extension ../x=hello -o old",
            "is not the reference of an image",
        ),
        (
            "--extension hello --schematic zz -o old",
            "is not the id of a schematic",
        ),
        ("--extension hello -o hello", "hello is a folder"),
    ] {
        let error = desk.run(&format!("image extend initramfs {line}")).failed();
        assert!(error.contains(reason), "{line}: {error}");
    }
    for (base, reason) in [
        ("old", "not an initramfs"),
        ("hello", "cannot read"),
        ("none", "cannot read"),
    ] {
        let error = desk
            .run(&format!("image extend {base} --extension hello -o x"))
            .failed();
        assert!(error.contains(reason), "{base}: {error}");
    }
    write_initramfs(&desk, "a.sqsh\n");
    let error = desk
        .run("image extend initramfs --extension hello -o x")
        .failed();
    assert!(error.contains("it has layers already"), "{error}");
    write_initramfs(&desk, "");
    assert!(bytes(&desk, "initramfs") == before);
    assert_eq!(desk.read("old"), "old");
    assert_eq!(names(&desk.folder), ["hello", "initramfs", "old"]);

    desk.run("image extend initramfs --extension hello -o old")
        .done();
    assert!(bytes(&desk, "old").starts_with(&before[..200]));
    let error = desk.run("image extend old --extension hello -o x").failed();
    assert!(error.contains("it has layers already"), "{error}");
}

#[test]
fn the_initramfs_to_begin_with_is_never_written_over() {
    let desk = with_hello();
    write_initramfs(&desk, "");
    let before = bytes(&desk, "initramfs");
    std::os::unix::fs::symlink("initramfs", desk.folder.join("link")).unwrap();
    std::fs::hard_link(desk.folder.join("initramfs"), desk.folder.join("hard")).unwrap();

    for output in [
        "initramfs",
        "./initramfs",
        "hello/../initramfs",
        "link",
        "hard",
    ] {
        let error = desk
            .run(&format!(
                "image extend initramfs --extension hello -o {output}"
            ))
            .failed();
        assert!(error.contains("is the initramfs to begin with"), "{error}");
    }

    assert!(bytes(&desk, "initramfs") == before);
    assert_eq!(names(&desk.folder), ["hard", "hello", "initramfs", "link"]);
}

#[test]
fn an_image_that_nodes_would_refuse_is_never_begun() {
    let desk = Desk::empty();
    write_initramfs(&desk, "");
    let nowhere = " --extension nowhere".repeat(33);
    let error = desk
        .run(&format!("image extend initramfs -o new{nowhere}"))
        .failed();
    assert!(error.contains("more than 32 layers"), "{error}");

    for number in 10..30 {
        desk.run(&format!("extension new e{number}")).done();
        let path = format!("e{number}/manifest.yaml");
        let manifest = desk.read(&path);
        let (from, _) = manifest.split_once("  description:").unwrap();
        let text = "d".repeat(16_000);
        desk.write(&path, format!("{from}  description: {text}\n"));
    }
    let before = names(&desk.folder);
    // What is begun there fails, and otherwise.
    let extend = |reference: &str| {
        let all = (10..30).map(|number| format!(" --extension {reference}{number}=e{number}"));
        desk.run(&format!(
            "image extend initramfs -o nowhere/new{}",
            all.collect::<String>()
        ))
        .failed()
    };

    let error = extend("e");
    assert!(error.contains("and nodes read 262144"), "{error}");
    let error = extend(&"r".repeat(198));
    assert!(error.contains("more than 4096 bytes of names"), "{error}");
    assert_eq!(names(&desk.folder), before);
}

#[test]
fn extensions_must_be_for_the_processor_of_the_initramfs() {
    let desk = with_hello();
    for (arch, other, machine) in [("amd64", "arm64", 0x3e), ("arm64", "amd64", 0xb7)] {
        let mut init = b"\x7fELF\x02\x01\x01".to_vec();
        init.resize(18, 0);
        init.extend([machine, 0]);
        write_initramfs_of(&desk, &init, "", &[]);
        desk.run(&format!("extension pack hello --arch {arch} -o same.tar"))
            .done();
        desk.run(&format!("extension pack hello --arch {other} -o other.tar"))
            .done();
        let extend = |rest: &str| desk.run(&format!("image extend initramfs -o new {rest}"));

        extend("--extension same.tar").done();
        extend(&format!("--extension same.tar --arch {arch}")).done();
        let error = extend("--extension other.tar").failed();
        let said = format!("there is no image for {arch}; there are: {other}");
        assert!(error.contains(&said), "{error}");
        for extension in ["hello", "other.tar"] {
            let error = extend(&format!("--extension {extension} --arch {other}")).failed();
            let said = format!("initramfs is for {arch}, not for {other}");
            assert!(error.contains(&said), "{error}");
        }
    }
}
