// SPDX-License-Identifier: MPL-2.0
//! Container images on disk: OCI layouts, as a folder or a tar archive, and what `docker save` writes.
//!
//! Owns: finding the manifest for an architecture, and checking every digest and length on the way.
//! Never: takes a blob that is not what its descriptor says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::arch::Arch;
use crate::digest::{Digest, Sum};
use crate::layer::Builder;
use crate::limits::{BYTES_MAX, ENTRIES_MAX, LAYERS_MAX};
use crate::path;
use crate::problem::Problem;
use crate::spool::Range;
use crate::tar::{Archive, Kind};
use crate::unpack;

/// The largest manifest, index or configuration (4 MiB, as registries have it).
const DOCUMENT_MAX: u64 = 4 << 20;
/// How deep an index may be in an index.
const INDEX_DEPTH_MAX: usize = 3;
/// The file that an OCI layout has.
pub(crate) const INDEX: &str = "index.json";
/// The file that `docker save` writes.
const DOCKER_MANIFEST: &str = "manifest.json";
/// What is said of everything else.
pub(crate) const NEITHER: &str = "neither an extension nor an image: there is no manifest.yaml, \
                                  index.json or manifest.json";
/// Where an index says what its image is called.
const REFERENCE: &str = "org.opencontainers.image.ref.name";
const DOCKER_REFERENCE: &str = "io.containerd.image.name";

/// Files by name.
pub(crate) enum Store {
    /// Files of a folder.
    Folder(PathBuf),
    /// Members of an archive: where they begin, and how long they are.
    Archive {
        file: File,
        members: BTreeMap<String, (u64, u64)>,
    },
}

