// SPDX-License-Identifier: MPL-2.0
//! Images with something more in them: the probe, and services that misbehave.
//!
//! Owns: which layers a test image has.
//! Never: changes the root or init: what is tested is what ships.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask::arch::Arch;
use xtask::places::Places;
use xtask::{boot_image, rootfs};

/// A layer of `tests/layers/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The guest that lets a test look inside.
    Probe,
    /// Services that exit, fork, eat memory and flood their log.
    Misbehave,
    /// Services that are described as the documents do.
    Services,
    /// Ten services that do nothing.
    Resting,
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Misbehave => "misbehave",
            Self::Services => "services",
            Self::Resting => "resting",
        }
    }
}

/// Makes an initramfs with `layers` over the root, in `folder`, and returns its path.
///
/// # Errors
/// A layer cannot be packed, or the image is not built.
pub fn image(places: &Places, arch: Arch, layers: &[Layer], folder: &Path) -> Result<PathBuf> {
    let mut packed = Vec::new();
    for layer in layers {
        let lists = places.root.join("tests/layers").join(layer.name());
        let target = folder.join(format!("{}.sqsh", layer.name()));
        rootfs::pack(places, arch, &lists, &target)?;
        packed.push(target);
    }
    extended(places, arch, &packed, folder)
}

/// Makes an initramfs with `count` layers of one small file over the root, in `folder`, and returns
/// its path.
///
/// # Errors
/// As [`image`].
pub fn many(places: &Places, arch: Arch, count: usize, folder: &Path) -> Result<PathBuf> {
    let mut packed = Vec::new();
    for number in 0..count {
        let lists = folder.join(format!("layer-{number:02}"));
        std::fs::create_dir_all(lists.join("files"))?;
        std::fs::write(lists.join("files/number"), number.to_string())?;
        let list = format!(
            "# One file of its own.\n\
             dir /usr 0755 0 0 -\n\
             dir /usr/local 0755 0 0 -\n\
             dir /usr/local/share 0755 0 0 -\n\
             file /usr/local/share/number-{number} 0644 0 0 tree:number\n"
        );
        std::fs::write(lists.join("layer.list"), list)?;
        let target = folder.join(format!("{number:03}.sqsh"));
        rootfs::pack(places, arch, &lists, &target)?;
        packed.push(target);
    }
    extended(places, arch, &packed, folder)
}

/// Puts packed layers behind the initramfs that ships.
fn extended(places: &Places, arch: Arch, packed: &[PathBuf], folder: &Path) -> Result<PathBuf> {
    let base = places.out_of(arch).join("initramfs");
    let target = folder.join("initramfs");
    boot_image::with_layers(&base, packed, &target)?;
    Ok(target)
}
