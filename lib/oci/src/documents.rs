// SPDX-License-Identifier: MPL-2.0
//! Indexes and manifests: OCI's, and those of Docker's second schema, which say the same.
//!
//! Owns: reading them strictly, with an end to every list.
//! Never: takes a document for two kinds at once, or a layer that is not a plain, gzip or Zstandard tar.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use crate::digest::Digest;
use crate::platform::{Described, Platform};

/// The largest index, manifest or configuration: what registries take (OCI distribution specification).
pub(crate) const DOCUMENT_MAX: usize = 4 << 20;
/// The most images in an index: all platforms, each with attestations, many times over.
const IMAGES_MAX: usize = 1024;
/// The most layers of an image: twice as many as container runtimes make.
const LAYERS_MAX: usize = 256;

/// What is asked for, in the header `Accept`.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A list with an end.
struct Bounded<T, const MAX: usize>(Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
            type Value = Bounded<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of up to {MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(one) = list.next_element()? {
                    if found.len() >= MAX {
                        return Err(A::Error::custom(format_args!("a list of more than {MAX}")));
                    }
                    found.push(one);
                }
                Ok(Bounded(found))
            }
        }
        from.deserialize_seq(List(PhantomData))
    }
}

/// What a blob is, without the blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its digest.
    pub digest: Digest,
    /// Its length, in bytes.
    pub size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Described>,
}

impl RawDescriptor {
    fn checked(&self) -> Result<Descriptor, String> {
        let digest = Digest::parse(&self.digest).ok_or_else(|| {
            format!(
                "{:?} is not a digest that is known",
                crate::error::line(&self.digest)
            )
        })?;
        Ok(Descriptor {
            digest,
            size: self.size,
        })
    }
}

/// Images for several machines.
#[derive(Clone, Debug)]
pub struct Index(Vec<(Descriptor, Option<Described>)>);

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstandard,
}

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// How it is run, and what its layers are unpacked.
    pub configuration: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<(Descriptor, Packing)>,
}

/// What a registry gives for a reference.
#[derive(Debug)]
pub(crate) enum Document {
    Index(Index),
    Manifest(Manifest),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: String,
    manifests: Option<Bounded<RawDescriptor, IMAGES_MAX>>,
    config: Option<RawDescriptor>,
    layers: Option<Bounded<RawDescriptor, LAYERS_MAX>>,
}

