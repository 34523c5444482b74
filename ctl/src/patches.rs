// SPDX-License-Identifier: MPL-2.0
//! Patches of the command line.
//!
//! Owns: where they are read from, and what they are called in errors.
//! Never: merges; lib/config does.

use std::path::Path;

use config::patch::{self, Patch};

use crate::places::{self, Environment};
use crate::trouble::Trouble;

/// Reads patches, each a text or `@` and a file, in their order.
pub(crate) fn read(texts: &[String], environment: &Environment) -> Result<Vec<Patch>, Trouble> {
    let mut patches = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        if let Some(files) = text.strip_prefix('@') {
            // Some write one flag with several files.
            for file in files.split(",@") {
                patches.push(parse(
                    file,
                    &places::read_input(Path::new(file), environment)?,
                )?);
            }
        } else {
            let name = format!("no. {}", index.saturating_add(1));
            patches.push(parse(&name, text.as_bytes())?);
        }
    }
    Ok(patches)
}

fn parse(name: &str, text: &[u8]) -> Result<Patch, Trouble> {
    Patch::parse(name, text).map_err(|error| {
        Trouble::new(error.to_string())
            .hint("a patch is a part of a configuration, or a list of operations of RFC 6902")
    })
}

/// Patches the configuration of a file.
pub(crate) fn apply(file: &Path, bytes: &[u8], patches: &[Patch]) -> Result<String, Trouble> {
    let text = core::str::from_utf8(bytes)
        .map_err(|_| Trouble::new(format!("{} is not UTF-8", file.display())))?;
    patch::apply(text, patches)
        .map_err(|error| Trouble::new(format!("cannot patch {}: {error}", file.display())))
}
