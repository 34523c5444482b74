// SPDX-License-Identifier: MPL-2.0
//! An extension of layers that come one by one, as a registry gives them.
//!
//! Owns: that each layer is the one that the image's configuration names, and where it waits until then.
//! Never: asks for a layer; whoever has them hands them over in order.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::arch::Arch;
use crate::digest::Digest;
use crate::extension::Extension;
use crate::layer::{Builder, Purpose};
use crate::limits::LAYERS_MAX;
use crate::problem::Problem;
use crate::spool::{self, Spool};

/// An extension that is being put together.
pub struct Assembly {
    builder: Builder,
    layers: usize,
}

impl std::fmt::Debug for Assembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembly")
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

/// Makes a file without a name in a folder: it is gone when it is closed, whatever happens.
///
/// # Errors
/// When it cannot be made there.
pub fn unnamed(folder: &Path) -> io::Result<File> {
    spool::unnamed(folder)
}

impl Assembly {
    /// Begins with nothing. Contents are kept in `temporary` while the extension is.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn begin(temporary: &Path) -> Result<Self, Problem> {
        let spool = Spool::new(temporary).map_err(|error| {
            let what = format!("cannot make a file there: {error}");
            Problem::new(temporary.display().to_string(), what)
        })?;
        Ok(Self {
            builder: Builder::new(spool, Purpose::Extension),
            layers: 0,
        })
    }

    /// Lays a layer over those before it. `unpacked` is the digest of the archive in it; `name` is what the
    /// layer is called when something is wrong.
    ///
    /// # Errors
    /// The first thing that is wrong with it. The extension is then of no use.
    pub fn add(
        &mut self,
        name: &str,
        packed: &mut dyn Read,
        unpacked: &str,
    ) -> Result<(), Problem> {
        self.layers = self.layers.saturating_add(1);
        if self.layers > LAYERS_MAX {
            return Err(Problem::new(name, "has too many layers before it"));
        }
        let digest =
            self.builder
                .add_layer(packed)
                .map_err(|problem| match problem.place.as_str() {
                    "" => Problem::new(name, problem.what),
                    _ => problem,
                })?;
        if Digest::parse(unpacked).as_ref() != Some(&digest) {
            return Err(Problem::new(
                name,
                "is not the layer that the configuration names",
            ));
        }
        Ok(())
    }

    /// Checks what came together for machines of `arch`. `reference` is what the image is called.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn finish(self, reference: String, arch: Arch) -> Result<Extension, Vec<Problem>> {
        Extension::check(self.builder, Some(reference), arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_layer_must_be_the_one_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let layer = [0; 1024];
        let right = Digest::of(&layer).to_string();
        let mut assembly = Assembly::begin(folder.path()).unwrap();

        assert_eq!(assembly.add("a", &mut layer.as_slice(), &right), Ok(()));
        for wrong in ["", "sha256:00", &Digest::of(b"").to_string()] {
            let error = assembly.add("b", &mut layer.as_slice(), wrong).unwrap_err();
            assert_eq!(
                error.to_string(),
                "b: is not the layer that the configuration names"
            );
        }
        // Zeros are an archive without members, and so no extension.
        let problems = assembly.finish("a".to_owned(), Arch::Amd64).unwrap_err();
        assert!(
            problems
                .iter()
                .any(|problem| problem.place == "manifest.yaml"),
            "{problems:?}"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn there_is_an_end_to_layers() {
        let folder = tempfile::tempdir().unwrap();
        let layer = [0; 1024];
        let digest = Digest::of(&layer).to_string();
        let mut assembly = Assembly::begin(folder.path()).unwrap();
        for _ in 0..LAYERS_MAX {
            assembly.add("a", &mut layer.as_slice(), &digest).unwrap();
        }
        assert!(assembly.add("a", &mut layer.as_slice(), &digest).is_err());
    }
}
