// SPDX-License-Identifier: MPL-2.0
//! What a watch begins with, as a client asks for it.
//!
//! Owns: which wishes go together, and how one that cannot be granted is refused.
//! Never: passes over one: who asks for what came before and gets less would not know.

use ::api::cosi::resource::WatchOptions;
use resource::{Bookmark, Bootstrap, Forgotten};
use tonic::Status;

/// What a watch begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// What the store has.
    With(Bootstrap),
    /// What came after the end of another watch.
    After(Bookmark),
}

/// Reads what a client asks for.
///
/// # Errors
/// It asks for two things, or for what there is not.
pub(super) fn read(options: &WatchOptions, is_of_one: bool) -> Result<Begin, Status> {
    let tail = usize::try_from(options.tail_events)
        .map_err(|_| Status::invalid_argument("tail_events: must not be below zero"))?;
    match (
        options.bootstrap_contents,
        tail,
        &options.start_from_bookmark,
    ) {
        (false, 0, None) => Ok(Begin::With(Bootstrap::Nothing)),
        (false, 0, Some(bytes)) => Bookmark::parse(bytes)
            .map(Begin::After)
            .ok_or_else(|| refused(Forgotten)),
        (false, tail, None) => Ok(Begin::With(Bootstrap::Tail(tail))),
        (true, 0, None) if is_of_one => Err(Status::unimplemented(
            "bootstrap_contents: a watch of one resource begins with it anyway",
        )),
        (true, 0, None) => Ok(Begin::With(Bootstrap::Contents)),
        (true, _, _) | (false, _, Some(_)) => Err(Status::invalid_argument(
            "only one of bootstrap_contents, tail_events and start_from_bookmark can be used",
        )),
    }
}

/// The answer to a bookmark that is none, or none any more: its client begins again.
pub(super) fn refused(why: Forgotten) -> Status {
    Status::failed_precondition(format!("start_from_bookmark: {why}"))
}
