// SPDX-License-Identifier: MPL-2.0
//! The files of an image: what its layers say, one over the other.
//!
//! Owns: entries by path, additions and whiteouts (OCI image specification, layer.md).
//! Never: lets an entry be below something that is no folder.

use std::collections::BTreeMap;

use crate::limits::Budget;
use crate::path;
use crate::problem::Problem;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Symlink(String),
    /// The number of its content, and its length.
    File {
        content: u64,
        len: u64,
    },
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Node {
    /// A folder that is there because something is in it.
    pub(crate) fn folder() -> Self {
        Self {
            kind: Kind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
        }
    }
}

/// Entries by path. The top itself is not one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Node>);

/// What one layer changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// Paths that vanish from the layers below.
    pub(crate) gone: Vec<String>,
    /// Folders whose content vanishes from the layers below.
    pub(crate) emptied: Vec<String>,
    pub(crate) files: BTreeMap<String, Node>,
}

/// What is done with an entry below a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// The layer is refused.
    AreRefused,
    /// It comes to where the link leads, as container runtimes have it.
    AreFollowed,
}

/// How many links may be above an entry: as many as the kernel follows (path_resolution(7)).
const FOLLOWED_MAX: usize = 40;

/// Starts the names of whiteouts.
pub(crate) const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

impl Change {
    /// Takes a whiteout; `false` if the path is not one.
    pub(crate) fn take_whiteout(&mut self, at: &str) -> Result<bool, Problem> {
        let (folder, name) = path::split(at);
        let Some(gone) = name.strip_prefix(WHITEOUT) else {
            return Ok(false);
        };
        if name == OPAQUE {
            self.emptied.push(folder.to_owned());
        } else if gone.is_empty() || gone.starts_with(WHITEOUT) || matches!(gone, "." | "..") {
            return Err(Problem::new(at, "a whiteout of nothing"));
        } else if folder.is_empty() {
            self.gone.push(gone.to_owned());
        } else {
            self.gone.push(format!("{folder}/{gone}"));
        }
        Ok(true)
    }

    /// Adds an entry, once.
    pub(crate) fn add(&mut self, at: String, node: Node) -> Result<(), Problem> {
        if at.is_empty() {
            return match node.kind {
                Kind::Directory => Ok(()),
                Kind::Symlink(_) | Kind::File { .. } => Err(Problem::new("/", "is no folder")),
            };
        }
        if self.files.contains_key(&at) {
            return Err(Problem::new(at, "is in the layer twice"));
        }
        self.files.insert(at, node);
        Ok(())
    }
}

impl Files {
    /// Lays a layer over what is there. Folders that no entry names are taken from `budget`.
    pub(crate) fn apply(
        &mut self,
        change: Change,
        links: Links,
        budget: &mut Budget,
    ) -> Result<(), Problem> {
        for at in &change.emptied {
            self.remove_below(at);
        }
        for at in &change.gone {
            self.remove(at);
        }
        for (at, node) in change.files {
            let at = match links {
                Links::AreRefused => at,
                Links::AreFollowed => self.settled(at)?,
            };
            self.make_folders(&at, budget)?;
            let is_folder = node.kind == Kind::Directory;
            if self
                .0
                .get(&at)
                .is_some_and(|old| !is_folder || old.kind != Kind::Directory)
            {
                self.remove(&at);
            }
            self.0.insert(at, node);
        }
        Ok(())
    }

