// SPDX-License-Identifier: MPL-2.0
//! Images as builders make them, and as nobody should.
//!
//! Owns: that what is sound is read the same whatever it comes as, and that what is hostile is refused
//! by name.
//! Never: leaves anything outside of the folders that it was given.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

#[path = "images/containers.rs"]
mod containers;
#[path = "images/forge.rs"]
mod forge;
#[path = "images/hostile.rs"]
mod hostile;
#[path = "images/mutated.rs"]
mod mutated;
#[path = "images/sound.rs"]
mod sound;
