// SPDX-License-Identifier: MPL-2.0
//! What init is asked over `/run/ichor/init.sock`, and what it answers.
//!
//! Who may ask what: user 0 everything; logd's user `Hello` and `Pipes`; nobody else anything.
//!
//! Owns: the operations of the supervisor.
//! Never: carries anything that came from outside the node unchecked; machined lowers
//! configuration to [`ServiceSpec`] first.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::service::{ServiceSpec, ServiceStatus};
use crate::{Greeting, Name, Refusal};

/// How many statuses one page holds.
pub const PAGE_MAX: usize = 16;

/// The most services init knows, core ones included.
pub const SERVICES_MAX: usize = 64;

messages! {
    /// What init is asked.
    #[expect(clippy::large_enum_variant, reason = "messages live on the stack, without a heap")]
    pub enum Request<'a> {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// Lists services from an index on. Answer: `Page`. Idempotent.
        2 => List(ListFrom),
        /// Starts a service that is stopped, finished or failed; ends its back-off delay.
        /// Answer: `Done`. Idempotent: a running service stays as it is.
        3 => Start(Named<'a>),
        /// Stops a service; it stays stopped. Answer: `Done` when it was told, not when it ended.
        /// Idempotent.
        4 => Stop(Named<'a>),
        /// Stops and starts a service. Answer: `Done`. Not idempotent: after a lost reply,
        /// `List` and compare pids first.
        5 => Restart(Named<'a>),
        /// From now on one `Changed` for each service whose status changes. Changes that come
        /// faster than the reader reads are merged. Answer: `Done`, then `Changed` for every
        /// service, then news. Idempotent.
        6 => Subscribe(()),
        /// Makes a service known, stopped, or describes anew one that was defined and has ended.
        /// Answer: `Done`; `Exists` when an active service has the name with another description.
        /// Idempotent: the same description again changes nothing.
        7 => Define(ServiceSpec<'a>),
        /// Forgets a defined service that is not running. Core services cannot be removed
        /// (`NotAllowed`). Answer: `Done`. Idempotent: `NotFound` after a lost reply means done.
        8 => Remove(Named<'a>),
        /// Ends everything: stops services in reverse order, syncs, unmounts, and acts.
        /// Answer: `Done` when it began. Idempotent: a second one changes nothing.
        9 => Down(Action),
        /// From now on one `Pipe` with a descriptor for each service's output: all present ones,
        /// then new ones. Answer: `Done`, then `Pipe`s. Idempotent.
        10 => Pipes(()),
        /// Mounts a volume, if a device with its label is there. Answer: `Mounting`, once the
        /// kernel has decided. Idempotent: a mounted volume stays as it is.
        11 => Mount(Volume),
    }
}

messages! {
    /// What init answers and tells.
    #[expect(clippy::large_enum_variant, reason = "messages live on the stack, without a heap")]
    pub enum Reply {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// It is done, or has begun.
        3 => Done(()),
        /// Answers `List`.
        4 => Page(Page),
        /// News for who subscribed: a service, whole.
        5 => Changed(ServiceStatus),
        /// The read end of a service's output comes with this message (`SCM_RIGHTS`).
        6 => Pipe(PipeOf),
        /// News for who subscribed: the service is no longer known.
        7 => Removed(PipeOf),
        /// Answers `Mount`.
        8 => Mounting(Mounting),
    }
}

/// Which services to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFrom {
    /// The index of the first one, from 0.
    pub index: u16,
}

/// A service by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named<'a> {
    /// The name.
    pub name: &'a str,
}

/// Some of the services, in init's order (core services first, in their start order).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// How many services there are in all.
    pub total: u16,
    /// The statuses from the asked index on.
    pub services: Vec<ServiceStatus, PAGE_MAX>,
}

/// Whose pipe it is, or who was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipeOf {
    /// The service.
    pub name: Name,
}

/// How the machine goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Start again.
    Reboot,
    /// Off.
    PowerOff,
    /// Stop and stay.
    Halt,
}

/// A partition of the machine that init knows where to mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Volume {
    /// Label `STATE`, at `/system/state`: the machine configuration.
    State,
}

/// How it went with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mounting {
    /// It is mounted.
    Done,
    /// It is not, and the errno says why. `ENOENT`: no device has the label; `EINVAL`: there is no
    /// file system on it that the node knows.
    Failed(u8),
}