    /// Where an entry comes to be when links above it are followed, none of which leads out of the top.
    fn settled(&self, at: String) -> Result<String, Problem> {
        let mut left: Vec<String> = at.rsplit('/').map(str::to_owned).collect();
        let mut settled: Vec<String> = Vec::new();
        let mut followed: usize = 0;
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    settled.pop();
                    continue;
                }
                _ => settled.push(part),
            }
            let path = settled.join("/");
            let Some(Kind::Symlink(target)) = self.0.get(&path).map(|node| &node.kind) else {
                continue;
            };
            if left.is_empty() {
                continue;
            }
            followed = followed.saturating_add(1);
            if followed > FOLLOWED_MAX {
                return Err(Problem::new(at, "too many links above it"));
            }
            settled.pop();
            if target.starts_with('/') {
                settled.clear();
            }
            left.extend(target.rsplit('/').map(str::to_owned));
        }
        Ok(settled.join("/"))
    }

    /// Sees to it that there are folders above an entry.
    fn make_folders(&mut self, at: &str, budget: &mut Budget) -> Result<(), Problem> {
        for (end, _) in at.match_indices('/') {
            let above = at.get(..end).unwrap_or_default();
            match self.0.get(above).map(|node| &node.kind) {
                Some(Kind::Directory) => {}
                None => {
                    budget.entry(above, "")?;
                    self.0.insert(above.to_owned(), Node::folder());
                }
                Some(Kind::Symlink(_)) => {
                    return Err(Problem::new(at, format!("{above} above it is a link")));
                }
                Some(Kind::File { .. }) => {
                    return Err(Problem::new(at, format!("{above} above it is a file")));
                }
            }
        }
        Ok(())
    }

    fn remove(&mut self, at: &str) {
        self.0.remove(at);
        self.remove_below(at);
    }

    fn remove_below(&mut self, at: &str) {
        let start = if at.is_empty() {
            String::new()
        } else {
            format!("{at}/")
        };
        let below: Vec<String> = self
            .0
            .range(start.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&start))
            .cloned()
            .collect();
        for path in below {
            self.0.remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: u64) -> Node {
        Node {
            kind: Kind::File { content, len: 1 },
            ..Node::folder()
        }
    }

    fn link(target: &str) -> Node {
        Node {
            kind: Kind::Symlink(target.to_owned()),
            ..Node::folder()
        }
    }

    fn change(entries: &[(&str, Node)], whiteouts: &[&str]) -> Change {
        let mut change = Change::default();
        for (at, node) in entries {
            change.add((*at).to_owned(), node.clone()).unwrap();
        }
        for at in whiteouts {
            assert_eq!(change.take_whiteout(at), Ok(true), "{at}");
        }
        change
    }

    fn apply(files: &mut Files, change: Change) -> Result<(), Problem> {
        files.apply(change, Links::AreRefused, &mut Budget::new())
    }

    fn paths(files: &Files) -> Vec<&str> {
        files.0.keys().map(String::as_str).collect()
    }

    #[test]
    fn whiteouts_take_away_what_is_below_and_nothing_of_their_own_layer() {
        let mut files = Files::default();
        let entries = [
            ("a/x", file(1)),
            ("a/y/z", file(2)),
            ("b", file(3)),
            ("a-", file(4)),
        ];
        apply(&mut files, change(&entries, &[])).unwrap();

        let above = change(&[("a/new", file(5))], &["a/.wh..wh..opq", ".wh.b"]);
        apply(&mut files, above).unwrap();

        assert_eq!(paths(&files), ["a", "a-", "a/new"]);

        apply(&mut files, change(&[("a", file(6))], &[".wh.a"])).unwrap();
        assert_eq!(paths(&files), ["a", "a-"]);
        assert_eq!(files.0["a"], file(6));
    }

    #[test]
    fn a_layer_replaces_files_by_folders_and_the_other_way() {
        let mut files = Files::default();
        let below = [("a/x", file(1)), ("b", link("a"))];
        apply(&mut files, change(&below, &[])).unwrap();

        let above = [("a", file(2)), ("b", Node::folder()), ("b/c", file(3))];
        apply(&mut files, change(&above, &[])).unwrap();

        assert_eq!(paths(&files), ["a", "b", "b/c"]);
    }

    #[test]
    fn nothing_is_put_below_a_link_or_a_file() {
        for below in [link("/etc"), file(1)] {
            let mut files = Files::default();
            apply(&mut files, change(&[("a", below.clone())], &[])).unwrap();
            let error = apply(&mut files, change(&[("a/b", file(2))], &[])).unwrap_err();
            assert!(error.what.contains("above it"), "{error}");

            let mut files = Files::default();
            let together = change(&[("a", below), ("a/b", file(2))], &[]);
            assert!(apply(&mut files, together).is_err());
        }
    }

    #[test]
    fn links_are_followed_where_runtimes_do_and_lead_nowhere_out() {
        let followed = |below: &[(&str, Node)], at: &str| {
            let mut files = Files::default();
            let mut lay = |entries: &[(&str, Node)]| {
                let change = change(entries, &[]);
                files.apply(change, Links::AreFollowed, &mut Budget::new())
            };
            lay(below).unwrap();
            lay(&[(at, file(9))]).map(|()| {
                let mut found = files.0.iter();
                let found = found.find(|(_, node)| **node == file(9));
                found.map(|(path, _)| path.clone()).unwrap()
            })
        };
        for (links, at, end) in [
            (&[("lib", link("usr/lib"))][..], "lib/a", "usr/lib/a"),
            (&[("lib", link("/usr/lib"))], "lib/b/a", "usr/lib/b/a"),
            (&[("a/b", link("../../../c"))], "a/b/x", "c/x"),
            (&[("a", link("b")), ("b", link("c"))], "a/x", "c/x"),
            // The entry itself takes the place of a link.
            (&[("a", link("b"))], "a", "a"),
        ] {
            assert_eq!(followed(links, at), Ok(end.to_owned()), "{at}");
        }
        assert!(followed(&[("a", link("a"))], "a/x").is_err());
        assert!(followed(&[("a", file(1))], "a/x").is_err());
    }

    #[test]
    fn an_entry_is_there_once_and_whiteouts_name_something() {
        let mut change = change(&[("a", file(1))], &[]);
        assert!(change.add("a".to_owned(), file(2)).is_err());
        assert!(change.add(String::new(), file(2)).is_err());
        assert!(change.add(String::new(), Node::folder()).is_ok());
        for at in [".wh.", ".wh..", ".wh...", "a/.wh..wh.x"] {
            assert!(change.take_whiteout(at).is_err(), "{at}");
        }
        assert_eq!(change.take_whiteout("a/wh.b"), Ok(false));
    }
}
