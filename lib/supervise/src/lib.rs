// SPDX-License-Identifier: MPL-2.0
//! The life of a service as a pure state machine, and the order in which services start and stop.
//!
//! Owns: when a service starts, stops, is killed and starts again, and after whom.
//! Never: reads a clock, makes a process, or opens a file; the caller carries out each `Action`.
#![no_std]
#![forbid(unsafe_code)]

pub mod order;
mod service;

pub use service::{Action, Event, How, Policy, Ready, Restart, Service, State};
