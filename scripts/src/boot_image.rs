// SPDX-License-Identifier: MPL-2.0
//! Makes the initramfs: init, the root, the list of layers over it, and which kernel it is for.
//!
//! Owns: what is in the archive that the kernel unpacks.
//! Never: compresses it; the root inside is compressed already.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use image::cpio::{Archive, Entry, Kind};
use image::layers::{self, Layers};

use crate::arch::Arch;
use crate::kernel;
use crate::places::{Places, make_folder};
use crate::programs;
use crate::rootfs;
use crate::say;

/// Makes `out/<arch>/rootfs.sqsh` and `out/<arch>/initramfs` from programs that are built.
///
/// # Errors
/// When a program or an origin is missing.
pub fn build(places: &Places, arch: Arch) -> Result<PathBuf> {
    let step = say::Step::start(format!("{arch}: image"));
    let root = rootfs::build(places, arch)?;
    let init = read(&programs::folder(places, arch).join("init"))?;
    let mut archive = Archive::new();
    add_file(&mut archive, "init", 0o755, init)?;
    add_file(&mut archive, "rootfs.sqsh", 0o444, read(&root)?)?;
    // No layer: the list is there all the same, so that its absence is an error.
    add_file(&mut archive, layers::LIST, 0o444, Vec::new())?;
    // For whoever adds modules: those of another kernel would be of no use.
    let release = format!("{}\n", kernel::release(places, arch)?);
    add_file(
        &mut archive,
        layers::KERNEL_RELEASE,
        0o444,
        release.into_bytes(),
    )?;
    let path = places.out_of(arch).join("initramfs");
    write(&path, &archive)?;
    step.done();
    Ok(path)
}

/// Makes an initramfs that holds nothing but the yardstick of the boot time budget.
///
/// # Errors
/// When it is not built.
pub fn build_yardstick(places: &Places, arch: Arch) -> Result<PathBuf> {
    let program = read(&programs::folder(places, arch).join(programs::YARDSTICK))?;
    let mut archive = Archive::new();
    add_file(&mut archive, "init", 0o755, program)?;
    let path = places.out_of(arch).join("yardstick.initramfs");
    write(&path, &archive)?;
    Ok(path)
}

/// Makes an initramfs with layers over the root: the given one, followed by an archive with
/// `layers/<name>.sqsh` and a `layers.list` that names them in order, the lowest first.
///
/// # Errors
/// When a layer cannot be read, or two have the same name.
pub fn with_layers(initramfs: &Path, layers: &[PathBuf], target: &Path) -> Result<()> {
    let base = read(initramfs)?;
    let mut bytes = Cursor::new(Vec::new());
    bytes.write_all(&base)?;
    let mut added = Layers::begin(bytes)?;
    for layer in layers {
        let name = layer.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} has no name", layer.display()))?;
        if !name.ends_with(".sqsh") {
            bail!("{} is not named *.sqsh", layer.display());
        }
        let squashfs = read(layer)?;
        added
            .add(name, |out| -> Result<(), layers::Error> {
                Ok(out.write_all(&squashfs)?)
            })
            .with_context(|| format!("cannot add {}", layer.display()))?;
    }
    let bytes = added.finish(&[])?.into_inner();
    std::fs::write(target, bytes).with_context(|| format!("cannot write {}", target.display()))
}

fn add_file(archive: &mut Archive, name: &str, mode: u32, bytes: Vec<u8>) -> Result<()> {
    let entry = Entry {
        kind: Kind::File(bytes),
        mode,
        uid: 0,
        gid: 0,
    };
    archive
        .add(name, entry)
        .with_context(|| format!("cannot add {name}"))
}

fn write(path: &Path, archive: &Archive) -> Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let bytes = archive.emit().context("cannot make the archive")?;
    // A machine may be starting from the one that is there.
    let staged = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(&staged, bytes)
        .and_then(|()| std::fs::rename(&staged, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
