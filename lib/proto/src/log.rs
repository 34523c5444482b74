// SPDX-License-Identifier: MPL-2.0
//! What logd is asked over `/run/ichor/logd.sock`. Only user 0 may ask.
//!
//! What services say comes from their pipes; the log [`CONTROLLERS`] alone has its lines from here.
//! The reader pulls: logd keeps nothing for a reader, so a slow one can never hold up a writer.
//! A cursor is the count of bytes ever written to a log before the place it names. Logs hold
//! whole lines; a line longer than [`LINE_MAX`] is cut there.
//!
//! Owns: the operations of the log.
//! Never: blocks a writer.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::{Greeting, Name, Refusal};

/// The log of the kernel's own messages.
pub const KERNEL: &str = "kernel";

/// The log of what programs say with syslog(3).
pub const SYSLOG: &str = "syslogd";

/// The log of what machined's controllers do. It is no service's output: machined has one of its own.
pub const CONTROLLERS: &str = "controller-runtime";

/// Logs that are no service's output; no service has such a name.
pub const NO_SERVICES: [&str; 3] = [KERNEL, SYSLOG, CONTROLLERS];

/// The most logs in one `Grown`: those that are left out come with the next.
pub const GROWN_MAX: usize = 16;

/// The most connections that machined opens for clients which read logs: a hundred that follow some.
pub const CLIENTS_MAX: usize = 128;

/// The most log bytes in one `Chunk`.
pub const CHUNK_MAX: usize = 7 * 1024;

/// The longest line kept, its newline counted, in bytes.
pub const LINE_MAX: usize = 4096;

/// The most bytes in one `Append`: the longest line fits, and it is one turn of logd's.
pub const APPEND_MAX: usize = 4096;

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
        /// As `Read`, with the kernel's lines as they are kept: `[@` and 29 digits in place of the
        /// time of day, 13 of the record's number and 16 of its microseconds since the start.
        /// Answer: `Chunk`. Idempotent.
        6 => Raw(From<'a>),
        /// Which logs have grown since an earlier answer; answered only when there is one. Answer:
        /// `Grown`. Idempotent.
        7 => Grown(Since),
        /// Adds lines to the log [`CONTROLLERS`]. Answer: `Appended`; `Malformed` unless they are whole
        /// lines of [`APPEND_MAX`] bytes at most; `Full` when more has come than a log may be given: ask
        /// again later. Not idempotent: who asks again after a lost reply may have them there twice.
        8 => Append(Lines<'a>),
    }
}

messages! {
    /// What logd answers.
    #[expect(clippy::large_enum_variant, reason = "messages live on the stack, without a heap")]
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
        /// Answers `Grown`.
        6 => Grown(Grown),
        /// Answers `Append`.
        7 => Appended(()),
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
    /// A service's name, or [`KERNEL`], [`SYSLOG`] or [`CONTROLLERS`].
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

/// A moment in the growth of all logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// From the last `Grown`; 0 for the beginning. It means nothing to another logd.
    pub growth: u64,
}

/// Logs that have grown, those that did so longest ago first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// What to ask with next.
    pub growth: u64,
    /// The logs.
    pub logs: Vec<Length, GROWN_MAX>,
}

/// How long a log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// Which log.
    pub name: Name,
    /// The cursor at its end.
    pub end: u64,
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct From<'a> {
    /// Which log.
    pub log: &'a str,
    /// The first byte wanted.
    pub cursor: u64,
}

/// Whole lines, each with its newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
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
