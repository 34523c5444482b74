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
mod capturing;
mod clients;
mod clocks;
mod cluster_health;
mod configurations;
mod containers;
mod controllers;
mod copying;
mod dead_mount;
mod disks;
mod door;
mod event_sink;
mod extensions;
mod first;
mod following;
mod front;
mod generating;
mod health;
mod images;
mod joining;
mod kubeconfig;
mod life;
mod logbook;
mod looking;
mod metrics;
mod node;
mod own_containers;
mod process;
mod reading;
mod shipping;
mod source;
mod staging;
mod stand_ins;
mod state;
mod trials;
mod trust;
