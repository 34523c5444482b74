// SPDX-License-Identifier: MPL-2.0
//! System extensions: layers over the root, which image tools list in `/etc/extensions.yaml`.
//!
//! The list belongs to the image, so it is read once, when machined starts.
//!
//! Owns: reading that list, and comparing it with the layers that init could mount.
//! Never: mounts a layer, or holds the boot for a list that is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::files;
use crate::node::Node;
use crate::resources::ExtensionStatus;

/// Who writes statuses of extensions.
pub(crate) const OWNER: &str = "runtime.ExtensionStatusController";

/// The longest list: some lines for each extension, with room for long descriptions.
const LIST_MAX: u64 = 256 * 1024;
/// The most extensions in it: more than init mounts layers.
const LAYERS_MAX: usize = 64;
/// The longest news of init: a file name of 255 bytes and a word for each layer, with room.
const MOUNTS_MAX: u64 = 32 * 1024;
/// What files of layers end in, and ids do not.
const IMAGE_END: &str = ".sqsh";
/// The extension that stands for what the image was made of. It needs no layer.
const SCHEMATIC: &str = "schematic";

/// The list as it is written. Keys that are not known are left alone: newer tools copy more of
/// what the makers of an extension say about it.
#[derive(Debug, Deserialize)]
struct Document {
    layers: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    image: Option<String>,
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: Option<String>,
    version: Option<String>,
    author: Option<String>,
    description: Option<String>,
    compatibility: Option<Compatibility>,
}

#[derive(Debug, Deserialize)]
struct Compatibility {
    talos: Option<Constraint>,
}

#[derive(Debug, Deserialize)]
struct Constraint {
    version: Option<String>,
}

/// Why a file is of no use.
#[derive(Debug)]
enum Error {
    /// It cannot be read: it is too long, or not a file, or not text.
    Read(io::Error),
    /// It is not YAML, or has other values where texts, mappings or lists belong.
    Yaml(serde_yaml_ng::Error),
    /// It has more layers than there may be.
    ManyLayers,
    /// A field of one layer is wrong.
    Field(usize, &'static str, &'static str),
    /// Two layers have one id.
    Twice(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Yaml(error) => write!(f, "{error}"),
            Self::ManyLayers => write!(f, "more than {LAYERS_MAX} layers"),
            Self::Field(index, field, reason) => write!(f, "layers[{index}].{field}: {reason}"),
            Self::Twice(id) => write!(f, "two layers have the id {id}"),
        }
    }
}

/// The extensions of an image by their ids.
type Listed = BTreeMap<String, ExtensionStatus>;

/// Publishes the extensions that are there, and says which are not.
pub(crate) fn publish(node: &Node) {
    let list = node.places.extensions();
    let listed = match read(&list, LIST_MAX) {
        Ok(None) => return,
        Ok(Some(text)) => parse(&text),
        Err(error) => Err(error),
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let path = list.display();
            node.journal
                .log(format_args!("{path}: no extension is shown: {error}"));
            return;
        }
    };
    let mounts = node.places.layers();
    let mounts = read(&mounts, MOUNTS_MAX).unwrap_or_else(|error| {
        node.journal
            .log(format_args!("{}: {error}", mounts.display()));
        None
    });
    let (there, missing) = compare(listed, mounts.as_deref());
    for Missing { id, status, reason } in missing {
        let line = format!(
            "extension {} {} is missing: layer {id}: {reason}",
            status.name, status.version
        );
        if node.places.booted().exists() {
            // It was said when the machine started.
            node.journal.log(line);
        } else {
            node.journal.console(line);
        }
    }
    node.replace(OWNER, there);
}

/// Reads a text; `None` when there is no such file.
fn read(path: &Path, max: u64) -> Result<Option<String>, Error> {
    match files::read_text(path, max) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Read(error)),
    }
}

/// Reads the list of an image.
fn parse(text: &str) -> Result<Listed, Error> {
    let document: Document = serde_yaml_ng::from_str(text).map_err(Error::Yaml)?;
    if document.layers.len() > LAYERS_MAX {
        return Err(Error::ManyLayers);
    }
    let mut listed = Listed::new();
    for (index, entry) in document.layers.into_iter().enumerate() {
        let (id, status) = check(index, entry)?;
        if listed.contains_key(&id) {
            return Err(Error::Twice(id));
        }
        listed.insert(id, status);
    }
    Ok(listed)
}

