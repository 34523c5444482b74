// SPDX-License-Identifier: MPL-2.0
//! The grammar of `rootfs/*.list`: every file of the root, with its origin and its reason.
//!
//! A line is `type path mode uid gid origin`. Lines come in blocks; each block starts with a comment
//! that says why its lines are there, and a block without one is refused.
//!
//! Owns: reading and checking of lists.
//! Never: opens the files that a list names.

use std::collections::BTreeMap;
use std::fmt;

/// Where the content of a line comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder; it has no content.
    Directory,
    /// A symbolic link to this target.
    Link(String),
    /// A program of this workspace, by its name.
    Program(String),
    /// A file beside the lists, by its path below `rootfs/files/`.
    Tree(String),
    /// All files of a folder of an installed Debian package, in order of name, one after the other.
    Package(String, String),
    /// A file of the kernel's own modules folder, by its path below it.
    Kernel(String),
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Where its content comes from.
    pub origin: Origin,
}

/// Why a list is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not six fields.
    FieldCount,
    /// The type is not `dir`, `file` or `link`.
    UnknownType,
    /// The path is not absolute and plain.
    BadPath,
    /// The mode is not octal, or has bits beyond 0o7777.
    BadMode,
    /// The owner or group is not a number.
    BadOwner,
    /// The origin does not fit the type.
    BadOrigin,
    /// The path stands in the list already.
    Duplicate,
    /// The folder above it does not stand in the list.
    NoParent,
    /// The block does not start with a comment that says why.
    Unexplained,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Reason::FieldCount => "expected: type path mode uid gid origin",
            Reason::UnknownType => "the type is dir, file or link",
            Reason::BadPath => "the path must be absolute, without . or .. or a slash at the end",
            Reason::BadMode => "the mode must be octal and at most 7777",
            Reason::BadOwner => "uid and gid must be numbers",
            Reason::BadOrigin => {
                "the origin must be - for dir, a target for link, and program:NAME, tree:PATH, \
                 kernel:PATH or package:NAME:/FOLDER for file"
            }
            Reason::Duplicate => "the path stands in the list already",
            Reason::NoParent => "the folder above it does not stand in the list",
            Reason::Unexplained => "the block needs a comment above it that says why it is there",
        };
        write!(f, "line {}: {reason}", self.line)
    }
}

impl std::error::Error for Error {}

/// The root: lines by path. Parents sort before their children.
pub type Root = BTreeMap<String, Line>;

/// Adds the lines of a list to a root.
///
/// # Errors
/// The first line that is refused, and why.
pub fn parse(text: &str, root: &mut Root) -> Result<(), Error> {
    let mut explained = false;
    for (number, line) in (1_usize..).zip(text.lines()) {
        let refuse = |reason| Error {
            line: number,
            reason,
        };
        let line = line.trim();
        if line.is_empty() {
            explained = false;
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            explained |= !comment.trim().is_empty();
            continue;
        }
        if !explained {
            return Err(refuse(Reason::Unexplained));
        }
        let (path, line) = parse_line(line).map_err(refuse)?;
        if root.contains_key(&path) {
            return Err(refuse(Reason::Duplicate));
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let known = parent.is_empty()
            || root
                .get(parent)
                .is_some_and(|line| line.origin == Origin::Directory);
        if !known {
            return Err(refuse(Reason::NoParent));
        }
        root.insert(path, line);
    }
    Ok(())
}

fn parse_line(line: &str) -> Result<(String, Line), Reason> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [kind, path, mode, uid, gid, origin] = fields.as_slice() else {
        return Err(Reason::FieldCount);
    };
    check_path(path)?;
    if !mode.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Reason::BadMode);
    }
    let mode = u32::from_str_radix(mode, 8).map_err(|_| Reason::BadMode)?;
    if mode > 0o7777 {
        return Err(Reason::BadMode);
    }
    let owner = |digits: &str| digits.parse::<u32>().map_err(|_| Reason::BadOwner);
    let origin = match *kind {
        "dir" if *origin == "-" => Origin::Directory,
        "link" if *origin != "-" => Origin::Link((*origin).to_owned()),
        "file" => parse_origin(origin)?,
        "dir" | "link" => return Err(Reason::BadOrigin),
        _ => return Err(Reason::UnknownType),
    };
    Ok((
        (*path).to_owned(),
        Line {
            mode,
            uid: owner(uid)?,
            gid: owner(gid)?,
            origin,
        },
    ))
}

fn parse_origin(origin: &str) -> Result<Origin, Reason> {
    let (kind, rest) = origin.split_once(':').ok_or(Reason::BadOrigin)?;
    match kind {
        "program" if !rest.is_empty() && !rest.contains('/') => {
            Ok(Origin::Program(rest.to_owned()))
        }
        "tree" => {
            check_path(&format!("/{rest}")).map_err(|_| Reason::BadOrigin)?;
            Ok(Origin::Tree(rest.to_owned()))
        }
        "kernel" => {
            check_path(&format!("/{rest}")).map_err(|_| Reason::BadOrigin)?;
            Ok(Origin::Kernel(rest.to_owned()))
        }
        "package" => {
            let (name, folder) = rest.split_once(':').ok_or(Reason::BadOrigin)?;
            check_path(folder).map_err(|_| Reason::BadOrigin)?;
            Ok(Origin::Package(name.to_owned(), folder.to_owned()))
        }
        _ => Err(Reason::BadOrigin),
    }
}

