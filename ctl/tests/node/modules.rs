// SPDX-License-Identifier: MPL-2.0
//! Kernel modules in extensions and boot images.
//!
//! Owns: what is said about modules, and the layer that is their index.
//! Never: needs a node; the modules are the compiler's, with what every module says about itself.

use std::process::Command;

use image::cpio::{Archive, Kind};

use crate::desk::Desk;
use crate::extensions::{write_initramfs, write_initramfs_for};

const RELEASE: &str = "6.12.1-ichor";

/// Begins an extension, and adds a module to it.
fn module(desk: &Desk, extension: &str, name: &str, needs: &str, mark: &str) {
    if !desk.folder.join(extension).exists() {
        desk.run(&format!("extension new {extension}")).done();
    }
    let said = [
        format!("name={name}"),
        format!("depends={needs}"),
        format!("vermagic={RELEASE} SMP mod_unload "),
        format!("alias=fs-{name}"),
    ];
    let text: String = (0..)
        .zip(said)
        .map(|(number, said)| {
            format!(
                "static const char s{number}[] \
                 __attribute__((section(\".modinfo\"), used, aligned(1))) = \"{said}\";\n"
            )
        })
        .collect();
    desk.write("module.c", &text);
    let status = Command::new("x86_64-linux-gnu-gcc")
        .args(["-c", "-o", "module.o", "module.c"])
        .current_dir(&desk.folder)
        .status()
        .unwrap();
    assert!(status.success());
    let mut bytes = std::fs::read(desk.folder.join("module.o")).unwrap();
    bytes.extend(mark.as_bytes());
    let folder = format!("{extension}/rootfs/lib/modules/{RELEASE}");
    let folder = desk.folder.join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.ko")), bytes).unwrap();
    for left in ["module.c", "module.o"] {
        std::fs::remove_file(desk.folder.join(left)).unwrap();
    }
}

const SIGNED: &str = "~Module signature appended~\n";

#[test]
fn sysx_10_an_image_with_modules_gets_their_index_as_a_layer_of_its_own() {
    let desk = Desk::empty();
    module(&desk, "lower", "core", "", SIGNED);
    module(&desk, "upper", "adapter", "core", SIGNED);
    write_initramfs(&desk, "");
    let line = "image extend initramfs --arch amd64 -o new";

    let out = desk
        .run(&format!(
            "{line} --extension upper --extension lower --schematic 0"
        ))
        .done();

    assert_eq!(
        out,
        "000.upper-v0.1.0.sqsh\n001.lower-v0.1.0.sqsh\n002.modules.dep.sqsh\n003.schematic.sqsh\n"
    );
    let bytes = std::fs::read(desk.folder.join("new")).unwrap();
    let (_, len) = Archive::parse_prefix(&bytes).unwrap();
    let archive = Archive::parse(bytes.get(len.next_multiple_of(512)..).unwrap()).unwrap();
    let file = |name: &str| match &archive.get(name).unwrap().kind {
        Kind::File(bytes) => bytes.clone(),
        Kind::Directory | Kind::Symlink(_) => unreachable!("{name} is no file"),
    };
    let list = String::from_utf8(file("extensions.yaml")).unwrap();
    assert!(
        list.contains("name: \"modules.dep\"\n      version: \"6.12.1-ichor\""),
        "{list}"
    );
    std::fs::write(
        desk.folder.join("index.sqsh"),
        file("layers/002.modules.dep.sqsh"),
    )
    .unwrap();
    let cat = Command::new("unsquashfs")
        .args([
            "-cat",
            "index.sqsh",
            &format!("lib/modules/{RELEASE}/modules.dep"),
        ])
        .current_dir(&desk.folder)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(cat.stdout).unwrap(),
        "adapter.ko: core.ko\ncore.ko:\n"
    );
}

/// Such an image was made, and its node loaded none of them.
#[test]
fn img_13_modules_for_another_kernel_than_that_of_the_initramfs_are_refused() {
    let desk = Desk::empty();
    module(&desk, "lower", "core", "", SIGNED);
    let line = "image extend initramfs --arch amd64 -o new --extension lower";

    write_initramfs_for(&desk, "6.12.117-ichor\n");
    let refused = desk.run(line).failed();
    let words = "initramfs is for the kernel 6.12.117-ichor, and the kernel modules of these \
                 extensions are for 6.12.1-ichor";
    assert!(refused.contains(words), "{refused}");
    assert!(!desk.folder.join("new").exists());
    write_initramfs_for(&desk, "6.12.1-ichor\n");
    desk.run(line).done();
    // One of before, which does not say it.
    write_initramfs(&desk, "");
    desk.run(line).done();
}

#[test]
fn img_13_modules_that_no_node_would_load_are_in_no_image() {
    let desk = Desk::empty();
    module(&desk, "upper", "adapter", "core", SIGNED);
    module(&desk, "unsigned", "core", "", "");
    write_initramfs(&desk, "");

    let valid = desk.run("extension validate upper --arch amd64").done();
    assert!(
        valid.contains("\n  module adapter for Linux 6.12.1-ichor\n"),
        "{valid}"
    );
    let refused = desk
        .run("extension validate unsigned --arch amd64")
        .failed();
    assert!(refused.contains("core.ko: is not signed"), "{refused}");
    let other = desk.run("extension validate upper --arch arm64").failed();
    assert!(
        other.contains("adapter.ko: is for amd64, not for arm64"),
        "{other}"
    );
    let alone = desk
        .run("image extend initramfs --arch amd64 -o new --extension upper")
        .failed();
    assert!(
        alone.contains("adapter.ko: needs the module core: add the extension that has it"),
        "{alone}"
    );
    assert!(!desk.folder.join("new").exists());
}
