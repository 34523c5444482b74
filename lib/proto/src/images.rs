// SPDX-License-Identifier: MPL-2.0
//! What imaged is asked: images of containers. Only user 0 may ask.
//!
//! Owns: the operations of imaged, and what is known of an image that is there.
//! Never: carries credentials; those are in a file that only imaged reads.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::container::GROUPS_MAX;
use crate::service::{ARGS_MAX, ENV_MAX};
use crate::{Greeting, Refusal};

/// The longest message here, in bytes: what is kept, with all references as long as they may be, or
/// what an image says of its program.
pub const MAX_MESSAGE: usize = 40 * 1024;
/// The longest reference of an image, in bytes.
pub const REFERENCE_MAX: usize = 512;
/// The most references that are wanted at a time: as many as init has room for services.
pub const WANTED_MAX: usize = 64;
/// The most images in one [`Page`].
pub const PAGE_MAX: usize = 16;
/// The longest reason, in bytes: one line for each of some registries.
pub const REASON_MAX: usize = 1024;

/// The folder of the store, and of everything that imaged writes.
pub const STORE: &str = "/var/lib/ichor/images";
/// Where imaged listens: in its own folder, because init makes sockets of core services only.
pub const SOCKET: &str = "/var/lib/ichor/images/imaged.sock";
/// What machined says of registries: `machine.registries` as JSON, for imaged's eyes alone.
pub const REGISTRIES: &str = "/run/ichor/imaged/registries.json";

messages! {
    /// What imaged is asked.
    #[expect(clippy::large_enum_variant, reason = "messages live on the stack, without a heap")]
    pub enum Request<'a> {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// Sees to it that an image is there. From then on the connection carries `Progress` until
        /// it carries `Ready` or `Failed`, and then ends; who closes it before calls it off.
        /// Idempotent.
        2 => Ensure(Ensure<'a>),
        /// Says which images are wanted; the others may go. Answer: `Kept`. Idempotent.
        3 => Keep(Keep<'a>),
        /// A page of the images that are there. Answer: `Page`. Idempotent.
        4 => List(PageFrom),
        /// Sees to it that the image is there which a reference means now, because an operator says
        /// so and not a container. The connection is as after `Ensure`, with `Fetched` at its end. Idempotent.
        5 => Fetch(Fetch<'a>),
    }
}

messages! {
    /// What imaged answers and tells.
    #[expect(clippy::large_enum_variant, reason = "messages live on the stack, without a heap")]
    pub enum Reply<'a> {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// How far an image is.
        3 => Progress(Progress<'a>),
        /// The image is there.
        4 => Ready(Ready<'a>),
        /// The image cannot be had as things are; asking again may help.
        5 => Failed(Failed<'a>),
        /// Answers `Keep`.
        6 => Kept(Kept),
        /// Answers `List`.
        7 => Page(Page<'a>),
        /// The image is there that an operator asked for.
        8 => Fetched(Fetched<'a>),
    }
}

/// Which image, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ensure<'a> {
    /// Its reference, as written.
    pub reference: &'a str,
    /// When the registry is asked.
    pub pull: Pull,
    /// The user to look up in it: a name or a number; empty for the image's own.
    pub user: &'a str,
    /// The group, likewise; empty for the user's.
    pub group: &'a str,
    /// What is run, in place of the image's entrypoint; empty for that one.
    #[serde(borrow)]
    pub entrypoint: Vec<&'a str, ARGS_MAX>,
    /// What follows it, in place of the image's command; empty for that one, which belongs to the
    /// image's own entrypoint only.
    #[serde(borrow)]
    pub args: Vec<&'a str, ARGS_MAX>,
}

/// When the registry is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pull {
    /// When no image of the reference is there.
    IfNotPresent,
    /// Always; an image that is there is taken when nobody answers.
    Always,
    /// Never.
    Never,
}

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress<'a> {
    /// What is done now.
    pub stage: Stage,
    /// How much of it is done, of 100.
    pub percent: u8,
    /// What went wrong and is tried again; empty when nothing did.
    pub trouble: &'a str,
}

/// What is done for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Other images come first.
    Queued,
    /// The registry is asked for it.
    Resolving,
    /// Its layers come, and become its root.
    Pulling,
    /// The next try is waited for.
    Waiting,
}

/// What is known of an image that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready<'a> {
    /// Its root, a squashfs.
    pub path: &'a str,
    /// The digest that its reference names, `sha256:…`.
    pub digest: &'a str,
    /// How many bytes its root takes.
    pub size: u64,
    /// The program: a path in it, or a name along its `PATH`.
    pub program: &'a str,
    /// Its arguments.
    #[serde(borrow)]
    pub args: Vec<&'a str, ARGS_MAX>,
    /// `NAME=value` each.
    #[serde(borrow)]
    pub environment: Vec<&'a str, ENV_MAX>,
    /// Where its program begins; empty for `/`.
    pub working_folder: &'a str,
    /// The lowest port that its makers say it listens on; 0 where they say none.
    pub lowest_port: u16,
    /// The user, as the image numbers them.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Groups besides.
    pub groups: Vec<u32, GROUPS_MAX>,
}

/// Why there is no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed<'a> {
    /// One line.
    pub reason: &'a str,
}

/// Which image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch<'a> {
    /// Its reference, as written.
    pub reference: &'a str,
}

/// The image that a reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched<'a> {
    /// The digest that its reference names, `sha256:…`.
    pub digest: &'a str,
    /// How many bytes its root takes.
    pub size: u64,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep<'a> {
    /// References, as written.
    #[serde(borrow)]
    pub references: Vec<&'a str, WANTED_MAX>,
    /// The roots that containers run with, as `Ready` told them. `None` when some are not known:
    /// then an image stays that a reference of these meant before.
    #[serde(borrow)]
    pub roots: Option<Vec<&'a str, WANTED_MAX>>,
}

/// What became of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How many images were removed.
    pub removed: u16,
    /// How many bytes that gave back.
    pub bytes: u64,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFrom {
    /// The number of its first image, from 0.
    pub index: u16,
}

/// Some images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<'a> {
    /// How many there are in all.
    pub total: u16,
    /// Those of this page.
    #[serde(borrow)]
    pub images: Vec<Known<'a>, PAGE_MAX>,
}

/// An image that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known<'a> {
    /// The reference that it was asked for with.
    pub reference: &'a str,
    /// Its digest.
    pub digest: &'a str,
    /// How many bytes its root takes.
    pub size: u64,
    /// When it came, in seconds of UNIX time.
    pub created_at: u64,
}
