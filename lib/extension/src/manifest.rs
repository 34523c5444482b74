// SPDX-License-Identifier: MPL-2.0
//! The manifest of an extension: `manifest.yaml`.
//!
//! Owns: its keys, which of them must be there, and how long they may be.
//! Never: looks at anything but its text.

use std::collections::BTreeMap;

use semver::Version;

use crate::constraint::Constraint;
use crate::problem::Problem;
use crate::yaml::{self, Node, Value};

/// The name of the file.
pub const MANIFEST: &str = "manifest.yaml";
/// The largest manifest: a page of description, with room.
pub const MANIFEST_MAX: usize = 64 * 1024;
/// The only version of the format.
const FORMAT: &str = "v1alpha1";
/// The longest name: it becomes a part of a file name, which has 255 bytes at most.
pub const NAME_MAX: usize = 63;
const VERSION_MAX: usize = 128;
const AUTHOR_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 16 * 1024;

/// A manifest, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What it is called.
    pub name: String,
    /// Its own version, in whatever form.
    pub version: String,
    /// Who made it.
    pub author: String,
    /// What it is for.
    pub description: String,
    /// The versions of Talos Linux that it is for; none is any.
    pub talos: Option<Constraint>,
    /// The versions of Linux that it is for; none is any.
    pub linux: Option<Constraint>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line and key.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let whole = |what: &str| Err(vec![Problem::new(MANIFEST, what)]);
        if bytes.len() > MANIFEST_MAX {
            return whole("is larger than 64 KiB");
        }
        let Ok(text) = str::from_utf8(bytes) else {
            return whole("is not text");
        };
        let root = yaml::read(text).map_err(|(line, what)| {
            vec![Problem::new(format!("{MANIFEST}:{}", line.max(1)), what)]
        })?;
        let mut reader = Reader::default();
        let manifest = reader.manifest(&root);
        match manifest {
            Some(manifest) if reader.problems.is_empty() => Ok(manifest),
            Some(_) | None => {
                reader.problems.sort_by_key(|(line, _)| *line);
                Err(reader
                    .problems
                    .into_iter()
                    .map(|(_, problem)| problem)
                    .collect())
            }
        }
    }

    /// Says why a node of these versions cannot take it. What is not known is not checked.
    #[must_use]
    pub fn misfits(&self, talos: Option<&Version>, linux: Option<&Version>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (key, what, constraint, version) in [
            ("talos", "Talos Linux", &self.talos, talos),
            ("linux", "Linux", &self.linux, linux),
        ] {
            if let (Some(constraint), Some(version)) = (constraint, version)
                && !constraint.allows(version)
            {
                problems.push(Problem::new(
                    format!("{MANIFEST}: metadata.compatibility.{key}.version"),
                    format!("{constraint} is wanted, and the node is {what} v{version}"),
                ));
            }
        }
        problems
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<(usize, Problem)>,
}

type Map = BTreeMap<String, Node>;

impl Reader {
    fn say(&mut self, line: usize, key: &str, what: impl AsRef<str>) {
        let what = if key.is_empty() {
            what.as_ref().to_owned()
        } else {
            format!("{key}: {}", what.as_ref())
        };
        let problem = Problem::new(format!("{MANIFEST}:{line}"), what);
        self.problems.push((line, problem));
    }

    /// All keys are read, so that all problems are found.
    fn manifest(&mut self, root: &Node) -> Option<Manifest> {
        let map = self.map("", root, &["version", "metadata"])?;
        if let Some((line, version)) = self.text("version", root.line, map.get("version"), 32)
            && version != FORMAT
        {
            self.say(line, "version", format!("only {FORMAT} is known"));
        }
        let Some(metadata) = map.get("metadata") else {
            self.say(root.line, "metadata", "is missing");
            return None;
        };
        let keys = ["name", "version", "author", "description", "compatibility"];
        let map = self.map("metadata", metadata, &keys)?;
        let mut text = |key: &str, max| {
            self.text(&format!("metadata.{key}"), metadata.line, map.get(key), max)
        };
        let name = text("name", NAME_MAX);
        let version = text("version", VERSION_MAX);
        let author = text("author", AUTHOR_MAX);
        let description = text("description", DESCRIPTION_MAX);
        if let Some((line, name)) = &name
            && !is_name(name)
        {
            self.say(
                *line,
                "metadata.name",
                "only a to z, 0 to 9, and - _ . between them are taken",
            );
        }
        for (key, text) in [("version", &version), ("author", &author)] {
            if let Some((line, text)) = text
                && text.contains(char::is_control)
            {
                self.say(*line, &format!("metadata.{key}"), "more than a line");
            }
        }
        let compatibility = map.get("compatibility");
        let talos = self.constraint(compatibility, "talos");
        let linux = self.constraint(compatibility, "linux");
        if let Some(node) = compatibility {
            self.map("metadata.compatibility", node, &["talos", "linux"]);
        }
        Some(Manifest {
            name: name?.1,
            version: version?.1,
            author: author?.1,
            description: description?.1,
            talos,
            linux,
        })
    }

