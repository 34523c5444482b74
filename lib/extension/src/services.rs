// SPDX-License-Identifier: MPL-2.0
//! The services that an extension brings along: `/usr/local/etc/containers/*.yaml`.
//!
//! Owns: that each has a name that can be one, and a root of that name, and how many there may be.
//! Never: reads what a service asks for; the node does, when it starts it.

use std::collections::BTreeMap;

use crate::files::{Files, Kind};
use crate::path;
use crate::problem::Problem;
use crate::spool::Spool;
use crate::yaml::{self, Value};

const DESCRIPTIONS: &str = "rootfs/usr/local/etc/containers";
const ROOTS: &str = "rootfs/usr/local/lib/containers";
/// The largest description that a node reads.
const TEXT_MAX: u64 = 64 * 1024;
/// The longest name: with `ext-` before it, it has the 63 bytes that init takes.
const NAME_MAX: usize = 59;
/// The most descriptions: a node takes no more, those of all its extensions together.
pub const SERVICES_MAX: usize = 48;

/// A service of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name, without prefix.
    pub name: String,
}

/// Finds all services, and what is wrong with them: one problem a description, so that there are
/// never many.
pub(crate) fn find(files: &Files, spool: &Spool) -> (Vec<Service>, Vec<Problem>) {
    let (mut services, mut problems) = (Vec::new(), Vec::new());
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut count: usize = 0;
    for (at, node) in &files.0 {
        let (folder, file_name) = path::split(at);
        if folder != DESCRIPTIONS || !file_name.ends_with(".yaml") {
            continue;
        }
        count = count.saturating_add(1);
        if count > SERVICES_MAX {
            let what = format!("there are more than {SERVICES_MAX} descriptions of services");
            problems.push(Problem::new(at, what));
            break;
        }
        let Kind::File { content, .. } = node.kind else {
            problems.push(Problem::new(at, "is no file"));
            continue;
        };
        let text = match spool.read(content, TEXT_MAX).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                problems.push(Problem::new(at, "is not text"));
                continue;
            }
            Err(error) => {
                problems.push(Problem::new(at, format!("cannot read: {error}")));
                continue;
            }
        };
        let (name, line) = match name(&text) {
            Ok(found) => found,
            Err((line, what)) => {
                problems.push(Problem::new(format!("{at}:{line}"), what));
                continue;
            }
        };
        let place = format!("{at}:{line}");
        if let Some(other) = names.insert(name.clone(), at.clone()) {
            problems.push(Problem::new(place, format!("name: {other} has it already")));
            continue;
        }
        let root = format!("{ROOTS}/{name}");
        match files.0.get(&root).map(|node| &node.kind) {
            Some(Kind::Directory) => services.push(Service { name }),
            Some(Kind::Symlink(_) | Kind::File { .. }) => {
                problems.push(Problem::new(place, format!("name: {root} is no folder")));
            }
            None => problems.push(Problem::new(place, format!("name: there is no {root}"))),
        }
    }
    (services, problems)
}

/// Reads the name of a service and its line.
fn name(text: &str) -> Result<(String, usize), yaml::Refusal> {
    let root = yaml::read(text)?;
    let Value::Map(mut map) = root.value else {
        return Err((root.line, "a mapping is wanted".to_owned()));
    };
    let Some(node) = map.remove("name") else {
        return Err((root.line, "name: is missing".to_owned()));
    };
    match node.value {
        Value::Text(name) if is_name(&name) => Ok((name, node.line)),
        Value::Text(_) => Err((
            node.line,
            format!("name: up to {NAME_MAX} of a to z, 0 to 9, - and _ are wanted"),
        )),
        Value::Nothing | Value::Map(_) | Value::List => {
            Err((node.line, "name: text is wanted".to_owned()))
        }
    }
}

/// Whether a service can be called so.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=NAME_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| is_plain(byte) || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Node;

    fn problems(texts: &[&str], roots: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();
        let mut files = Files::default();
        for (number, text) in texts.iter().enumerate() {
            let len = text.len() as u64;
            let content = spool.add(&mut text.as_bytes(), len).unwrap();
            let kind = Kind::File { content, len };
            let node = Node {
                kind,
                ..Node::folder()
            };
            files
                .0
                .insert(format!("{DESCRIPTIONS}/{number}.yaml"), node);
        }
        for root in roots {
            files.0.insert(format!("{ROOTS}/{root}"), Node::folder());
        }
        let (services, problems) = find(&files, &spool);
        let read = texts.len().min(SERVICES_MAX + 1);
        assert_eq!(services.len(), read.saturating_sub(problems.len()));
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ext_01_a_service_has_a_name_and_a_root_of_that_name() {
        let text = "name: hello-world_1\ncontainer:\n  entrypoint: ./hello\n  args: [a]\n";
        assert_eq!(problems(&[text], &["hello-world_1"]), [""; 0]);
        for (texts, said) in [
            (
                &["name: other"][..],
                "0.yaml:1: name: there is no rootfs/usr/local/lib/containers/other",
            ),
            (&["# x\nname: a/b"], "0.yaml:2: name: up to 59"),
            (&["name: .."], "0.yaml:1: name: up to 59"),
            (&["name: Hello"], "0.yaml:1: name: up to 59"),
            (&["name: [a]"], "0.yaml:1: name: text is wanted"),
            (&["container: {}"], "0.yaml:1: name: is missing"),
            (&["- a"], "0.yaml:1: a mapping is wanted"),
            (&[""], "0.yaml:1: a mapping is wanted"),
            (&["name: a: b"], "0.yaml:1: not YAML"),
            (
                &["name: hello", "name: hello"],
                "1.yaml:1: name: rootfs/usr/local/etc/containers/0.yaml has it",
            ),
        ] {
            let all = problems(texts, &["hello"]);
            assert!(
                all.len() == 1 && all[0].contains(said),
                "{texts:?}: {all:?}"
            );
        }
    }

    #[test]
    fn no_more_descriptions_are_read_than_a_node_takes() {
        let names: Vec<String> = (0..=SERVICES_MAX)
            .map(|number| format!("n{number}"))
            .collect();
        let texts: Vec<String> = names.iter().map(|name| format!("name: {name}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(problems(&texts[..SERVICES_MAX], &names), [""; 0]);
        let said = problems(&texts, &names);
        assert!(
            said.len() == 1 && said[0].contains("more than 48 descriptions"),
            "{said:?}"
        );

        let wrong = vec!["- a"; 500];
        assert_eq!(problems(&wrong, &[]).len(), SERVICES_MAX + 1);
    }
}
