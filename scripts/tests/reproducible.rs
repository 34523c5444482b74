// SPDX-License-Identifier: MPL-2.0
//! The image depends on what is in it and on nothing else. With made-up programs, so that it takes
//! a second; `./x test` also compiles the real ones twice.

use std::path::Path;

use image::cpio::{Archive, Kind};
use xtask::arch::Arch;
use xtask::places::Places;
use xtask::{boot_image, kernel, programs, rootfs};

/// The programs that rootfs/base.list names.
const PROGRAMS: [&str; 10] = [
    "init", "sandbox", "udevd", "netd", "logd", "machined", "apid", "trustd", "imaged", "console",
];

/// Results in `folder`, with a made-up kernel and programs, written in the given order.
#[expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its folder has failed"
)]
fn prepared<'a>(folder: &Path, order: impl Iterator<Item = &'a str>) -> Places {
    let places = Places {
        out: folder.join("out"),
        ..Places::find().unwrap()
    };
    let target = programs::folder(&places, Arch::Amd64);
    std::fs::create_dir_all(&target).unwrap();
    for name in order {
        std::fs::write(target.join(name), format!("program {name}").repeat(1000)).unwrap();
    }
    let modules = kernel::modules_of_root(&places, Arch::Amd64);
    std::fs::create_dir_all(&modules).unwrap();
    std::fs::write(modules.join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n").unwrap();
    let release = places.out_of(Arch::Amd64).join("kernel.release");
    std::fs::write(release, "6.12.1-made-up\n").unwrap();
    places
}

#[test]
fn an_image_built_twice_in_different_folders_is_the_same() {
    let first = tempfile::tempdir().unwrap();
    let second = tempfile::tempdir().unwrap();
    let deeper = second.path().join("some/where/else");
    let one = prepared(first.path(), PROGRAMS.into_iter());
    let other = prepared(&deeper, PROGRAMS.into_iter().rev());

    let one_image = std::fs::read(boot_image::build(&one, Arch::Amd64).unwrap()).unwrap();
    let other_image = std::fs::read(boot_image::build(&other, Arch::Amd64).unwrap()).unwrap();

    assert!(one_image == other_image, "the images differ");
}

#[test]
fn the_initramfs_holds_init_the_root_and_the_list_of_layers() {
    let folder = tempfile::tempdir().unwrap();
    let places = prepared(folder.path(), PROGRAMS.into_iter());

    let path = boot_image::build(&places, Arch::Amd64).unwrap();

    let archive = Archive::parse(&std::fs::read(path).unwrap()).unwrap();
    let names: Vec<&str> = archive.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["init", "kernel.release", "layers.list", "rootfs.sqsh"]
    );
    let root = std::fs::read(places.out_of(Arch::Amd64).join("rootfs.sqsh")).unwrap();
    assert!(root.starts_with(b"hsqs"));
    assert_eq!(archive.get("rootfs.sqsh").unwrap().kind, Kind::File(root));
}

#[test]
fn layers_follow_in_an_archive_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let places = prepared(folder.path(), PROGRAMS.into_iter());
    let base = boot_image::build(&places, Arch::Amd64).unwrap();
    let layer = folder.path().join("extra.sqsh");
    std::fs::write(&layer, b"layer").unwrap();
    let target = folder.path().join("with");

    boot_image::with_layers(&base, &[layer], &target).unwrap();

    let base_length = std::fs::metadata(&base).unwrap().len();
    let bytes = std::fs::read(&target).unwrap();
    let second = Archive::parse(&bytes[usize::try_from(base_length).unwrap()..]).unwrap();
    assert_eq!(
        second.get("layers.list").unwrap().kind,
        Kind::File(b"extra.sqsh\n".to_vec())
    );
    assert_eq!(
        second.get("layers/extra.sqsh").unwrap().kind,
        Kind::File(b"layer".to_vec())
    );
}

#[test]
fn two_layers_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let places = prepared(folder.path(), PROGRAMS.into_iter());
    let base = boot_image::build(&places, Arch::Amd64).unwrap();
    let layer = folder.path().join("extra.sqsh");
    std::fs::write(&layer, b"layer").unwrap();

    let result = boot_image::with_layers(&base, &[layer.clone(), layer], &base.with_extension("x"));

    assert!(result.is_err());
}

#[test]
fn an_image_without_a_program_that_its_list_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let places = prepared(folder.path(), PROGRAMS.into_iter().skip(1));

    let error = rootfs::build(&places, Arch::Amd64).unwrap_err();

    assert!(format!("{error:#}").contains("/sbin/init"), "{error:#}");
}

#[test]
fn nothing_in_the_root_is_a_shell_or_writable_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let places = prepared(folder.path(), PROGRAMS.into_iter());
    let root = rootfs::build(&places, Arch::Amd64).unwrap();

    let listing = std::process::Command::new("unsquashfs")
        .arg("-lls")
        .arg(&root)
        .output()
        .unwrap();

    assert!(listing.status.success());
    let listing = String::from_utf8(listing.stdout).unwrap();
    assert!(listing.contains("/sbin/init"), "{listing}");
    for line in listing
        .lines()
        .filter(|line| line.contains("squashfs-root"))
    {
        let mode = line.split_whitespace().next().unwrap();
        assert!(line.contains(" root/root "), "{line}");
        assert!(!line.contains("/bin/") && !line.ends_with("sh"), "{line}");
        let all_may_write = mode.as_bytes().get(8) == Some(&b'w');
        assert!(
            !all_may_write || mode.starts_with('l') || line.ends_with("/tmp"),
            "{line}"
        );
    }
}

#[test]
fn what_the_node_writes_below_etc_is_seen_through_links() {
    let folder = tempfile::tempdir().unwrap();
    let places = prepared(folder.path(), PROGRAMS.into_iter());
    let root = rootfs::build(&places, Arch::Amd64).unwrap();

    let listing = std::process::Command::new("unsquashfs")
        .arg("-lls")
        .arg(&root)
        .output()
        .unwrap();

    let listing = String::from_utf8(listing.stdout).unwrap();
    for name in ["hosts", "hostname", "machine-id", "resolv.conf"] {
        let link = format!("squashfs-root/etc/{name} -> /system/etc/{name}");
        assert!(listing.lines().any(|line| line.ends_with(&link)), "{name}");
    }
}

#[test]
fn the_system_says_the_version_of_the_workspace() {
    let places = Places::find().unwrap();

    let text = std::fs::read_to_string(places.root.join("rootfs/files/etc/os-release")).unwrap();

    let version = format!("VERSION_ID={}", env!("CARGO_PKG_VERSION"));
    assert!(text.lines().any(|line| line == version), "{text}");
}