fn check_path(path: &str) -> Result<(), Reason> {
    let rest = path.strip_prefix('/').ok_or(Reason::BadPath)?;
    // Spaces cannot occur; quotes and backslashes would need escapes in the tool that packs it.
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..") && !part.contains(['"', '\\', '\'']) && part.is_ascii()
    };
    if rest.split('/').all(plain) {
        Ok(())
    } else {
        Err(Reason::BadPath)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Reason {
        parse(text, &mut Root::new()).unwrap_err().reason
    }

    #[test]
    fn a_list_becomes_a_root() {
        let mut root = Root::new();

        parse(
            "# The first program.\ndir /sbin 755 0 0 -\nfile /sbin/init 755 0 0 program:init\n\n\
             # Where programs look for mounts.\ndir /etc 755 0 0 -\n\
             link /etc/mtab 777 0 0 /proc/self/mounts\n\
             file /etc/ca 644 0 50 package:ca-certificates:/usr/share/ca\n",
            &mut root,
        )
        .unwrap();

        assert_eq!(
            root["/sbin/init"].origin,
            Origin::Program("init".to_owned())
        );
        assert_eq!(
            root["/etc/mtab"].origin,
            Origin::Link("/proc/self/mounts".to_owned())
        );
        assert_eq!(root["/etc/ca"].gid, 50);
        assert_eq!(root["/etc/ca"].mode, 0o644);
    }

    #[test]
    fn a_block_without_a_reason_is_refused() {
        assert_eq!(refusal("dir /a 755 0 0 -\n"), Reason::Unexplained);
        assert_eq!(refusal("#\ndir /a 755 0 0 -\n"), Reason::Unexplained);
        assert_eq!(
            refusal("# Why.\ndir /a 755 0 0 -\n\ndir /b 755 0 0 -\n"),
            Reason::Unexplained
        );
    }

    #[test]
    fn an_empty_comment_line_does_not_take_a_reason_back() {
        assert_eq!(
            parse("# Why.\n#\ndir /a 755 0 0 -\n", &mut Root::new()),
            Ok(())
        );
    }

    #[test]
    fn a_file_needs_its_folder() {
        assert_eq!(
            refusal("# Why.\nfile /sbin/init 755 0 0 program:init\n"),
            Reason::NoParent
        );
        let under_a_link = "# Why.\nlink /a 777 0 0 /b\ndir /a/c 755 0 0 -\n";
        assert_eq!(refusal(under_a_link), Reason::NoParent);
    }

    #[test]
    fn a_path_that_is_not_plain_is_refused() {
        for path in [
            "sbin", "/", "/a/", "//a", "/a/../b", "/./a", "/a\"b", "/a\\b", "/ä",
        ] {
            assert_eq!(
                refusal(&format!("# Why.\ndir {path} 755 0 0 -\n")),
                Reason::BadPath
            );
        }
    }

    #[test]
    fn a_mode_that_is_not_octal_is_refused() {
        for mode in ["rwx", "899", "10000", "-1", "+755", "0x1f"] {
            assert_eq!(
                refusal(&format!("# Why.\ndir /a {mode} 0 0 -\n")),
                Reason::BadMode
            );
        }
    }

    #[test]
    fn an_origin_that_does_not_fit_is_refused() {
        for line in [
            "dir /a 755 0 0 tree:x",
            "link /a 777 0 0 -",
            "file /a 644 0 0 -",
            "file /a 644 0 0 http://x",
            "file /a 644 0 0 tree:../x",
            "file /a 644 0 0 kernel:../x",
            "file /a 644 0 0 kernel:",
            "file /a 644 0 0 program:",
            "file /a 644 0 0 program:../init",
            "file /a 644 0 0 package:x",
            "file /a 644 0 0 package:x:relative",
        ] {
            assert_eq!(
                refusal(&format!("# Why.\n{line}\n")),
                Reason::BadOrigin,
                "{line}"
            );
        }
    }

    #[test]
    fn other_mistakes_are_named() {
        assert_eq!(refusal("# Why.\ndir /a 755 0 0\n"), Reason::FieldCount);
        assert_eq!(refusal("# Why.\nnod /a 755 0 0 -\n"), Reason::UnknownType);
        assert_eq!(refusal("# Why.\ndir /a 755 root 0 -\n"), Reason::BadOwner);
        let twice = "# Why.\ndir /a 755 0 0 -\ndir /a 755 0 0 -\n";
        assert_eq!(
            parse(twice, &mut Root::new()),
            Err(Error {
                line: 3,
                reason: Reason::Duplicate
            })
        );
    }
}
