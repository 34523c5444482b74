// SPDX-License-Identifier: MPL-2.0
//! `extensions.yaml`: which layers an image has, and the manifest of each.
//!
//! Owns: the names of layers, and the form of the list.
//! Never: puts text into YAML without quotes.

use std::fmt::Write as _;

use crate::manifest::{Manifest, NAME_MAX};
use crate::problem::Problem;

/// The name of the list in an initramfs.
pub const LIST: &str = "extensions.yaml";
/// The longest list that a node reads.
pub const LIST_MAX: usize = 256 * 1024;
/// The longest reference: with the number and `.sqsh` it is a file name.
const REFERENCE_MAX: usize = 200;
/// The extension that says which schematic an image was made of.
const SCHEMATIC: &str = "schematic";

/// One layer of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its file: `NNN.<reference>.sqsh`.
    pub image: String,
    /// What it is.
    pub manifest: Manifest,
}

/// The name of a layer's file: its number, and its reference without what no file name has.
///
/// # Errors
/// When the reference is no reference of an image.
pub fn file_name(number: usize, reference: &str) -> Result<String, Problem> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-+/:@".contains(letter);
    let begins = reference.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if !begins || reference.len() > REFERENCE_MAX || !reference.chars().all(is_plain) {
        return Err(Problem::new(reference, "is not the reference of an image"));
    }
    Ok(format!(
        "{number:03}.{}.sqsh",
        reference.replace(['/', ':', '@'], "-")
    ))
}

/// The extension without files that says which schematic an image was made of.
///
/// # Errors
/// When the id is none.
pub fn schematic(number: usize, id: &str) -> Result<Layer, Problem> {
    let is_id = !id.is_empty()
        && id.len() <= NAME_MAX.saturating_add(1)
        && id
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_id {
        return Err(Problem::new(
            id,
            "is not the id of a schematic: up to 64 of 0 to 9 and a to f",
        ));
    }
    Ok(Layer {
        image: file_name(number, SCHEMATIC)?,
        manifest: Manifest {
            name: SCHEMATIC.to_owned(),
            version: id.to_owned(),
            author: "Ichor".to_owned(),
            description: "Says which schematic this image was made of; it adds no files."
                .to_owned(),
            talos: None,
            linux: None,
        },
    })
}

/// Writes the list.
#[must_use]
pub fn emit(layers: &[Layer]) -> String {
    let mut text = "layers:\n".to_owned();
    if layers.is_empty() {
        return "layers: []\n".to_owned();
    }
    for Layer { image, manifest } in layers {
        let _ = write!(
            text,
            "  - image: {}\n    metadata:\n      name: {}\n      version: {}\n      author: {}\n      description: {}\n",
            quoted(image),
            quoted(&manifest.name),
            quoted(&manifest.version),
            quoted(&manifest.author),
            quoted(&manifest.description),
        );
        let constraints = [("talos", &manifest.talos), ("linux", &manifest.linux)];
        if constraints
            .iter()
            .any(|(_, constraint)| constraint.is_some())
        {
            text.push_str("      compatibility:\n");
        }
        for (system, constraint) in constraints {
            if let Some(constraint) = constraint {
                let version = quoted(&constraint.to_string());
                let _ = write!(text, "        {system}:\n          version: {version}\n");
            }
        }
    }
    text
}

/// A text in double quotes (YAML 1.2 §7.3.1).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            '\n' => quoted.push_str("\\n"),
            // What is not printable, and what some take for the end of a line.
            _ if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtn_04_a_layer_is_called_by_number_and_reference() {
        for (number, reference, name) in [
            (
                0,
                "ghcr.io/talos-systems/gvisor:54b831d",
                "000.ghcr.io-talos-systems-gvisor-54b831d.sqsh",
            ),
            (12, "a@sha256:00", "012.a-sha256-00.sqsh"),
            (
                999,
                "localhost:5000/a/b:v1_2+3",
                "999.localhost-5000-a-b-v1_2+3.sqsh",
            ),
        ] {
            assert_eq!(file_name(number, reference).unwrap(), name);
        }
        let long = "a".repeat(REFERENCE_MAX + 1);
        for reference in [
            "", ".", "../a", "/a", "-a", "a b", "a\nb", "ä", "#a", "a\\b", &long,
        ] {
            assert!(file_name(0, reference).is_err(), "{reference:?}");
        }
    }

    #[test]
    fn sysx_13_the_schematic_is_an_extension_without_files() {
        let layer = schematic(2, &"0a".repeat(32)).unwrap();

        assert_eq!(layer.image, "002.schematic.sqsh");
        assert_eq!(layer.manifest.name, "schematic");
        assert_eq!(layer.manifest.version, "0a".repeat(32));
        assert!(schematic(0, "0").is_ok());
        let long = "0".repeat(65);
        for id in ["", "xyz", "A", "0 ", &long] {
            assert!(schematic(0, id).is_err(), "{id}");
        }
    }

    #[test]
    fn sysx_06_the_list_has_each_layer_with_its_manifest() {
        let text = "version: v1alpha1\nmetadata:\n  name: gvisor\n  version: 20220117.0-v1.0.0\n  author: \"\\\"A\\\" & b\"\n  description: |\n    One: two\n    # three\n  compatibility:\n    talos:\n      version: \">= v1.0.0\"\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let image = "000.ghcr.io-talos-systems-gvisor-54b831d.sqsh".to_owned();

        assert_eq!(emit(&[]), "layers: []\n");
        assert_eq!(
            emit(&[Layer { image, manifest }]),
            "layers:\n  - image: \"000.ghcr.io-talos-systems-gvisor-54b831d.sqsh\"\n    metadata:\n      name: \"gvisor\"\n      version: \"20220117.0-v1.0.0\"\n      author: \"\\\"A\\\" & b\"\n      description: \"One: two\\n# three\\n\"\n      compatibility:\n        talos:\n          version: \">= v1.0.0\"\n"
        );
    }
}