impl Document {
    /// Reads an index or a manifest.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > DOCUMENT_MAX {
            return Err("more than 4 MiB".to_owned());
        }
        let raw: Raw = serde_json::from_slice(bytes)
            .map_err(|error| crate::error::line(&error.to_string()))?;
        match raw.schema_version {
            Some(2) => {}
            Some(1) => {
                return Err("schema 1, which is no longer used; push the image again".to_owned());
            }
            Some(_) | None => return Err("schemaVersion is not 2".to_owned()),
        }
        match (raw.manifests, raw.config, raw.layers) {
            (Some(images), None, None) => Index::of(&images.0, &raw.media_type).map(Self::Index),
            (None, Some(config), Some(layers)) => {
                Manifest::of(&config, &layers.0, &raw.media_type).map(Self::Manifest)
            }
            // One that is both would be one thing to us and another to those who checked it.
            (Some(_), _, _) => Err("an index and a manifest at once".to_owned()),
            (None, _, _) => Err("neither an index nor a manifest".to_owned()),
        }
    }
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        match Document::parse(bytes)? {
            Document::Index(index) => Ok(index),
            Document::Manifest(_) => Err("a manifest, and not an index".to_owned()),
        }
    }

    fn of(images: &[RawDescriptor], media_type: &str) -> Result<Self, String> {
        let is_known = [
            "",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
        ]
        .contains(&media_type);
        if !is_known {
            return Err(format!("of the type {:?}", crate::error::line(media_type)));
        }
        let images = images
            .iter()
            .map(|image| Ok((image.checked()?, image.platform.clone())));
        Ok(Self(images.collect::<Result<_, String>>()?))
    }

    /// The image that runs best; of equal ones the first.
    ///
    /// # Errors
    /// When none runs: the machines that there are images for.
    pub fn choose(&self, platform: &Platform) -> Result<&Descriptor, String> {
        let mut best: Option<(u8, &Descriptor)> = None;
        for (image, described) in &self.0 {
            let fit = match described {
                Some(described) => platform.fit(described),
                // One that does not say is better than none; its configuration will say.
                None => Some(0),
            };
            if let Some(fit) = fit
                && best.is_none_or(|(other, _)| fit > other)
            {
                best = Some((fit, image));
            }
        }
        if let Some((_, image)) = best {
            return Ok(image);
        }
        let mut there: Vec<String> = self
            .0
            .iter()
            .filter_map(|(_, other)| other.as_ref().map(ToString::to_string))
            .collect();
        // Attestations lie beside images under this name.
        there.retain(|name| name != "unknown/unknown");
        there.sort_unstable();
        there.dedup();
        if there.is_empty() {
            return Err("no machine at all".to_owned());
        }
        Err(crate::error::line(&there.join(", ")))
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        match Document::parse(bytes)? {
            Document::Manifest(manifest) => Ok(manifest),
            Document::Index(_) => Err("an index, and not a manifest".to_owned()),
        }
    }

    fn of(
        config: &RawDescriptor,
        layers: &[RawDescriptor],
        media_type: &str,
    ) -> Result<Self, String> {
        let is_known = [
            "",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ]
        .contains(&media_type);
        if !is_known {
            return Err(format!("of the type {:?}", crate::error::line(media_type)));
        }
        let is_image = [
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.container.image.v1+json",
        ]
        .contains(&config.media_type.as_str());
        if !is_image {
            let shown = crate::error::line(&config.media_type);
            return Err(format!(
                "its configuration is {shown:?}, and so it is no container image"
            ));
        }
        let layer = |layer: &RawDescriptor| {
            let packing = packing(&layer.media_type).ok_or_else(|| {
                format!(
                    "{:?} is no layer that is known",
                    crate::error::line(&layer.media_type)
                )
            })?;
            Ok((layer.checked()?, packing))
        };
        Ok(Self {
            configuration: config.checked()?,
            layers: layers.iter().map(layer).collect::<Result<_, String>>()?,
        })
    }
}

