// SPDX-License-Identifier: MPL-2.0
//! Looking at the node's files for a client: what is there, what is in it, how much it takes.
//!
//! A disk may take minutes to answer and a file may never end, so each client has a thread for as
//! long as it looks, and there are only so many. A thread waits for its client alone, and ends when
//! the client is gone.
//!
//! Owns: paths that clients name, the walk through folders, and the threads.
//! Never: follows a link that stands in a folder, opens what is not a file or a folder, or holds
//! more than a bounded part of anything.

mod asked;
mod copy;
mod list;
mod read;
mod slots;
mod tar;
mod usage;
mod walk;

pub(crate) use asked::Asked;
pub(crate) use copy::copy;
pub(crate) use list::{Kinds, list};
pub(crate) use read::read;
pub(crate) use slots::{Held, Look, SLOTS_MAX, Slots};
pub(crate) use tar::archive_of;
pub(crate) use usage::{Told, usage};
