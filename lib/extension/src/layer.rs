// SPDX-License-Identifier: MPL-2.0
//! One layer of an image: a tar archive becomes a change of files.
//!
//! Owns: which members an extension may have, and where their content goes.
//! Never: writes to any place but the spool.

use std::io::{self, BufRead as _, BufReader, Read};

use crate::digest::{Digest, Sum};
use crate::files::{Change, Files, Kind, Links, Node};
use crate::limits::Budget;
use crate::path;
use crate::problem::Problem;
use crate::spool::Spool;
use crate::tar::{self, Archive, Member};
use crate::unpack;

/// Where the content of files goes while layers are read.
pub(crate) trait Keep {
    /// Keeps the content of the file at a path, `len` bytes, and returns its number.
    fn keep(&mut self, path: &str, from: &mut dyn Read, len: u64) -> io::Result<u64>;
}

impl Keep for Spool {
    fn keep(&mut self, _: &str, from: &mut dyn Read, len: u64) -> io::Result<u64> {
        self.add(from, len)
    }
}

/// What the layers are of, which decides what may be in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A system extension: nothing that its author may not have meant.
    Extension,
    /// The root of a container: what runtimes take, less what has no meaning there.
    Container,
}

/// What is put together from layers.
pub(crate) struct Builder<S = Spool> {
    pub(crate) files: Files,
    pub(crate) spool: S,
    purpose: Purpose,
    pub(crate) budget: Budget,
    /// How much may still come out of its layers.
    unpacked_left: u64,
    /// What is not as its author may think, and does no harm.
    pub(crate) notes: Vec<Problem>,
}

/// The most notes that are kept.
const NOTES_MAX: usize = 64;
/// The attribute that lets a program have capabilities.
const CAPABILITY: &str = "security.capability";
/// Who owns what belongs to no user of a container.
const NOBODY: u32 = 65_534;

