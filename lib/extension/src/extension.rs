// SPDX-License-Identifier: MPL-2.0
//! An extension that was read and found sound, whatever it came as.
//!
//! Owns: the order of the checks, and the tree that a layer is made of.
//! Never: is there in part; there is a whole one or a list of problems.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use image::squashfs::{Contents, Entry, Kind as ImageKind, Tree};

use crate::arch::Arch;
use crate::files::{Files, Kind};
use crate::folder;
use crate::layer::{Builder, Purpose};
use crate::manifest::{MANIFEST, MANIFEST_MAX, Manifest};
use crate::modules::{self, Modules};
use crate::oci::{self, Store};
use crate::problem::Problem;
use crate::rules::{self, ROOT};
use crate::services::{self, Service};
use crate::spool::Spool;

/// The most owners and groups of a squashfs.
const OWNERS_MAX: usize = 65_535;

/// An extension.
#[derive(Debug)]
pub struct Extension {
    manifest: Manifest,
    services: Vec<Service>,
    modules: Modules,
    reference: Option<String>,
    notes: Vec<Problem>,
    files: Files,
    spool: Spool,
}

impl Extension {
    /// Reads an extension: a folder with `manifest.yaml` and `rootfs/`, an OCI layout as a folder or a
    /// tar archive, or an archive of `docker save`. Of an image for several architectures that for
    /// `arch` is taken. Contents are kept in `temporary` while the extension is.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as it can be read.
    pub fn read(path: &Path, arch: Arch, temporary: &Path) -> Result<Self, Vec<Problem>> {
        let spool = Spool::new(temporary).map_err(|error| {
            let what = format!("cannot make a file there: {error}");
            vec![Problem::new(temporary.display().to_string(), what)]
        })?;
        let mut builder = Builder::new(spool, Purpose::Extension);
        let reference = read_any(&mut builder, path, arch).map_err(|problem| vec![problem])?;
        Self::check(builder, reference, arch)
    }

    pub(crate) fn check(
        builder: Builder,
        reference: Option<String>,
        arch: Arch,
    ) -> Result<Self, Vec<Problem>> {
        let Builder {
            files,
            spool,
            notes,
            ..
        } = builder;
        let mut problems = Vec::new();
        let manifest = match read_manifest(&files, &spool) {
            Ok(manifest) => Some(manifest),
            Err(more) => {
                problems.extend(more);
                None
            }
        };
        problems.extend(rules::check(&files));
        problems.extend(too_many_owners(&files));
        let (services, more) = services::find(&files, &spool);
        problems.extend(more);
        let (modules, more) = modules::find(&files, &spool, arch);
        problems.extend(more);
        match manifest {
            Some(manifest) if problems.is_empty() => Ok(Self {
                manifest,
                services,
                modules,
                reference,
                notes,
                files,
                spool,
            }),
            Some(_) | None => Err(problems),
        }
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The services that it brings along.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The kernel modules that it brings along.
    #[must_use]
    pub fn modules(&self) -> &Modules {
        &self.modules
    }

    /// What the image is called, if it says so.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// What its author should know, and does no harm.
    #[must_use]
    pub fn notes(&self) -> &[Problem] {
        &self.notes
    }

    /// The root as a layer of a node's: folders that the system has too keep its owner and rights.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        tree.insert(String::new(), shared());
        for (at, node) in &self.files.0 {
            let Some(inside) = at.strip_prefix(ROOT).and_then(|at| at.strip_prefix('/')) else {
                continue;
            };
            let kind = match &node.kind {
                Kind::Directory if rules::is_shared(inside) => {
                    tree.insert(inside.to_owned(), shared());
                    continue;
                }
                Kind::Directory => ImageKind::Directory,
                Kind::Symlink(target) => ImageKind::Symlink(target.clone()),
                Kind::File { content, len } => ImageKind::File {
                    content: *content,
                    len: *len,
                },
            };
            let entry = Entry {
                kind,
                mode: u16::try_from(node.mode & 0o7777).unwrap_or(0),
                uid: node.uid,
                gid: node.gid,
            };
            tree.insert(inside.to_owned(), entry);
        }
        tree
    }

    /// The contents of the files of the tree.
    #[must_use]
    pub fn contents(&self) -> &dyn Contents {
        &self.spool
    }

    /// The bytes of its files, for those who want to know how far they are.
    #[must_use]
    pub fn size(&self) -> u64 {
        let sizes = self.files.0.values().map(|node| match node.kind {
            Kind::File { len, .. } => len,
            Kind::Directory | Kind::Symlink(_) => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }
}

/// Owners and groups together are as many as a squashfs has numbers for.
fn too_many_owners(files: &Files) -> Option<Problem> {
    // The root and the folders of the system are root's.
    let mut ids = BTreeSet::from([0]);
    for node in files.0.values() {
        ids.extend([node.uid, node.gid]);
    }
    (ids.len() > OWNERS_MAX).then(|| {
        let what = format!("has more than {OWNERS_MAX} owners and groups, which no layer can hold");
        Problem::new(ROOT, what)
    })
}

/// A folder of the system.
fn shared() -> Entry {
    Entry {
        kind: ImageKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
    }
}

fn read_any(builder: &mut Builder, path: &Path, arch: Arch) -> Result<Option<String>, Problem> {
    let cannot = |error: std::io::Error| Problem::new("", format!("cannot read: {error}"));
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if metadata.is_dir() {
        if !oci::is_layout(path) {
            // Any folder may be named by mistake; it is not copied to find that out.
            if path.join(MANIFEST).symlink_metadata().is_err() {
                return Err(Problem::new("", oci::NEITHER));
            }
            folder::read(builder, path)?;
            return Ok(None);
        }
        return oci::read(builder, &Store::Folder(path.to_owned()), arch);
    }
    if !metadata.is_file() {
        return Err(Problem::new("", "neither a folder nor a file"));
    }
    if metadata.len() > oci::ARCHIVE_MAX {
        return Err(Problem::new("", "is larger than 4 GiB"));
    }
    let store = Store::of_archive(File::open(path).map_err(cannot)?)?;
    oci::read(builder, &store, arch)
}

fn read_manifest(files: &Files, spool: &Spool) -> Result<Manifest, Vec<Problem>> {
    let problem = |what: String| vec![Problem::new(MANIFEST, what)];
    match files.0.get(MANIFEST).map(|node| &node.kind) {
        Some(Kind::File { content, .. }) => {
            let bytes = spool
                .read(*content, MANIFEST_MAX as u64)
                .map_err(|error| problem(format!("cannot read: {error}")))?;
            Manifest::parse(&bytes)
        }
        // That it is no file is said with the other paths.
        Some(Kind::Directory | Kind::Symlink(_)) => Err(Vec::new()),
        None => Err(problem("is missing".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Node;

    #[test]
    fn more_owners_than_a_layer_holds_are_found_before_it_is_written() {
        let mut files = Files::default();
        let owners = u32::try_from(OWNERS_MAX).unwrap();
        for id in 0..owners {
            let node = Node {
                uid: id,
                gid: id,
                ..Node::folder()
            };
            files.0.insert(format!("rootfs/usr/{id}"), node);
        }
        assert_eq!(too_many_owners(&files), None);

        let one_more = Node {
            gid: owners,
            ..Node::folder()
        };
        files.0.insert("rootfs/usr/last".to_owned(), one_more);
        let problem = too_many_owners(&files).unwrap();
        assert!(
            problem.to_string().contains("more than 65535 owners"),
            "{problem}"
        );
    }
}