/// The packing of a layer. Foreign ones ("nondistributable") have no blob, encrypted ones no use.
fn packing(media_type: &str) -> Option<Packing> {
    match media_type {
        "application/vnd.oci.image.layer.v1.tar"
        | "application/vnd.docker.image.rootfs.diff.tar" => Some(Packing::Plain),
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Some(Packing::Gzip),
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Some(Packing::Zstandard),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn digest(of: &str) -> String {
        Digest::of(of.as_bytes()).to_string()
    }

    fn manifest(kind: &str) -> Value {
        let (manifest, config, layer) = match kind {
            "oci" => (
                "oci.image.manifest.v1+json",
                "oci.image.config.v1+json",
                "oci.image.layer.v1.tar+zstd",
            ),
            _ => (
                "docker.distribution.manifest.v2+json",
                "docker.container.image.v1+json",
                "docker.image.rootfs.diff.tar.gzip",
            ),
        };
        json!({
            "schemaVersion": 2,
            "mediaType": format!("application/vnd.{manifest}"),
            "config": { "mediaType": format!("application/vnd.{config}"), "digest": digest("c"), "size": 1 },
            "layers": [{ "mediaType": format!("application/vnd.{layer}"), "digest": digest("l"), "size": 2 }],
        })
    }

    fn index(platforms: &[Value]) -> Index {
        let images: Vec<Value> = platforms
            .iter()
            .enumerate()
            .map(|(number, platform)| json!({ "digest": digest(&number.to_string()), "size": number, "platform": platform }))
            .collect();
        let text = json!({ "schemaVersion": 2, "manifests": images }).to_string();
        Index::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn both_kinds_of_manifests_are_read() {
        for (kind, packing) in [("oci", Packing::Zstandard), ("docker", Packing::Gzip)] {
            let read = Manifest::parse(manifest(kind).to_string().as_bytes()).unwrap();
            let layer = Descriptor {
                digest: Digest::of(b"l"),
                size: 2,
            };
            assert_eq!(read.configuration.digest, Digest::of(b"c"));
            assert_eq!(read.layers, [(layer, packing)]);
        }
    }

    #[test]
    fn the_best_image_for_a_machine_is_chosen() {
        let index = index(&[
            json!({ "os": "unknown", "architecture": "unknown" }),
            json!({ "os": "linux", "architecture": "amd64" }),
            json!({ "os": "linux", "architecture": "amd64", "variant": "v3" }),
            json!({ "os": "linux", "architecture": "arm64", "variant": "v8" }),
            json!({ "os": "linux", "architecture": "amd64" }),
            json!({ "os": "windows", "architecture": "amd64" }),
        ]);
        for (platform, number) in [("amd64", 1), ("amd64/v2", 1), ("amd64/v4", 2), ("arm64", 3)] {
            let chosen = index.choose(&Platform::parse(platform).unwrap()).unwrap();
            assert_eq!(chosen.size, number, "{platform}");
        }
    }

    #[test]
    fn an_index_without_one_names_those_that_there_are() {
        let index = index(&[
            json!({ "os": "unknown", "architecture": "unknown" }),
            json!({ "os": "linux", "architecture": "s390x" }),
            json!({ "os": "linux", "architecture": "arm", "variant": "v7" }),
        ]);
        assert_eq!(
            index.choose(&Platform::amd64()).unwrap_err(),
            "linux/arm/v7, linux/s390x"
        );
        assert_eq!(
            Index(Vec::new()).choose(&Platform::amd64()).unwrap_err(),
            "no machine at all"
        );
    }

    #[test]
    fn documents_that_are_not_what_they_say_are_refused() {
        let with = |key: &str, value: Value| {
            let mut changed = manifest("oci");
            changed[key] = value;
            changed
        };
        let layer = manifest("oci")["layers"][0].clone();
        let layer_of = |media_type: &str| {
            let mut layer = layer.clone();
            layer["mediaType"] = json!(media_type);
            with("layers", json!([layer]))
        };
        let artifact = {
            let mut changed = manifest("oci");
            changed["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json");
            changed
        };
        let wrong_digest = {
            let mut changed = manifest("oci");
            changed["config"]["digest"] = json!("sha256:../../etc");
            changed
        };
        for (document, said) in [
            (json!({}), "schemaVersion"),
            (json!("a"), "invalid type"),
            (json!({ "schemaVersion": 2 }), "neither an index nor"),
            (with("schemaVersion", json!(1)), "schema 1"),
            (with("schemaVersion", json!(-2)), "invalid value"),
            (with("manifests", json!([])), "at once"),
            (with("mediaType", json!("text/html")), "text/html"),
            (
                with("layers", json!(vec![layer.clone(); LAYERS_MAX + 1])),
                "more than 256",
            ),
            (with("layers", json!("a")), "list of up to 256"),
            (
                with("layers", json!([{ "digest": 1, "size": 2 }])),
                "invalid type",
            ),
            (
                layer_of("application/vnd.oci.image.layer.nondistributable.v1.tar"),
                "no layer",
            ),
            (
                layer_of("application/vnd.oci.image.layer.v1.tar+encrypted"),
                "no layer",
            ),
            (layer_of(""), "no layer"),
            (artifact, "no container image"),
            (wrong_digest, "not a digest"),
        ] {
            let error = Document::parse(document.to_string().as_bytes()).unwrap_err();
            assert!(error.contains(said), "{document}: {error}");
        }
        assert!(Document::parse(&vec![b' '; DOCUMENT_MAX + 1]).is_err());
        let deep = "[".repeat(100_000);
        assert!(Document::parse(deep.as_bytes()).is_err());
    }
}