impl<S: Keep> Builder<S> {
    pub(crate) fn new(spool: S, purpose: Purpose) -> Self {
        Self {
            files: Files::default(),
            spool,
            purpose,
            budget: Budget::new(),
            unpacked_left: unpack::UNPACKED_MAX,
            notes: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, problem: Problem) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(problem);
        }
    }

    /// Lays a layer over what is there. Returns the digest of the layer unpacked, which is known only
    /// when all of it was read, and therefore checked by the caller.
    pub(crate) fn add_layer(&mut self, packed: &mut dyn Read) -> Result<Digest, Problem> {
        let unread = |error: &io::Error| Problem::new("", format!("cannot unpack: {error}"));
        let packed = BufReader::new(packed);
        let mut left = self.unpacked_left;
        let stream = unpack::unpacked(packed, &mut left).map_err(|error| unread(&error))?;
        let mut archive = Archive::new(BufReader::new(Sum::new(stream)));
        let mut change = Change::default();
        while let Some(member) = archive.next()? {
            let at = path::clean(&member.name)?;
            self.add_member(at, &member, &mut archive, &mut change)?;
        }
        // What follows the end counts for the digest.
        let mut rest = archive.into_inner();
        loop {
            let len = rest.fill_buf().map_err(|error| unread(&error))?.len();
            if len == 0 {
                break;
            }
            rest.consume(len);
        }
        let links = match self.purpose {
            Purpose::Extension => Links::AreRefused,
            Purpose::Container => Links::AreFollowed,
        };
        self.files.apply(change, links, &mut self.budget)?;
        let (digest, _) = rest.into_inner().finish();
        self.unpacked_left = left;
        Ok(digest)
    }

    fn add_member<R: Read>(
        &mut self,
        at: String,
        member: &Member,
        archive: &mut Archive<R>,
        change: &mut Change,
    ) -> Result<(), Problem> {
        self.budget.entry(&at, link_of(&member.kind))?;
        if change.take_whiteout(&at)? {
            return Ok(());
        }
        if member.attributes.iter().any(|name| name == CAPABILITY) {
            self.note(Problem::new(
                at.clone(),
                "its capabilities are left out; they would have no effect",
            ));
        }
        let kind = match &member.kind {
            tar::Kind::Directory => Kind::Directory,
            tar::Kind::Symlink(target) => match String::from_utf8(target.clone()) {
                Ok(target) => Kind::Symlink(target),
                Err(_) => return Err(Problem::new(at, "the target of the link is not text")),
            },
            tar::Kind::File => {
                self.budget.bytes(&at, member.len)?;
                let mut content = archive.content(member.len);
                let content = self.spool.keep(&at, &mut content, member.len);
                let content = content
                    .map_err(|error| Problem::new(at.clone(), format!("cannot unpack: {error}")))?;
                Kind::File {
                    content,
                    len: member.len,
                }
            }
            tar::Kind::Link(target) => {
                let target = path::clean(target).map_err(|problem| {
                    Problem::new(at.clone(), format!("hard link: {}", problem.what))
                })?;
                return self.add_link(at, &target, change);
            }
            // A container gets its devices from the node, and a fifo from whoever reads it.
            tar::Kind::Special(what @ ("a character device" | "a block device" | "a fifo"))
                if self.purpose == Purpose::Container =>
            {
                self.note(Problem::new(at, format!("{what} is left out")));
                return Ok(());
            }
            tar::Kind::Special(what) => {
                return Err(Problem::new(
                    at,
                    match self.purpose {
                        Purpose::Extension => format!("{what} cannot be in an extension"),
                        Purpose::Container => format!("{what} cannot be in an image"),
                    },
                ));
            }
        };
        let node = Node {
            kind,
            mode: member.mode,
            uid: self.owner(member.uid),
            gid: self.owner(member.gid),
        };
        self.put(at, node, change)
    }

    /// Adds an entry. Archives of images may have one twice, as tar does: then the later counts.
    fn put(&self, at: String, node: Node, change: &mut Change) -> Result<(), Problem> {
        if self.purpose == Purpose::Container {
            change.files.remove(&at);
        }
        change.add(at, node)
    }

    /// An owner as it comes into the files: a container has as many users as 16 bits hold, and
    /// others are nobody there.
    fn owner(&self, id: u32) -> u32 {
        match self.purpose {
            Purpose::Container if id > u32::from(u16::MAX) => NOBODY,
            Purpose::Container | Purpose::Extension => id,
        }
    }

    /// Adds another name for a file that is there: each has the content, which is stored once.
    fn add_link(&mut self, at: String, target: &str, change: &mut Change) -> Result<(), Problem> {
        let node = change
            .files
            .get(target)
            .or_else(|| self.files.0.get(target));
        match node {
            Some(
                node @ Node {
                    kind: Kind::File { .. },
                    ..
                },
            ) => {
                let node = node.clone();
                // Whoever unpacks or packs it meets the content once for each name.
                if let Kind::File { len, .. } = node.kind {
                    self.budget.bytes(&at, len)?;
                }
                self.put(at, node, change)
            }
            Some(
                node @ Node {
                    kind: Kind::Symlink(_),
                    ..
                },
            ) if self.purpose == Purpose::Container => {
                let node = node.clone();
                self.put(at, node, change)
            }
            Some(_) => Err(Problem::new(at, "a hard link to what is no file")),
            None => Err(Problem::new(
                at,
                "a hard link to a file that is not there before it",
            )),
        }
    }
}

fn link_of(kind: &tar::Kind) -> &str {
    match kind {
        tar::Kind::Symlink(target) | tar::Kind::Link(target) => {
            str::from_utf8(target).unwrap_or_default()
        }
        tar::Kind::File | tar::Kind::Directory | tar::Kind::Special(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_of_layers_is_counted_for_all_of_them_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = Builder::new(Spool::new(folder.path()).unwrap(), Purpose::Extension);
        let layer = [0; 1024];
        builder.unpacked_left = 2 * layer.len() as u64;

        assert!(builder.add_layer(&mut layer.as_slice()).is_ok());
        assert!(builder.add_layer(&mut layer.as_slice()).is_ok());
        let error = builder.add_layer(&mut layer.as_slice()).unwrap_err();
        assert!(error.what.contains("more than 2 GiB"), "{error}");
    }
}
