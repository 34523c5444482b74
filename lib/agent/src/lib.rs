// SPDX-License-Identifier: MPL-2.0
//! What agents that talk to strangers have in common: a porch, lines in the log, and listening to machined.
//!
//! Owns: who may stand before the door, how a flood of lines is cut, and how a subscription is kept.
//! Never: knows what any of them is about.
#![forbid(unsafe_code)]

pub mod journal;
pub mod listen;
pub mod news;
pub mod origin;
pub mod porch;
