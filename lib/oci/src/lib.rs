// SPDX-License-Identifier: MPL-2.0
//! The registry client: from a reference to a checked manifest, a configuration, and layers as streams.
//!
//! ```no_run
//! # async fn pull(mut out: std::fs::File) -> Result<(), Box<dyn std::error::Error>> {
//! let reference = oci::Reference::parse("ghcr.io/siderolabs/hello:v1")?;
//! let mut client = oci::Client::new(oci::Registries::default(), oci::Patience::default())?;
//! let image = client.resolve(&reference, &oci::Platform::amd64()).await?;
//! for layer in &image.layers {
//!     client.fetch(&image, layer, &mut out, |_| ()).await?;
//! }
//! # Ok(()) }
//! ```
//!
//! Owns: references, which registry is asked and how it is trusted, and that what comes is what was meant.
//! Never: opens a file, unpacks a layer, holds one in memory, or prints a secret.
#![forbid(unsafe_code)]

mod answer;
mod challenge;
mod client;
mod connect;
mod digest;
mod documents;
mod endpoint;
mod error;
mod fetch;
mod image;
mod patience;
mod platform;
mod reference;
mod resolve;
mod retry_after;
mod settings;
mod target;
mod tls;
mod token;

pub use challenge::Challenge;
pub use client::Client;
pub use digest::{Digest, Sum};
pub use documents::{Descriptor, Index, Manifest, Packing};
pub use error::{Cause, Error};
pub use image::{Configuration, Image, Layer, Run};
pub use patience::Patience;
pub use platform::Platform;
pub use reference::{BadReference, Reference};
pub use settings::{Auth, Identity, Mirror, Registries, Registry, Tls};
