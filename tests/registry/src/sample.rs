// SPDX-License-Identifier: MPL-2.0
//! Small images.
//!
//! Owns: manifests and configurations that are right, for layers of any bytes.
//! Never: packs a layer.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Whose media types an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Those of the Open Container Initiative.
    Oci,
    /// Those of Docker's schema 2.
    Docker,
}

/// An image.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its configuration and its layers.
    pub blobs: Vec<Vec<u8>>,
    /// What describes them.
    pub manifest: Vec<u8>,
    /// What the manifest is.
    pub media_type: String,
}

/// `sha256:` and the digest of bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in ring::digest::digest(&ring::digest::SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Sample {
    /// An image of gzip layers for a machine. What they are unpacked is not looked at: their own digests
    /// stand for that.
    #[must_use]
    pub fn new(form: Form, architecture: &str, layers: &[&[u8]]) -> Self {
        let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        let configuration = json!({
            "architecture": architecture, "os": "linux",
            "config": { "Entrypoint": ["/hello"], "Env": ["A=b"], "User": "7", "WorkingDir": "/srv" },
            "rootfs": { "type": "layers", "diff_ids": ids },
        });
        Self::with(form, &configuration, layers)
    }

    /// An image with a configuration of one's own.
    #[must_use]
    pub fn with(form: Form, configuration: &Value, layers: &[&[u8]]) -> Self {
        let (manifest, config, layer) = match form {
            Form::Oci => (
                "oci.image.manifest.v1+json",
                "oci.image.config.v1+json",
                "oci.image.layer.v1.tar+gzip",
            ),
            Form::Docker => (
                "docker.distribution.manifest.v2+json",
                "docker.container.image.v1+json",
                "docker.image.rootfs.diff.tar.gzip",
            ),
        };
        let configuration = configuration.to_string().into_bytes();
        let described = |media_type: &str, bytes: &[u8]| json!({ "mediaType": format!("application/vnd.{media_type}"), "digest": digest(bytes), "size": bytes.len() });
        let media_type = format!("application/vnd.{manifest}");
        let layers_described: Vec<Value> =
            layers.iter().map(|bytes| described(layer, bytes)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type,
            "config": described(config, &configuration), "layers": layers_described,
        });
        let mut blobs = vec![configuration];
        blobs.extend(layers.iter().map(|layer| layer.to_vec()));
        Self {
            blobs,
            manifest: manifest.to_string().into_bytes(),
            media_type,
        }
    }

    /// The digest of its manifest.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }
}

/// An index of images with their platforms: architecture and variant.
#[must_use]
pub fn index(form: Form, images: &[(&Sample, &str, &str)]) -> (String, Vec<u8>) {
    let media_type = match form {
        Form::Oci => "application/vnd.oci.image.index.v1+json",
        Form::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
    };
    let images: Vec<Value> = images
        .iter()
        .map(|(sample, architecture, variant)| {
            json!({
                "mediaType": sample.media_type, "digest": sample.digest(), "size": sample.manifest.len(),
                "platform": { "os": "linux", "architecture": architecture, "variant": variant },
            })
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": images });
    (media_type.to_owned(), index.to_string().into_bytes())
}
