// SPDX-License-Identifier: MPL-2.0
//! Registries for tests, on loopback: a real one, and one that does what it is told.
//!
//! Owns: starting and ending them, small images, and pushing those.
//! Never: is reached from outside, outlives the test, or waits without a deadline.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends where it stands"
)]

mod faulty;
mod http;
mod real;
mod sample;

pub use faulty::{Asked, Faulty, Wire};
pub use http::{Said, ask};
pub use real::{PASSWORD, Real, Setup, USER};
pub use sample::{Form, Sample, digest, index};