/// The id and the status of one entry.
fn check(index: usize, entry: Entry) -> Result<(String, ExtensionStatus), Error> {
    let Metadata {
        name,
        version,
        author,
        description,
        compatibility,
    } = entry.metadata;
    let name = plain(index, "metadata.name", name)?;
    let version = plain(index, "metadata.version", version)?;
    let image = entry.image.filter(|image| !image.is_empty());
    let id = match &image {
        Some(image) => {
            let id = image.strip_suffix(IMAGE_END).unwrap_or(image);
            if id.is_empty() || id.contains('/') || has_control(id) {
                return Err(Error::Field(index, "image", "not a file name"));
            }
            id.to_owned()
        }
        None if name == SCHEMATIC => index.to_string(),
        None => return Err(Error::Field(index, "image", "missing")),
    };
    let talos = compatibility.and_then(|compatibility| compatibility.talos);
    let status = ExtensionStatus {
        image,
        name,
        version,
        author,
        description,
        compatible_talos: talos.and_then(|talos| talos.version),
    };
    Ok((id, status))
}

/// A text that must be there and fit a cell of a table.
fn plain(index: usize, field: &'static str, text: Option<String>) -> Result<String, Error> {
    match text {
        None => Err(Error::Field(index, field, "missing")),
        Some(text) if text.is_empty() => Err(Error::Field(index, field, "empty")),
        Some(text) if has_control(&text) => Err(Error::Field(index, field, "not one line of text")),
        Some(text) => Ok(text),
    }
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

/// An extension whose layer is not in the root.
#[derive(Debug, PartialEq, Eq)]
struct Missing {
    id: String,
    status: ExtensionStatus,
    /// The name of the error, or what else is known.
    reason: String,
}

/// Tells extensions that are there from those that are not, by the news of init: for each layer a
/// line, its file and `ok` or the name of an error. Without news every layer counts as mounted.
fn compare(mut listed: Listed, mounts: Option<&str>) -> (Listed, Vec<Missing>) {
    let Some(mounts) = mounts else {
        return (listed, Vec::new());
    };
    // The name of a file may have spaces; the word after it has none.
    let mounts: BTreeMap<&str, &str> = mounts
        .lines()
        .filter_map(|line| line.trim_end().rsplit_once(' '))
        .map(|(file, word)| (file.strip_suffix(IMAGE_END).unwrap_or(file), word))
        .collect();
    let is_missing = |id: &String, status: &mut ExtensionStatus| {
        status.image.is_some() && mounts.get(id.as_str()) != Some(&"ok")
    };
    let missing = listed.extract_if(.., is_missing);
    let missing = missing.map(|(id, status)| {
        let word = mounts.get(id.as_str()).copied();
        let reason = word.unwrap_or("not among the layers of this image");
        Missing {
            reason: reason.escape_debug().to_string(),
            id,
            status,
        }
    });
    let missing = missing.collect();
    (listed, missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const TWO: &str = "\
layers:
    - image: 000.ghcr.io-siderolabs-gvisor-v1.0.0.sqsh
      metadata:
          name: gvisor
          version: v1.0.0
          author: Andrew Rynhard
          description: |
            text
          compatibility:
              talos:
                  version: '>= v1.0.0'
          extraInfo: unknown
    - metadata:
          name: schematic
          version: 3765
";

    fn ids(listed: &Listed) -> Vec<&str> {
        listed.keys().map(String::as_str).collect()
    }

    fn of_layers(count: usize) -> String {
        let entry = |index| {
            format!("- {{image: {index:03}.x.sqsh, metadata: {{name: x{index}, version: '1'}}}}\n")
        };
        let entries: String = (0..count).map(entry).collect();
        format!("layers:\n{entries}")
    }

    #[test]
    fn sysx_12_every_field_of_the_list_is_read() {
        let listed = parse(TWO).unwrap();

        let status = listed.get("000.ghcr.io-siderolabs-gvisor-v1.0.0").unwrap();
        let expected = ExtensionStatus {
            image: Some("000.ghcr.io-siderolabs-gvisor-v1.0.0.sqsh".to_owned()),
            name: "gvisor".to_owned(),
            version: "v1.0.0".to_owned(),
            author: Some("Andrew Rynhard".to_owned()),
            description: Some("text\n".to_owned()),
            compatible_talos: Some(">= v1.0.0".to_owned()),
        };
        assert_eq!(*status, expected);
    }

    #[test]
    fn sysx_13_the_schematic_has_no_layer_and_its_id_is_its_place_in_the_list() {
        let listed = parse(TWO).unwrap();

        let status = listed.get("1").unwrap();
        assert_eq!(
            (status.name.as_str(), status.version.as_str()),
            ("schematic", "3765")
        );
        assert_eq!(status.image, None);
        let alone = parse("layers: [{metadata: {name: schematic, version: a}}]").unwrap();
        assert_eq!(ids(&alone), ["0"]);
        // Older tools give it a layer.
        let with_layer =
            parse("layers: [{image: 0.sqsh, metadata: {name: schematic, version: a}}]").unwrap();
        assert_eq!(ids(&with_layer), ["0"]);
    }

    #[test]
    fn xtn_04_ids_are_the_files_of_layers_and_keep_their_order() {
        let listed = parse(&of_layers(LAYERS_MAX)).unwrap();

        let names: Vec<String> = listed.values().map(|status| status.name.clone()).collect();
        let expected: Vec<String> = (0..LAYERS_MAX).map(|index| format!("x{index}")).collect();
        assert_eq!(names, expected);
        assert_eq!(listed.keys().next().unwrap(), "000.x");
    }

    #[test]
    fn sysx_12_a_wrong_list_is_refused_in_one_line_that_says_where() {
        for (text, says) in [
            ("", "missing field `layers`"),
            ("nonsense", "expected struct Document"),
            ("other: 1", "missing field `layers`"),
            ("layers: 3", "layers: invalid type"),
            (
                "layers: [{image: a.sqsh}]",
                "layers[0]: missing field `metadata`",
            ),
            (
                "layers: [{image: a.sqsh, metadata: {version: '1'}}]",
                "layers[0].metadata.name: missing",
            ),
            (
                "layers: [{image: a.sqsh, metadata: {name: a, version: ''}}]",
                "layers[0].metadata.version: empty",
            ),
            (
                "layers: [{image: a.sqsh, metadata: {name: \"a\\nb\", version: '1'}}]",
                "layers[0].metadata.name: not one line of text",
            ),
            (
                "layers: [{image: ../a.sqsh, metadata: {name: a, version: '1'}}]",
                "layers[0].image: not a file name",
            ),
            (
                "layers: [{image: .sqsh, metadata: {name: a, version: '1'}}]",
                "layers[0].image: not a file name",
            ),
            (
                "layers: [{metadata: {name: a, version: '1'}}]",
                "layers[0].image: missing",
            ),
            (
                "layers:\n- &a {image: a.sqsh, metadata: {name: a, version: '1'}}\n- *a\n",
                "two layers have the id a",
            ),
            (&of_layers(LAYERS_MAX + 1), "more than 64 layers"),
            ("layers: []\n---\nlayers: []\n", "more than one document"),
        ] {
            let said = parse(text).unwrap_err().to_string();
            assert!(said.contains(says), "{text}: {said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        assert!(parse("layers: []").unwrap().is_empty());
    }

    #[test]
    fn sysx_12_only_files_of_a_sensible_length_are_read() {
        let folder = Folder::new();
        let path = folder.path().join("extensions.yaml");
        let max = usize::try_from(LIST_MAX).unwrap();

        assert!(read(&path, LIST_MAX).unwrap().is_none());
        std::fs::write(&path, " ".repeat(max)).unwrap();
        assert_eq!(read(&path, LIST_MAX).unwrap().unwrap().len(), max);
        std::fs::write(&path, " ".repeat(max + 1)).unwrap();
        assert!(matches!(read(&path, LIST_MAX), Err(Error::Read(_))));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(matches!(read(&path, LIST_MAX), Err(Error::Read(_))));
        let not_a_file = read(folder.path(), LIST_MAX);
        assert!(matches!(not_a_file, Err(Error::Read(_))));
    }

    #[test]
    fn sysx_12_an_extension_whose_layer_is_not_mounted_is_missing_for_a_reason() {
        let list = "layers:\n\
             - {image: 000.a.sqsh, metadata: {name: a, version: '1'}}\n\
             - {image: 001.b c.sqsh, metadata: {name: b, version: '2'}}\n\
             - {image: 002.d.sqsh, metadata: {name: d, version: '3'}}\n\
             - {metadata: {name: schematic, version: s}}\n";
        let said = "001.b c.sqsh EINVAL\n000.a.sqsh ok\nnonsense\n";

        let (there, missing) = compare(parse(list).unwrap(), Some(said));

        assert_eq!(ids(&there), ["000.a", "3"]);
        let missing: Vec<(&str, &str)> = missing
            .iter()
            .map(|missing| (missing.status.name.as_str(), missing.reason.as_str()))
            .collect();
        assert_eq!(
            missing,
            [("b", "EINVAL"), ("d", "not among the layers of this image")]
        );
        let (there, missing) = compare(parse(list).unwrap(), None);
        assert_eq!((there.len(), missing.len()), (4, 0));
    }
}
