// SPDX-License-Identifier: MPL-2.0
//! What a container sees and can do, seen from inside, and that nothing of it is left outside.
//!
//! Every test has a mount namespace of its own, in which all mounts are shared, as on a node.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attacks;
mod image;
mod image_attacks;
mod image_limits;
mod image_roots;
mod kernel_file_systems;
mod mounts;
mod node;
mod paths;
mod propagation;
mod roots;
mod speed;

#[path = "../sandboxed/mod.rs"]
mod sandboxed;
