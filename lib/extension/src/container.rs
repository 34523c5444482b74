// SPDX-License-Identifier: MPL-2.0
//! The root of a container: the layers of an image as one squashfs, written while they come.
//!
//! Owns: what of a container image comes into its root, and the two files that name its users.
//! Never: keeps the content of other files; what a later layer takes away stays in the image unseen.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

use image::squashfs::{Entry, Error, Kind as ImageKind, Packer, Tree};

use crate::files::{Kind, Node};
use crate::layer::{Builder, Keep, Purpose};
use crate::problem::Problem;

/// The longest of the two files that is looked at, in bytes: thousands of users.
pub const USERS_MAX: u64 = 64 * 1024;
const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";

/// A root that is being written.
pub struct Root<W> {
    builder: Builder<Packing<W>>,
}

impl<W> std::fmt::Debug for Root<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").finish_non_exhaustive()
    }
}

/// What a root turned out to be.
#[derive(Debug)]
pub struct Finished<W> {
    /// What it was written to.
    pub out: W,
    /// Its length in bytes.
    pub len: u64,
    /// `/etc/passwd`; empty where there is none, or none that can be read.
    pub passwd: String,
    /// `/etc/group`, likewise.
    pub group: String,
    /// What is not as the image has it.
    pub notes: Vec<Problem>,
}

/// Contents on their way into the image.
struct Packing<W> {
    packer: Packer<W>,
    /// Those of the files of users, by number.
    kept: BTreeMap<u64, Vec<u8>>,
}

impl<W: Write + Seek> Keep for Packing<W> {
    fn keep(&mut self, path: &str, from: &mut dyn Read, len: u64) -> io::Result<u64> {
        let mut copy = Vec::new();
        let added = if matches!(path, PASSWD | GROUP) && len <= USERS_MAX {
            from.take(len).read_to_end(&mut copy)?;
            self.packer.add(&mut copy.as_slice(), len)
        } else {
            self.packer.add(from, len)
        };
        match added {
            Ok(content) => {
                if !copy.is_empty() {
                    self.kept.insert(content, copy);
                }
                Ok(content)
            }
            Err(Error::Io(error)) => Err(error),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

impl<W: Write + Seek> Root<W> {
    /// Begins a root where `out` is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(out: W) -> Result<Self, Problem> {
        let packer = Packer::new(out).map_err(|error| unwritten(&error))?;
        let packing = Packing {
            packer,
            kept: BTreeMap::new(),
        };
        Ok(Self {
            builder: Builder::new(packing, Purpose::Container),
        })
    }

    /// Lays a layer over what is there: a tar archive, plain or packed with gzip or Zstandard. Returns
    /// its digest unpacked, `sha256:…`, which the caller compares with the one that the image names.
    ///
    /// # Errors
    /// It is no such archive, or has in it what cannot be in an image.
    pub fn add_layer(&mut self, packed: &mut dyn Read) -> Result<String, Problem> {
        let digest = self.builder.add_layer(packed)?;
        Ok(digest.to_string())
    }

    /// How long the image is so far, in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.builder.spool.packer.len()
    }

    /// Whether it holds no content yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builder.spool.packer.is_empty()
    }

    /// Ends the image.
    ///
    /// # Errors
    /// It is larger than an image can be, or cannot be written.
    pub fn finish(self) -> Result<Finished<W>, Problem> {
        let Builder {
            files,
            spool,
            notes,
            ..
        } = self.builder;
        let text = |path: &str| {
            let content = match files.0.get(path).map(|node| &node.kind) {
                Some(Kind::File { content, .. }) => spool.kept.get(content),
                Some(Kind::Directory | Kind::Symlink(_)) | None => None,
            };
            let text = content.and_then(|bytes| str::from_utf8(bytes).ok());
            text.unwrap_or_default().to_owned()
        };
        let (passwd, group) = (text(PASSWD), text(GROUP));
        let mut tree: Tree = files.0.into_iter().map(entry).collect();
        tree.insert(String::new(), entry((String::new(), Node::folder())).1);
        let (out, len) = spool
            .packer
            .finish(&tree)
            .map_err(|error| unwritten(&error))?;
        Ok(Finished {
            out,
            len,
            passwd,
            group,
            notes,
        })
    }
}

fn entry((path, node): (String, Node)) -> (String, Entry) {
    let kind = match node.kind {
        Kind::Directory => ImageKind::Directory,
        Kind::Symlink(target) => ImageKind::Symlink(target),
        Kind::File { content, len } => ImageKind::File { content, len },
    };
    // Modes have twelve bits where they are read.
    let mode = u16::try_from(node.mode & 0o7777).unwrap_or(0);
    let entry = Entry {
        kind,
        mode,
        uid: node.uid,
        gid: node.gid,
    };
    (path, entry)
}

fn unwritten(error: &Error) -> Problem {
    Problem::new("", format!("cannot write the image: {error}"))
}
