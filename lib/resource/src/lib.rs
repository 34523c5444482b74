// SPDX-License-Identifier: MPL-2.0
//! Resources: what the node knows, who may say it, and what follows from it.
//!
//! A [`Store`] holds every resource of the node; a [`Watch`] tells what changes in it; an
//! [`Engine`] runs controllers: each declares which resources it reads and which it writes, and
//! is a function from the one to the other. Nothing here waits, sleeps or reads a clock: time is
//! an argument, and the caller asks when to come back.
//!
//! Owns: identity, versions, ownership, finalizers, watches, and the loop from inputs to outputs.
//! Never: knows what any type of resource means, or lets two writers at one type of a namespace.
#![forbid(unsafe_code)]

mod bookmark;
mod change;
mod engine;
mod history;
mod kind;
mod news;
mod reconcile;
mod resource;
mod store;
mod watch;

pub use bookmark::{Bookmark, Forgotten};
pub use change::{Change, Deed, Writer};
pub use engine::{Dependency, Engine, Ran, RegisterError, Relation};
pub use history::{HISTORY_MAX, HISTORY_MIN};
pub use kind::{AnySpec, Column, Encoded, Kind, ResourceSpec, Sensitivity};
pub use news::{Event, News};
pub use reconcile::{Action, Body, Controller, Desired, Failure, Input, Output, Strength, View};
pub use resource::{Metadata, Phase, Resource, Typed, Version};
pub use store::{Store, StoreError};
pub use watch::{BACKLOG_MAX, Bootstrap, Filter, Selector, Watch, WatchError};

/// One moment, as two clocks show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the machine started; never goes back. Delays are counted on it.
    pub monotonic: std::time::Duration,
    /// What the calendar says; may jump. Only shown, and compared with other dates.
    pub wall: std::time::SystemTime,
}
