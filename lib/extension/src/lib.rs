// SPDX-License-Identifier: MPL-2.0
//! System extensions: what they are, whether one is sound, and how it becomes a layer of the root; and the
//! same of container images, which are roots of their own.
//!
//! Owns: manifests, the images they come in, and the rules of what may be in one.
//! Never: unpacks anything into a folder, or trusts a name, a length or a digest that it is given.
#![forbid(unsafe_code)]

mod arch;
mod assembly;
pub mod constraint;
pub mod container;
mod digest;
mod elf;
mod extension;
mod files;
mod folder;
pub mod index;
mod layer;
mod limits;
pub mod list;
pub mod manifest;
pub mod modules;
mod oci;
pub mod pack;
mod path;
mod problem;
mod rules;
pub mod services;
mod spool;
pub mod tar;
mod tar_write;
mod unpack;
mod yaml;

pub use arch::Arch;
pub use assembly::{Assembly, unnamed};
pub use extension::Extension;
pub use index::Index;
pub use limits::{BYTES_MAX, ENTRIES_MAX};
pub use manifest::Manifest;
pub use modules::Modules;
pub use problem::Problem;
