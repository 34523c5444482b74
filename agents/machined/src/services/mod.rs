// SPDX-License-Identifier: MPL-2.0
//! The services as operators see them.
//!
//! Owns: the list, each one's state name, history, health and standing, and which ones may be controlled.
//! Never: starts or stops one; init does.

mod agent;
mod book;
pub(crate) mod health;
mod judgement;

pub(crate) use agent::{Agent, start};
pub(crate) use book::{Book, Change, Entry, Health};
pub(crate) use judgement::{Standing, is_the_machines, required, troubles};

use crate::{containers, extensions};

/// The services that no node can be without.
pub(crate) const CORE: &[&str] = &["apid", "logd", "machined", "netd", "udevd"];
/// The one that nodes have which sign for others.
pub(crate) const TRUSTD: &str = "trustd";

/// What an operator may do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
}

impl Verb {
    /// The word in messages.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// Says whether the API may do that with the service. Without its core services a node could not
/// be reached again, so only extension services and containers are the operator's.
#[must_use]
pub(crate) fn may_control(id: &str, _verb: Verb) -> bool {
    is_the_operators(id)
}

/// Says whether a service is an extension's or a container.
fn is_the_operators(id: &str) -> bool {
    id.starts_with(extensions::PREFIX) || id.starts_with(containers::PREFIX)
}
