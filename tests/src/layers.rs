// SPDX-License-Identifier: MPL-2.0
//! Images with something more in them: the probe, and services that misbehave.
//!
//! Owns: which layers a test image has.
//! Never: changes the root or init: what is tested is what ships.

use std::path::PathBuf;

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
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Misbehave => "misbehave",
            Self::Services => "services",
        }
    }
}

/// Makes an initramfs with `layers` over the root, in `folder`, and returns its path.
///
/// # Errors
/// A layer cannot be packed, or the image is not built.
pub fn image(
    places: &Places,
    arch: Arch,
    layers: &[Layer],
    folder: &std::path::Path,
) -> Result<PathBuf> {
    let base = places.out_of(arch).join("initramfs");
    let mut packed = Vec::new();
    for layer in layers {
        let lists = places.root.join("tests/layers").join(layer.name());
        let target = folder.join(format!("{}.sqsh", layer.name()));
        rootfs::pack(places, arch, &lists, &target)?;
        packed.push(target);
    }
    let target = folder.join("initramfs");
    boot_image::with_layers(&base, &packed, &target)?;
    Ok(target)
}
