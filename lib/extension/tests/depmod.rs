// SPDX-License-Identifier: MPL-2.0
//! The merged index against the real depmod, over one tree of modules made by the real compiler.
//!
//! depmod finds out who needs whom from symbols, and we from what modules say; both are in each file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use extension::{Arch, Extension, Index, Modules};

const RELEASE: &str = "6.12.1-ichor";

/// A module: its path, those it needs, and more that it says about itself.
struct Source {
    path: &'static str,
    needs: &'static [&'static str],
    says: &'static [&'static str],
}

const fn source(
    path: &'static str,
    needs: &'static [&'static str],
    says: &'static [&'static str],
) -> Source {
    Source { path, needs, says }
}

/// Two chains that meet, a diamond, names with dashes, aliases and soft dependencies.
const SOURCES: &[Source] = &[
    source("kernel/drivers/usb/common/usb-common.ko", &[], &[]),
    source(
        "kernel/drivers/usb/core/usbcore.ko",
        &["usb_common"],
        &["alias=usbdevfs"],
    ),
    source(
        "kernel/drivers/usb/host/xhci-hcd.ko",
        &["usbcore", "usb_common"],
        &["softdep=pre: usb-common post: xhci-pci"],
    ),
    source(
        "kernel/drivers/usb/host/xhci-pci.ko",
        &["xhci_hcd", "usbcore"],
        &["alias=pci:v*d*sv*sd*bc0Csc03i30*"],
    ),
    source("kernel/drivers/usb/serial/usbserial.ko", &["usbcore"], &[]),
    source(
        "kernel/drivers/usb/serial/ftdi_sio.ko",
        &["usbserial"],
        &[
            "alias=usb:v0403p6001d*dc*dsc*dp*ic*isc*ip*in*",
            "alias=usb:v0403p6010d*",
        ],
    ),
    source(
        "kernel/fs/lonely.ko",
        &[],
        &["alias=fs-lonely", "softdep=post: nobody"],
    ),
];

/// Compiles one module with what the kernel's build gives each, and marks it as signed.
fn compile(folder: &Path, source: &Source) {
    let stem = Path::new(source.path)
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap();
    let name = stem.replace('-', "_");
    let mut text = String::new();
    let mut say = |number: usize, said: &str| {
        let _ = writeln!(
            text,
            "static const char said_{number}[] \
             __attribute__((section(\".modinfo\"), used, aligned(1))) = \"{said}\";"
        );
    };
    say(0, &format!("name={name}"));
    say(1, &format!("depends={}", source.needs.join(",")));
    say(2, &format!("vermagic={RELEASE} SMP mod_unload "));
    for (number, said) in (3..).zip(source.says) {
        say(number, said);
    }
    let _ = writeln!(
        text,
        "static const char exported[] \
         __attribute__((section(\"__ksymtab_strings\"), used)) = \"{name}_symbol\";\n\
         int {name}_symbol(void) {{ return 0; }}"
    );
    for need in source.needs {
        let _ = writeln!(
            text,
            "extern int {need}_symbol(void);\nint use_{need}(void) {{ return {need}_symbol(); }}"
        );
    }
    let target = folder.join(source.path);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    let from = folder.join(format!("{name}.c"));
    fs::write(&from, text).unwrap();
    let status = Command::new("x86_64-linux-gnu-gcc")
        .args(["-c", "-ffreestanding", "-fno-pic", "-o"])
        .arg(&target)
        .arg(&from)
        .status()
        .unwrap();
    assert!(status.success());
    fs::remove_file(from).unwrap();
    let mut bytes = fs::read(&target).unwrap();
    bytes.extend(b"~Module signature appended~\n");
    fs::write(&target, bytes).unwrap();
}

/// Makes an extension of some modules and returns what is found in it.
fn extension(folder: &Path, name: &str, sources: &[Source], order: &str) -> Modules {
    let top = folder.join(name);
    let modules = top.join("rootfs/lib/modules").join(RELEASE);
    fs::create_dir_all(&modules).unwrap();
    for source in sources {
        compile(&modules, source);
    }
    fs::write(modules.join("modules.order"), order).unwrap();
    fs::write(modules.join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n").unwrap();
    fs::write(
        top.join("manifest.yaml"),
        format!(
            "version: v1alpha1\nmetadata:\n  name: {name}\n  version: {RELEASE}\n  author: a\n  \
             description: d\n"
        ),
    )
    .unwrap();
    let read = Extension::read(&top, Arch::Amd64, folder);
    read.unwrap().modules().clone()
}

/// What depmod writes about the modules of extensions that lie over each other.
fn by_depmod(folder: &Path, names: &[&str]) -> [String; 3] {
    let root = folder.join("root");
    fs::create_dir_all(&root).unwrap();
    for name in names {
        let from = folder.join(name).join("rootfs/lib");
        let status = Command::new("cp").arg("-r").arg(from).arg(&root).status();
        assert!(status.unwrap().success());
    }
    let status = Command::new("depmod")
        .arg("-b")
        .arg(&root)
        .arg(RELEASE)
        .status();
    assert!(status.unwrap().success());
    ["modules.dep", "modules.alias", "modules.softdep"]
        .map(|file| fs::read_to_string(root.join("lib/modules").join(RELEASE).join(file)).unwrap())
}

#[test]
fn sysx_10_the_merged_index_is_what_depmod_writes() {
    let folder = tempfile::tempdir().unwrap();
    let order: String = SOURCES
        .iter()
        .rev()
        .map(|one| format!("{}\n", one.path))
        .collect();
    let (first, second) = SOURCES.split_at(4);
    let lower = extension(folder.path(), "lower", first, &order);
    let upper = extension(folder.path(), "upper", second, &order);

    let index = Index::of(&[&lower, &upper]).unwrap().unwrap();

    let expected = by_depmod(folder.path(), &["lower", "upper"]);
    for ((name, text), expected) in index.files().iter().zip(expected) {
        assert_eq!(*text, expected, "{name}");
    }
}

/// depmod takes modules that are in no order as the file system has them.
#[test]
fn sysx_10_without_an_order_the_lines_are_those_of_depmod() {
    let folder = tempfile::tempdir().unwrap();
    let all = extension(folder.path(), "all", SOURCES, "");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };

    let index = Index::of(&[&all]).unwrap().unwrap();

    let expected = by_depmod(folder.path(), &["all"]);
    for ((name, text), expected) in index.files().iter().zip(expected) {
        assert_eq!(sorted(text), sorted(&expected), "{name}");
    }
}
