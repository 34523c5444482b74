// SPDX-License-Identifier: MPL-2.0
//! `list`.
//!
//! Owns: the columns of a file.
//! Never: gathers the rows of a large folder, or hides one that could not be looked at.

use api::common::Metadata;
use api::machine::list_request::Type;
use api::machine::{FileInfo, ListRequest};
use pki::UnixTime;

use crate::args_files::{FileKind, List};
use crate::places::Environment;
use crate::rows::{self, Item};
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::units;

const SHORT: [&str; 2] = ["NODE", "NAME"];
const LONG: [&str; 7] = ["NODE", "MODE", "UID", "GID", "SIZE(B)", "LASTMOD", "NAME"];
const LONG_HUMAN: [&str; 7] = ["NODE", "MODE", "UID", "GID", "SIZE", "LASTMOD", "NAME"];

pub(crate) async fn run(
    session: &Session,
    asked: &List,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let reply = session
        .machine()
        .list(session.request(request(asked))?)
        .await;
    let stream = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let head: &[&str] = match (asked.long, asked.humanize) {
        (false, _) => &SHORT,
        (true, false) => &LONG,
        (true, true) => &LONG_HUMAN,
    };
    let now = environment.ages_until();
    // A file whose link could not be read is a file all the same.
    let is_there = |file: &FileInfo| file.error.is_empty() || file.mode != 0;
    let row = |node, file| is_there(&file).then(|| cells(asked, node, file, now));
    rows::show(head, stream, session, screen, row).await
}

impl Item for FileInfo {
    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    fn error(&self) -> &str {
        &self.error
    }
}

/// The default depth is this command's: for the API 0 is no limit (cli.md, api.md).
fn request(asked: &List) -> ListRequest {
    let depth = asked.depth.unwrap_or(i32::from(!asked.recurse));
    let kind = |kind: &FileKind| match kind {
        FileKind::File => Type::Regular,
        FileKind::Folder => Type::Directory,
        FileKind::Link => Type::Symlink,
    };
    ListRequest {
        root: asked.path.clone(),
        recurse: depth != 1,
        recursion_depth: depth,
        types: asked.r#type.iter().map(|k| kind(k).into()).collect(),
    }
}

fn cells(asked: &List, node: String, file: FileInfo, now: UnixTime) -> Vec<String> {
    let name = if asked.long && !file.link.is_empty() {
        format!("{} -> {}", file.relative_name, file.link)
    } else {
        file.relative_name
    };
    if !asked.long {
        return vec![node, name];
    }
    let modified = UnixTime(file.modified);
    let (size, modified) = if asked.humanize {
        let size = u64::try_from(file.size).unwrap_or_default();
        (units::size(size), units::distance(modified, now))
    } else {
        (file.size.to_string(), units::date_and_time(modified))
    };
    vec![
        node,
        mode(file.mode),
        file.uid.to_string(),
        file.gid.to_string(),
        size,
        modified,
        name,
    ]
}

/// Writes a mode as ls(1) does. The kind is in the bits of inode(7), or, from nodes of Talos, in
/// those of Go's `os.FileMode` alone.
fn mode(bits: u32) -> String {
    let has = |bit: u32| bits & bit != 0;
    let kind = match bits & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o060_000 => 'b',
        0o020_000 => 'c',
        0o010_000 => 'p',
        0o140_000 => 's',
        0 if has(1 << 31) => 'd',
        0 if has(1 << 27) => 'l',
        0 if has(1 << 21) => 'c',
        0 if has(1 << 26) => 'b',
        0 if has(1 << 25) => 'p',
        0 if has(1 << 24) => 's',
        _ => '-',
    };
    let special = [
        has(0o4000) || has(1 << 23),
        has(0o2000) || has(1 << 22),
        has(0o1000) || has(1 << 20),
    ];
    let mut text = String::from(kind);
    for ((shift, is_special), letters) in [6, 3, 0].into_iter().zip(special).zip(["sS", "sS", "tT"])
    {
        let may = |bit: u32| has(bit << shift);
        text.push(if may(4) { 'r' } else { '-' });
        text.push(if may(2) { 'w' } else { '-' });
        let mut letters = letters.chars();
        let (with, without) = (letters.next(), letters.next());
        let letter = match (is_special, may(1)) {
            (true, true) => with,
            (true, false) => without,
            (false, true) => Some('x'),
            (false, false) => Some('-'),
        };
        text.extend(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_ls_does_whoever_made_them() {
        for (bits, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o041_777, "drwxrwxrwt"),
            (0o120_777, "lrwxrwxrwx"),
            (0o104_755, "-rwsr-xr-x"),
            (0o106_644, "-rwSr-Sr--"),
            (0o020_600, "crw-------"),
            (0o140_000, "s---------"),
            ((1 << 31) | 0o755, "drwxr-xr-x"),
            ((1 << 27) | 0o777, "lrwxrwxrwx"),
            ((1 << 26) | (1 << 21) | 0o600, "crw-------"),
            ((1 << 31) | (1 << 20) | 0o777, "drwxrwxrwt"),
            ((1 << 31) | 0o041_777 | (1 << 20), "drwxrwxrwt"),
        ] {
            assert_eq!(mode(bits), text, "{bits:o}");
        }
    }

    #[test]
    fn cmd_062_the_depth_of_the_line_is_not_that_of_the_api() {
        let asked = |depth, recurse| List {
            path: "/".to_owned(),
            depth,
            humanize: false,
            long: false,
            recurse,
            r#type: Vec::new(),
        };
        for (depth, recurse, wanted) in [
            (None, false, (false, 1)),
            (None, true, (true, 0)),
            (Some(1), true, (false, 1)),
            (Some(3), false, (true, 3)),
            (Some(3), true, (true, 3)),
            (Some(0), false, (true, 0)),
        ] {
            let request = request(&asked(depth, recurse));
            assert_eq!((request.recurse, request.recursion_depth), wanted);
        }
    }
}
