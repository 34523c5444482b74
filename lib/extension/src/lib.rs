// SPDX-License-Identifier: MPL-2.0
//! System extensions: what they are, whether one is sound, and how it becomes a layer of the root.
//!
//! Owns: manifests, the images they come in, and the rules of what may be in one.
//! Never: unpacks anything into a folder, or trusts a name, a length or a digest that it is given.
#![forbid(unsafe_code)]

pub mod constraint;
pub mod manifest;
mod problem;
mod yaml;

pub use problem::Problem;