impl Store {
    /// Looks through an archive.
    pub(crate) fn of_archive(file: File) -> Result<Self, Problem> {
        let mut head = [0; 4];
        let read = |error: io::Error| Problem::new("", format!("cannot read: {error}"));
        let range = Range {
            file: &file,
            at: 0,
            left: u64::MAX,
        };
        range.take(4).read(&mut head).map_err(read)?;
        if unpack::is_packed(&head) {
            return Err(Problem::new(
                "",
                "the archive itself is packed; unpack it first, for example with gunzip",
            ));
        }
        let mut members = BTreeMap::new();
        let len = file.metadata().map_err(read)?.len();
        let range = Range {
            file: &file,
            at: 0,
            left: len,
        };
        let mut archive = Archive::new(BufReader::with_capacity(1 << 20, range));
        while let Some(member) = archive.next()? {
            let name = path::clean(&member.name)?;
            if members.len() >= ENTRIES_MAX {
                return Err(Problem::new(name, "too many members in the archive"));
            }
            if member.kind == Kind::File
                && members
                    .insert(name.clone(), (archive.position(), member.len))
                    .is_some()
            {
                return Err(Problem::new(name, "is in the archive twice"));
            }
        }
        Ok(Self::Archive { file, members })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                if !path.metadata()?.is_file() {
                    return Err(io::Error::other("it is not a file"));
                }
                Ok(Box::new(File::open(path)?))
            }
            Self::Archive { file, members } => {
                let (at, left) = *members.get(name).ok_or(io::ErrorKind::NotFound)?;
                Ok(Box::new(Range { file, at, left }))
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Archive { members, .. } => members.contains_key(name),
        }
    }

    fn document<T: DeserializeOwned>(&self, name: &str) -> Result<T, Problem> {
        let (value, _) = self.document_and_digest(name)?;
        Ok(value)
    }

    fn document_and_digest<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<(T, (Digest, u64)), Problem> {
        let problem = |what: String| Problem::new(name, what);
        let mut bytes = Vec::new();
        self.open(name)
            .and_then(|from| {
                from.take(DOCUMENT_MAX.saturating_add(1))
                    .read_to_end(&mut bytes)
            })
            .map_err(|error| problem(format!("cannot read: {error}")))?;
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(problem("is larger than 4 MiB".to_owned()));
        }
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| problem(format!("is not what it should be: {error}")))?;
        Ok((value, (Digest::of(&bytes), bytes.len() as u64)))
    }

    /// Reads a document that a descriptor names, and checks that it is the one.
    fn described<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, Problem> {
        let digest = descriptor.checked()?;
        let name = blob(&digest);
        let (value, found) = self.document_and_digest(&name)?;
        descriptor.check(&name, &found)?;
        Ok(value)
    }

    /// Lays one layer over the others.
    fn layer(
        &self,
        builder: &mut Builder,
        name: &str,
        descriptor: Option<&Descriptor>,
        unpacked: Option<&str>,
    ) -> Result<(), Problem> {
        let inside = |problem: Problem| match problem.place.as_str() {
            "" => Problem::new(name, problem.what),
            _ => problem,
        };
        let from = self
            .open(name)
            .map_err(|error| Problem::new(name, format!("cannot read: {error}")))?;
        let mut sum = Sum::new(from);
        let digest = builder.add_layer(&mut sum).map_err(inside)?;
        let rest = io::copy(&mut sum, &mut io::sink());
        rest.map_err(|error| Problem::new(name, format!("cannot read: {error}")))?;
        if let Some(descriptor) = descriptor {
            descriptor.check(name, &sum.finish())?;
        }
        if let Some(unpacked) = unpacked
            && Digest::parse(unpacked).as_ref() != Some(&digest)
        {
            return Err(Problem::new(
                name,
                "is not the layer that the configuration names",
            ));
        }
        Ok(())
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn checked(&self) -> Result<Digest, Problem> {
        Digest::parse(&self.digest)
            .ok_or_else(|| Problem::new(self.digest.clone(), "is not a digest that is known"))
    }

    fn check(&self, name: &str, found: &(Digest, u64)) -> Result<(), Problem> {
        let (digest, len) = found;
        if *len != self.size {
            let what = format!("has {len} bytes, and should have {}", self.size);
            return Err(Problem::new(name, what));
        }
        if digest.to_string() != self.digest {
            return Err(Problem::new(name, format!("its digest is {digest}")));
        }
        Ok(())
    }

    fn is_index(&self) -> bool {
        self.media_type.contains("image.index") || self.media_type.contains("manifest.list")
    }
}

#[derive(Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Debug, Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    rootfs: Rootfs,
}