    fn constraint(&mut self, compatibility: Option<&Node>, system: &str) -> Option<Constraint> {
        // What is not a mapping is said when its own keys are checked.
        let Value::Map(map) = &compatibility?.value else {
            return None;
        };
        let node = map.get(system)?;
        let path = format!("metadata.compatibility.{system}");
        let map = self.map(&path, node, &["version"])?;
        let path = format!("{path}.version");
        let (line, text) = self.text(&path, node.line, map.get("version"), 1024)?;
        match Constraint::parse(&text) {
            Ok(constraint) => Some(constraint),
            Err(what) => {
                self.say(line, &path, format!("not a constraint of versions: {what}"));
                None
            }
        }
    }

    fn map<'n>(&mut self, path: &str, node: &'n Node, keys: &[&str]) -> Option<&'n Map> {
        let Value::Map(map) = &node.value else {
            self.say(node.line, path, "a mapping is wanted");
            return None;
        };
        let dot = if path.is_empty() { "" } else { "." };
        for (key, value) in map.iter().filter(|(key, _)| !keys.contains(&key.as_str())) {
            let key = crate::problem::shown(key);
            self.say(value.line, &format!("{path}{dot}{key}"), "is not known");
        }
        Some(map)
    }

    /// A text that must be there, and its line.
    fn text(
        &mut self,
        path: &str,
        above: usize,
        node: Option<&Node>,
        max: usize,
    ) -> Option<(usize, String)> {
        let Some(node) = node else {
            self.say(above, path, "is missing");
            return None;
        };
        match &node.value {
            Value::Text(text) if text.len() > max => {
                self.say(node.line, path, format!("is longer than {max} bytes"));
                None
            }
            Value::Text(text) if !text.trim().is_empty() => Some((node.line, text.clone())),
            Value::Text(_) | Value::Nothing => {
                self.say(node.line, path, "is empty");
                None
            }
            Value::Map(_) | Value::List => {
                self.say(node.line, path, "text is wanted");
                None
            }
        }
    }
}

