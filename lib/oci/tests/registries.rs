// SPDX-License-Identifier: MPL-2.0
//! The client against Debian's registry, and against one that lies, hangs and leads astray.
//!
//! Owns: what every fault of a registry looks like to whoever pulls.
//! Never: needs a network.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

#[path = "registries/bed.rs"]
mod bed;
#[path = "registries/blobs.rs"]
mod blobs;
#[path = "registries/credentials.rs"]
mod credentials;
#[path = "registries/documents.rs"]
mod documents;
#[path = "registries/liars.rs"]
mod liars;
#[path = "registries/pulls.rs"]
mod pulls;
