// SPDX-License-Identifier: MPL-2.0
//! What machined promises, seen from its sockets.
//!
//! Owns: the list of the parts.
//! Never: looks inside machined.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod api;
mod applying;
mod containers;
mod copying;
mod dead_mount;
mod door;
mod event_sink;
mod extensions;
mod first;
mod following;
mod front;
mod generating;
mod health;
mod images;
mod life;
mod logbook;
mod looking;
mod metrics;
mod node;
mod process;
mod shipping;
mod source;
mod staging;
mod stand_ins;
mod state;
mod trials;
mod trust;