/// Whether an extension can be called so.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().last()];
    name.len() <= NAME_MAX
        && ends.iter().all(|end| end.is_some_and(is_plain))
        && name
            .bytes()
            .all(|byte| is_plain(byte) || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraint::version;

    const GOOD: &str = "version: v1alpha1\nmetadata:\n  name: ntpd\n  version: 1.0\n  author: John Smith\n  description: |\n    Replaces the clock.\n    Really.\n  compatibility:\n    talos:\n      version: \">= v0.15.0\"\n    linux:\n      version: 5.15.6\n";

    fn problems(text: &str) -> Vec<String> {
        let problems = Manifest::parse(text.as_bytes()).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sysx_04_the_manifest_of_the_documents_is_read() {
        let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();

        assert_eq!(manifest.name, "ntpd");
        assert_eq!(manifest.version, "1.0");
        assert_eq!(manifest.author, "John Smith");
        assert_eq!(manifest.description, "Replaces the clock.\nReally.\n");
        assert_eq!(manifest.talos.unwrap().to_string(), ">= v0.15.0");
        assert_eq!(manifest.linux.unwrap().to_string(), "5.15.6");
    }

    #[test]
    fn compatibility_may_be_left_out() {
        let text = GOOD.split("  compatibility").next().unwrap();

        let manifest = Manifest::parse(text.as_bytes()).unwrap();

        assert_eq!((manifest.talos, manifest.linux), (None, None));
    }

    #[test]
    fn xtn_05_a_node_outside_the_constraint_is_named() {
        let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();
        let fits = |talos: &str, linux: &str| {
            manifest.misfits(version(talos).as_ref(), version(linux).as_ref())
        };

        assert_eq!(fits("v1.6.7", "5.15.6"), []);
        let text = fits("v0.14.0", "6.1.0")
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect::<String>();
        assert_eq!(
            text,
            "manifest.yaml: metadata.compatibility.talos.version: >= v0.15.0 is wanted, \
             and the node is Talos Linux v0.14.0\n\
             manifest.yaml: metadata.compatibility.linux.version: 5.15.6 is wanted, \
             and the node is Linux v6.1.0\n"
        );
    }

    #[test]
    fn every_key_that_is_wrong_is_named_with_its_line() {
        for (from, to, said) in [
            (
                "v1alpha1",
                "v1beta1",
                "manifest.yaml:1: version: only v1alpha1 is known",
            ),
            (
                "version: v1alpha1\n",
                "",
                "manifest.yaml:1: version: is missing",
            ),
            (
                "name: ntpd",
                "name: NTP/d",
                "manifest.yaml:3: metadata.name: only a to z",
            ),
            (
                "name: ntpd",
                "name: ..",
                "manifest.yaml:3: metadata.name: only a to z",
            ),
            (
                "name: ntpd",
                "name:",
                "manifest.yaml:3: metadata.name: is empty",
            ),
            (
                "name: ntpd",
                "name: [a]",
                "manifest.yaml:3: metadata.name: text is wanted",
            ),
            (
                "  name: ntpd\n",
                "",
                "manifest.yaml:2: metadata.name: is missing",
            ),
            (
                "  author: John Smith\n",
                "",
                "manifest.yaml:2: metadata.author: is missing",
            ),
            (
                "author: John Smith",
                "author: \"a\\nb\"",
                "manifest.yaml:5: metadata.author: more than a line",
            ),
            (
                "  author:",
                "  licence: MIT\n  author:",
                "manifest.yaml:5: metadata.licence: is not known",
            ),
            (
                "  author:",
                "  name: b\n  author:",
                "manifest.yaml:5: name: is there twice",
            ),
            (
                "\">= v0.15.0\"",
                "soon",
                "manifest.yaml:11: metadata.compatibility.talos.version: not a constraint of versions: \"soon\" is not a version",
            ),
            ("\">= v0.15.0\"", ">= v0.15.0", "manifest.yaml:11: "),
            (
                "    linux:\n      version: 5.15.6\n",
                "    linux: 5\n",
                "manifest.yaml:12: metadata.compatibility.linux: a mapping is wanted",
            ),
            (
                "    linux:",
                "    bsd:",
                "manifest.yaml:12: metadata.compatibility.bsd: is not known",
            ),
            ("name: ntpd", "name: *a", "manifest.yaml:3: "),
            ("metadata:\n", "metadata:\n  - a\n", "manifest.yaml:"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            if to == ">= v0.15.0" {
                // A folded text to a parser: it means the same as if it were quoted, or is refused.
                if Manifest::parse(text.as_bytes()).is_ok() {
                    continue;
                }
            }
            let said_all = problems(&text);
            assert!(
                said_all.iter().any(|line| line.starts_with(said)),
                "{to}: {said_all:?}"
            );
        }
    }

    #[test]
    fn all_problems_are_said_at_once_in_order_of_line() {
        let text = GOOD
            .replace("ntpd", "N")
            .replace("v1alpha1", "2")
            .replace("5.15.6", "soon");

        assert_eq!(problems(&text).len(), 3, "{:?}", problems(&text));
        assert!(problems(&text)[0].starts_with("manifest.yaml:1:"));
    }

    #[test]
    fn what_is_no_manifest_at_all_is_refused() {
        let deep = "a: ".to_owned() + &"{a: ".repeat(100);
        let large = "#".repeat(MANIFEST_MAX + 1);
        for text in [
            "",
            "a",
            "- a",
            "a: [",
            "---\na: b\n---\nc: d\n",
            "\u{0}",
            "a: &a b\nc: *a",
            &deep,
            &large,
            "? [a]\n: b",
            "\t",
        ] {
            assert!(!problems(text).is_empty(), "{text:?}");
        }
        assert!(Manifest::parse(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn names_have_a_pattern_and_a_length() {
        for name in ["a", "ntpd", "nvidia-open-gpu-kernel-modules", "a.b_c-1"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(NAME_MAX + 1);
        for name in [
            "", "-a", "a-", ".", "..", "a/b", "A", "ä", "a b", "a\n", &long,
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
