// SPDX-License-Identifier: MPL-2.0
//! From a reference to an image: its manifest and its configuration, from whichever place has the right ones.
//!
//! Owns: the order of documents, and what a place that lies costs: its turn.
//! Never: takes a document whose digest is not the one that was asked for.

use http::header::HeaderName;
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::digest::Digest;
use crate::documents::{DOCUMENT_MAX, Descriptor, Document, Manifest};
use crate::endpoint::Endpoint;
use crate::error::{Cause, Error};
use crate::image::{Configuration, Image, Misfit};
use crate::platform::Platform;
use crate::reference::Reference;

/// What the registry says that the digest is.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A document, as it is asked for.
struct Wanted {
    /// Where it is in a repository.
    path: String,
    /// What it is called in errors.
    name: &'static str,
    /// Its digest, where something says which.
    digest: Option<Digest>,
}

/// A document of which nothing is known but that its digest is right, and the place that had it.
type Found = (Vec<u8>, String);

impl Client {
    /// Finds the image of a reference for a machine: its manifest and its configuration. A place whose
    /// answer leads to none is passed over for the next.
    ///
    /// # Errors
    /// When it is nowhere, not for that machine, or not what the reference pins it to; what each place said.
    pub async fn resolve(
        &mut self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Image, Error> {
        let wanted = Wanted {
            path: format!("manifests/{}", reference.wanted()),
            name: "manifest",
            digest: reference.digest(),
        };
        let endpoints = self.endpoints(reference)?;
        // The places together get no more time for their images than for their manifests alone.
        let count = u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
        let limit = self.patience.document.saturating_mul(count);
        let begun = Instant::now();
        let mut causes = Vec::new();
        for (left, (number, endpoint)) in (0..endpoints.len()).rev().zip(&endpoints) {
            let place = endpoint.base.to_string();
            let bytes = match self.at(endpoint, reference, &wanted, left).await {
                Ok(bytes) => bytes,
                Err(cause) => {
                    causes.push((place, cause));
                    continue;
                }
            };
            self.last.insert(reference.registry().to_owned(), *number);
            let found = (bytes, place);
            match self.image(reference, platform, found).await {
                Ok(image) => return Ok(image),
                Err(error) => causes.extend(error.causes),
            }
            // With a digest, another place could only send the same.
            if wanted.digest.is_some() || begun.elapsed() > limit {
                break;
            }
        }
        Err(Error::of(reference, causes))
    }

    /// The image that a document leads to.
    async fn image(
        &mut self,
        reference: &Reference,
        platform: &Platform,
        (bytes, place): Found,
    ) -> Result<Image, Error> {
        let digest = Digest::of(&bytes);
        let wrong =
            |place: &str, cause: Cause| Error::of(reference, vec![(place.to_owned(), cause)]);
        let malformed =
            |place: &str, why: String| wrong(place, Cause::Malformed("manifest".to_owned(), why));
        let document = Document::parse(&bytes).map_err(|why| malformed(&place, why))?;
        drop(bytes);
        let (manifest, id, place) = match document {
            Document::Manifest(manifest) => (manifest, digest, place),
            Document::Index(index) => {
                let chosen = index.choose(platform).map_err(|there| {
                    wrong(&place, Cause::NoPlatform(platform.to_string(), there))
                })?;
                let (bytes, place) = self
                    .described(reference, "manifests", "manifest", chosen)
                    .await?;
                // An index in an index is made by nobody, and could go on for ever.
                let manifest = Manifest::parse(&bytes).map_err(|why| malformed(&place, why))?;
                (manifest, chosen.digest, place)
            }
        };
        let (bytes, _) = self
            .described(reference, "blobs", "configuration", &manifest.configuration)
            .await?;
        let (configuration, layers) =
            Configuration::parse(&bytes, &manifest, platform).map_err(|misfit| match misfit {
                Misfit::Malformed(why) => {
                    wrong(&place, Cause::Malformed("configuration".to_owned(), why))
                }
                Misfit::Platform(there) => {
                    wrong(&place, Cause::NoPlatform(platform.to_string(), there))
                }
            })?;
        Ok(Image {
            reference: reference.clone(),
            digest,
            manifest: id,
            configuration,
            layers,
        })
    }

    /// A document that a descriptor names, from the first place that has it.
    async fn described(
        &mut self,
        reference: &Reference,
        folder: &str,
        name: &'static str,
        descriptor: &Descriptor,
    ) -> Result<Found, Error> {
        let wanted = Wanted {
            path: format!("{folder}/{}", descriptor.digest),
            name,
            digest: Some(descriptor.digest),
        };
        let endpoints = self.endpoints(reference)?;
        let mut causes = Vec::new();
        for (left, (number, endpoint)) in (0..endpoints.len()).rev().zip(&endpoints) {
            let place = endpoint.base.to_string();
            match self.at(endpoint, reference, &wanted, left).await {
                Ok(bytes) if bytes.len() as u64 == descriptor.size => {
                    self.last.insert(reference.registry().to_owned(), *number);
                    return Ok((bytes, place));
                }
                // What has the digest has this length everywhere: what names another one is wrong.
                Ok(_) => {
                    let what = name.to_owned();
                    let wanted = descriptor.size;
                    causes.push((place, Cause::WrongLength { what, wanted }));
                    break;
                }
                Err(cause) => causes.push((place, cause)),
            }
        }
        Err(Error::of(reference, causes))
    }

    /// A document from one place, tried again while that may help. `left` places can be asked after it.
    async fn at(
        &mut self,
        endpoint: &Endpoint,
        reference: &Reference,
        wanted: &Wanted,
        left: usize,
    ) -> Result<Vec<u8>, Cause> {
        let limit = self.patience.document;
        let tries = async {
            let mut tried: u32 = 0;
            loop {
                tried = tried.saturating_add(1);
                let cause = match self.try_document(endpoint, reference, wanted).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(cause) => cause,
                };
                self.pause(cause, tried, left).await?;
            }
        };
        let late = |_| Cause::TimedOut("for a document", limit);
        timeout(limit, tries).await.map_err(late)?
    }

    async fn try_document(
        &mut self,
        endpoint: &Endpoint,
        reference: &Reference,
        wanted: &Wanted,
    ) -> Result<Vec<u8>, Cause> {
        let name = wanted.name;
        let mut answer = self
            .get(endpoint, reference.repository(), &wanted.path, name, 0)
            .await?;
        let bytes = answer.document(name, DOCUMENT_MAX).await?;
        let found = Digest::of(&bytes);
        // What a registry says of a tag, it must keep to.
        let told = answer.header(&CONTENT_DIGEST).and_then(Digest::parse);
        match wanted.digest.or(told) {
            Some(wanted) if wanted != found => Err(Cause::WrongDigest {
                what: name.to_owned(),
                wanted,
                found,
            }),
            Some(_) | None => Ok(bytes),
        }
    }
}
