// SPDX-License-Identifier: MPL-2.0
//! What nodes do, live on a terminal: an overview, what they are busy with, what they say.
//!
//! Owns: what is asked of a node, what is remembered of the answers, and where it stands on the screen.
//! Never: changes a node, or connects to one by itself: its caller knows the way.
#![forbid(unsafe_code)]

mod facts;
mod keys;
mod live;
mod model;
mod rates;
mod ring;
mod sample;
mod serve;
mod terminal;
mod units;
mod view;

pub use live::run;
pub use model::Seat;
pub use serve::{Dial, Dialled, Source};
