// SPDX-License-Identifier: MPL-2.0
//! Extensions from registries.
//!
//! Owns: what is a path and what a reference, the room for layers, and how far they are.
//! Never: leaves anything behind: a layer waits in a file without a name, and is checked before it is
//! looked into.

use std::io::{BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use extension::{Arch, Assembly, Extension, unnamed};
use oci::{Cause, Client, Patience, Platform, Reference};

use crate::args_extension::Pulling;
use crate::commands::refused;
use crate::places::Environment;
use crate::progress::Progress;
use crate::registries;
use crate::screen::Screen;
use crate::trouble::Trouble;
use crate::units;
use crate::written::check_room;

/// How much of a layer is written at once.
const CHUNK: usize = 256 * 1024;

/// Where an extension comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A folder or a file.
    Path(PathBuf),
    /// An image in a registry.
    Reference(Reference),
}

impl Origin {
    /// What is there is a path, whatever it is called. A word alone is one too: an image of that name
    /// would be one of docker's own, and no extension.
    pub(crate) fn of(text: &str, environment: &Environment) -> Result<Self, Trouble> {
        let path = PathBuf::from(text);
        let is_path = environment.path(&path).exists()
            || !text.contains(['/', ':', '@'])
            || ["/", "./", "../"]
                .iter()
                .any(|start| text.starts_with(start));
        if is_path {
            return Ok(Self::Path(path));
        }
        match Reference::parse(text) {
            Ok(reference) => Ok(Self::Reference(reference)),
            Err(error) => Err(Trouble::new(error.to_string())
                .hint("there is no file or folder of that name either")),
        }
    }
}

/// Pulls extensions, with the settings of one command.
pub(crate) struct Puller<'e> {
    pub(crate) environment: &'e Environment,
    pulling: &'e Pulling,
    open: Option<Open>,
}

/// What is made when the first image is pulled.
struct Open {
    client: Client,
    helper: Option<PathBuf>,
}

impl<'e> Puller<'e> {
    pub(crate) fn new(pulling: &'e Pulling, environment: &'e Environment) -> Self {
        Self {
            environment,
            pulling,
            open: None,
        }
    }

    fn open(&mut self) -> Result<&mut Open, Trouble> {
        if self.open.is_none() {
            let file = self.pulling.registries.as_deref();
            let known = registries::read(file, self.environment)?;
            let client = Client::new(known.registries, Patience::default())
                .map_err(|error| Trouble::new(error.to_string()))?;
            self.open = Some(Open {
                client,
                helper: known.helper,
            });
        }
        self.open.as_mut().ok_or_else(|| Trouble::new("no client"))
    }

    /// Pulls the extension of a reference.
    pub(crate) async fn pull(
        &mut self,
        reference: &Reference,
        arch: Arch,
        screen: &mut Screen<'_>,
    ) -> Result<Extension, Trouble> {
        let temporary = self.environment.temporary();
        let name = reference.to_string();
        let Open { client, helper } = self.open()?;
        let platform = match arch {
            Arch::Amd64 => Platform::amd64(),
            Arch::Arm64 => Platform::arm64(),
        };
        let told = |error: &oci::Error| trouble(error, helper.as_deref());
        let image = client
            .resolve(reference, &platform)
            .await
            .map_err(|error| told(&error))?;
        if image.size() > extension::BYTES_MAX {
            return Err(Trouble::new(format!(
                "{name}: its layers are {}, and an extension has up to {}",
                units::size(image.size()),
                units::size(extension::BYTES_MAX)
            )));
        }
        // One layer waits at a time, and what comes out of all of them stays.
        check_room(&temporary, image.size())?;
        let mine = |problem: extension::Problem| refused(&name, vec![problem]);
        let mut assembly = Assembly::begin(&temporary).map_err(mine)?;
        let mut progress = Progress::new(name.clone(), image.size());
        let mut before: u64 = 0;
        for layer in &image.layers {
            let cannot = |error: std::io::Error| Trouble::file("write to", &temporary, &error);
            let file = unnamed(&temporary).map_err(cannot)?;
            let mut out = BufWriter::with_capacity(CHUNK, file);
            client
                .fetch(&image, layer, &mut out, |done| {
                    progress.at(before.saturating_add(done), screen);
                })
                .await
                .map_err(|error| told(&error))?;
            out.flush().map_err(cannot)?;
            let mut file = out
                .into_inner()
                .map_err(|error| cannot(error.into_error()))?;
            file.seek(SeekFrom::Start(0)).map_err(cannot)?;
            before = before.saturating_add(layer.descriptor.size);
            let digest = layer.descriptor.digest.to_string();
            let mut packed = BufReader::with_capacity(CHUNK, file);
            assembly
                .add(&digest, &mut packed, &layer.unpacked.to_string())
                .map_err(mine)?;
        }
        screen.warn(format_args!(
            "pulled {name} ({})",
            units::size(image.size())
        ));
        assembly
            .finish(name.clone(), arch)
            .map_err(|problems| refused(&name, problems))
    }
}

/// An error of a registry, with what docker's configuration has to do with it.
fn trouble(error: &oci::Error, helper: Option<&Path>) -> Trouble {
    let trouble = Trouble::new(error.to_string());
    let is_denied = error
        .causes
        .iter()
        .any(|(_, cause)| matches!(cause, Cause::Denied(..)));
    match helper {
        Some(file) if is_denied => trouble.hint(format!(
            "{} names a credential helper, and helpers are not run; give the credentials with --registries",
            file.display()
        )),
        Some(_) | None => trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_a_path_and_what_has_a_registry_a_reference() {
        let environment = Environment {
            folder: Some(PathBuf::from("/")),
            ..Environment::default()
        };
        let of = |text: &str| Origin::of(text, &environment);
        for path in [
            "hello",
            "hello.tar",
            "./a/b",
            "../a/b",
            "/a/b:c",
            "etc/passwd",
        ] {
            assert_eq!(of(path), Ok(Origin::Path(PathBuf::from(path))), "{path}");
        }
        for reference in ["ghcr.io/a/b", "a:b", "a/b", "localhost:5000/a"] {
            let parsed = Reference::parse(reference).unwrap();
            assert_eq!(of(reference), Ok(Origin::Reference(parsed)), "{reference}");
        }
        let error = of("a/B:c").unwrap_err().to_string();
        assert!(
            error.contains("is not the reference") && error.contains("no file"),
            "{error}"
        );
    }
}
