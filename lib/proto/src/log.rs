// SPDX-License-Identifier: MPL-2.0
//! What logd is asked over `/run/ichor/logd.sock`. Only user 0 may ask.
//!
//! The reader pulls: logd keeps nothing for a reader, so a slow one can never hold up a writer.
//! A cursor is the count of bytes ever written to a log before the place it names. Logs hold
//! whole lines; a line longer than [`LINE_MAX`] is cut there.
//!
//! Owns: the operations of the log.
//! Never: blocks a writer.

use serde::{Deserialize, Serialize};

use crate::{Greeting, Name, Refusal};

/// The log of the kernel's own messages.
pub const KERNEL: &str = "kernel";

/// The most log bytes in one `Chunk`.
pub const CHUNK_MAX: usize = 7 * 1024;

/// The longest line kept, its newline counted, in bytes.
pub const LINE_MAX: usize = 4096;

messages! {
    /// What logd is asked.
    pub enum Request<'a> {
        /// Opens a connection. Idempotent.
        1 => Hello(Greeting),
        /// The name of the log at an index. Answer: `Log`, `NotFound` past the end. Idempotent.
        2 => Log(Index),
        /// The last lines of a log: where they begin and end, and as many as fit. Answer: `Begun`.
        /// Idempotent.
        3 => Tail(Tail<'a>),
        /// What a log holds from a cursor on; an empty chunk at its end. Answer: `Chunk`.
        /// Idempotent.
        4 => Read(From<'a>),
        /// As `Read`, but answered only when there is something. Answer: `Chunk`. Idempotent.
        5 => Follow(From<'a>),
    }
}

messages! {
    /// What logd answers.
    pub enum Reply<'a> {
        /// Answers `Hello`.
        1 => Welcome(Greeting),
        /// It is not done, and nothing changed.
        2 => Refused(Refusal),
        /// Answers `Log`.
        3 => Log(LogName),
        /// Answers `Tail`.
        4 => Begun(Begun<'a>),
        /// Answers `Read` and `Follow`.
        5 => Chunk(Chunk<'a>),
    }
}

/// A place in the list of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// From 0.
    pub index: u16,
}

/// A log's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogName {
    /// A service's name, or [`KERNEL`].
    pub name: Name,
}

/// The last lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail<'a> {
    /// Which log.
    pub log: &'a str,
    /// How many lines; `u32::MAX` for all that are kept, 0 for the end.
    pub lines: u32,
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct From<'a> {
    /// Which log.
    pub log: &'a str,
    /// The first byte wanted.
    pub cursor: u64,
}

/// The lines of a log that there were when it was asked for them, the first of them with it: a
/// log can grow so fast that they would be gone when they are read. A reader that is not to wait
/// for more stops at their end: a log can grow faster than it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun<'a> {
    /// The cursor after their last byte.
    pub end: u64,
    /// The first of them.
    #[serde(borrow)]
    pub first: Chunk<'a>,
}

/// A piece of a log, whole lines only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk<'a> {
    /// Where it begins: later than asked when the ring has moved on; the difference is lost.
    pub from: u64,
    /// Where to go on reading.
    pub next: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}