#[derive(Debug, Default, Deserialize)]
struct Rootfs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct DockerImage {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// Puts the files of an image together; returns what the image is called, if it says so.
pub(crate) fn read(
    builder: &mut Builder,
    store: &Store,
    arch: Arch,
) -> Result<Option<String>, Problem> {
    if store.has(INDEX) {
        read_layout(builder, store, arch)
    } else if store.has(DOCKER_MANIFEST) {
        read_docker(builder, store, arch)
    } else {
        Err(Problem::new("", NEITHER))
    }
}

fn read_layout(
    builder: &mut Builder,
    store: &Store,
    arch: Arch,
) -> Result<Option<String>, Problem> {
    let index: Index = store.document(INDEX)?;
    let mut reference = None;
    let found = choose(store, &index, arch, INDEX_DEPTH_MAX, &mut reference)?;
    let manifest: Manifest = store.described(&found)?;
    if manifest.layers.len() > LAYERS_MAX {
        return Err(Problem::new(found.digest, "has too many layers"));
    }
    let configuration: Configuration = store.described(&manifest.config)?;
    check_architecture(&configuration, &manifest.config.digest, arch)?;
    let ids = &configuration.rootfs.diff_ids;
    if !ids.is_empty() && ids.len() != manifest.layers.len() {
        let what = "has another number of layers than the manifest";
        return Err(Problem::new(manifest.config.digest, what));
    }
    for (number, layer) in manifest.layers.iter().enumerate() {
        let is_layer = layer.media_type.contains(".layer.v1.tar")
            || layer.media_type.contains("rootfs.diff.tar");
        if !is_layer || layer.media_type.contains("encrypted") {
            let what = format!("{:?} is no layer that is known", layer.media_type);
            return Err(Problem::new(layer.digest.clone(), what));
        }
        let name = blob(&layer.checked()?);
        store.layer(
            builder,
            &name,
            Some(layer),
            ids.get(number).map(String::as_str),
        )?;
    }
    Ok(reference)
}

/// Finds the manifest for an architecture.
fn choose(
    store: &Store,
    index: &Index,
    arch: Arch,
    depth: usize,
    reference: &mut Option<String>,
) -> Result<Descriptor, Problem> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Problem::new(INDEX, "an index in an index in an index"));
    };
    let mut found: Option<&Descriptor> = None;
    let mut others = Vec::new();
    for descriptor in &index.manifests {
        if let Some(platform) = &descriptor.platform
            && !(matches!(platform.os.as_str(), "" | "linux")
                && platform.architecture == arch.name())
        {
            if platform.architecture != "unknown" {
                others.push(platform.architecture.as_str());
            }
            continue;
        }
        match found {
            Some(other) if other.digest != descriptor.digest => {
                return Err(Problem::new(
                    INDEX,
                    "there is more than one image for that architecture",
                ));
            }
            Some(_) | None => found = Some(descriptor),
        }
    }
    let Some(found) = found else {
        others.sort_unstable();
        others.dedup();
        let others = others.join(", ");
        let what = format!("there is no image for {arch}; there are: {others}");
        return Err(Problem::new(INDEX, what));
    };
    let names = [DOCKER_REFERENCE, REFERENCE].map(|key| found.annotations.get(key));
    if let Some(name) = names.into_iter().flatten().next() {
        reference.get_or_insert_with(|| name.clone());
    }
    if found.is_index() {
        let inner: Index = store.described(found)?;
        return choose(store, &inner, arch, depth, reference);
    }
    Ok(Descriptor {
        media_type: found.media_type.clone(),
        digest: found.digest.clone(),
        size: found.size,
        platform: None,
        annotations: BTreeMap::new(),
    })
}

fn check_architecture(
    configuration: &Configuration,
    place: &str,
    arch: Arch,
) -> Result<(), Problem> {
    let is = configuration.architecture.as_str();
    if is.is_empty() || is == arch.name() {
        Ok(())
    } else {
        Err(Problem::new(
            place,
            format!("the image is for {is}, not for {arch}"),
        ))
    }
}

fn read_docker(
    builder: &mut Builder,
    store: &Store,
    arch: Arch,
) -> Result<Option<String>, Problem> {
    let mut images: Vec<DockerImage> = store.document(DOCKER_MANIFEST)?;
    let (Some(image), true) = (images.pop(), images.is_empty()) else {
        return Err(Problem::new(DOCKER_MANIFEST, "one image is wanted"));
    };
    let name = path::clean(image.config.as_bytes())?;
    let configuration: Configuration = store.document(&name)?;
    check_architecture(&configuration, &name, arch)?;
    let ids = &configuration.rootfs.diff_ids;
    if image.layers.len() > LAYERS_MAX || ids.len() != image.layers.len() {
        let what = "has too many layers, or others than the configuration names";
        return Err(Problem::new(DOCKER_MANIFEST, what));
    }
    for (layer, id) in image.layers.iter().zip(ids) {
        let name = path::clean(layer.as_bytes())?;
        store.layer(builder, &name, None, Some(id))?;
    }
    Ok(image.tags.unwrap_or_default().into_iter().next())
}

/// Whether a folder is an image and not an extension.
pub(crate) fn is_layout(folder: &Path) -> bool {
    folder.join(INDEX).is_file()
}

/// The largest archive: what the files may take, packed badly.
pub(crate) const ARCHIVE_MAX: u64 = 2 * BYTES_MAX;
