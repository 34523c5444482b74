// SPDX-License-Identifier: MPL-2.0
//! An extension as a container image in one file, as `docker load`, `skopeo` and `oras` take it.
//!
//! Owns: an OCI layout in a tar archive, with the list of `docker save` beside it.
//! Never: writes a time, an owner or an order that is not in the extension.

use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::squashfs::Contents as _;
use serde_json::json;

use crate::arch::Arch;
use crate::digest::{Digest, Sum};
use crate::extension::Extension;
use crate::files::Kind;
use crate::spool::Spool;
use crate::tar_write::Writer;

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The longest tag of an image (OCI distribution specification).
const TAG_MAX: usize = 128;
const OWNER: (u32, u32) = (0, 0);

/// Writes the image of an extension. What is packed waits in `temporary` until its digest is known.
/// `progress` hears how many bytes of files were packed so far.
///
/// # Errors
/// When something cannot be read or written.
pub fn write_image<W: Write + Seek>(
    extension: &Extension,
    arch: Arch,
    temporary: &Path,
    out: &mut W,
    progress: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let mut spool = Spool::new(temporary)?;
    let packed = Sum::new(spool.writer());
    let packer = GzEncoder::new(packed, Compression::default());
    let mut layer = Sum::new(BufWriter::with_capacity(1 << 20, packer));
    write_layer(extension, &mut layer, progress)?;
    let (inner, unpacked, _) = layer.into_parts();
    let packer = inner.into_inner().map_err(io::IntoInnerError::into_error)?;
    let (_, layer, len) = packer.finish()?.into_parts();
    let content = spool.close();

    let documents = Documents::of(extension, arch, &unpacked, &layer, len);
    let mut archive = Writer::new(out);
    archive.folder("blobs", 0o755, OWNER)?;
    archive.folder("blobs/sha256", 0o755, OWNER)?;
    let mut blobs = documents
        .blobs
        .map(|bytes| (blob(&Digest::of(&bytes)), Some(bytes)))
        .to_vec();
    blobs.push((blob(&layer), None));
    blobs.sort();
    for (name, bytes) in &blobs {
        match bytes {
            Some(bytes) => put(&mut archive, name, bytes)?,
            None => archive.file(name, 0o644, OWNER, len, &mut spool.open(content)?)?,
        }
    }
    for (name, bytes) in &documents.top {
        put(&mut archive, name, bytes)?;
    }
    archive.finish()
}

fn put<W: Write>(archive: &mut Writer<W>, name: &str, mut bytes: &[u8]) -> io::Result<()> {
    archive.file(name, 0o644, OWNER, bytes.len() as u64, &mut bytes)
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// What describes the layer.
struct Documents {
    /// The configuration and the manifest, which go by their digests.
    blobs: [Vec<u8>; 2],
    /// What is found by its name.
    top: [(&'static str, Vec<u8>); 3],
}

impl Documents {
    fn of(extension: &Extension, arch: Arch, unpacked: &Digest, layer: &Digest, len: u64) -> Self {
        let configuration = bytes_of(&json!({
            "architecture": arch.name(),
            "config": {},
            "created": "1970-01-01T00:00:00Z",
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [unpacked.to_string()] },
        }));
        let configuration_digest = Digest::of(&configuration);
        let manifest = bytes_of(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": CONFIGURATION_TYPE,
                "digest": configuration_digest.to_string(),
                "size": configuration.len(),
            },
            "layers": [{ "mediaType": LAYER_TYPE, "digest": layer.to_string(), "size": len }],
        }));
        let reference = reference(extension);
        let index = bytes_of(&json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": MANIFEST_TYPE,
                "digest": Digest::of(&manifest).to_string(),
                "size": manifest.len(),
                "platform": { "architecture": arch.name(), "os": "linux" },
                "annotations": { "org.opencontainers.image.ref.name": reference },
            }],
        }));
        let docker = bytes_of(&json!([{
            "Config": blob(&configuration_digest),
            "RepoTags": [reference],
            "Layers": [blob(layer)],
        }]));
        let layout = bytes_of(&json!({ "imageLayoutVersion": "1.0.0" }));
        Self {
            blobs: [configuration, manifest],
            top: [
                ("index.json", index),
                ("manifest.json", docker),
                ("oci-layout", layout),
            ],
        }
    }
}

/// The most that an image can take, packed as badly as can be.
#[must_use]
pub fn image_size_max(extension: &Extension) -> u64 {
    let names: usize = extension.files().0.keys().map(String::len).sum();
    let entries = extension.files().0.len() as u64;
    let headers = entries.saturating_mul(4 * 512).saturating_add(names as u64);
    let layer = extension.size().saturating_add(headers);
    // Deflate stores what it cannot pack, with five bytes for some kilobytes.
    layer
        .saturating_add(layer.div_euclid(1000))
        .saturating_add(64 * 1024)
}

fn write_layer<W: Write>(
    extension: &Extension,
    out: &mut W,
    progress: &mut dyn FnMut(u64),
) -> io::Result<()> {
    let mut archive = Writer::new(out);
    let mut done: u64 = 0;
    for (at, node) in &extension.files().0 {
        let ids = (node.uid, node.gid);
        match &node.kind {
            Kind::Directory => archive.folder(at, node.mode, ids)?,
            Kind::Symlink(target) => archive.symlink(at, node.mode, ids, target)?,
            Kind::File { content, len } => {
                let mut from = extension.contents().open(*content)?;
                archive.file(at, node.mode, ids, *len, &mut from)?;
                done = done.saturating_add(*len);
                progress(done);
            }
        }
    }
    archive.finish()
}

fn bytes_of(value: &serde_json::Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// `name:version`, with what no tag can have replaced.
fn reference(extension: &Extension) -> String {
    let manifest = extension.manifest();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let tag: String = manifest
        .version
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '-' })
        .take(TAG_MAX)
        .collect();
    format!("{}:{}", manifest.name, tag.trim_start_matches(['.', '-']))
}
