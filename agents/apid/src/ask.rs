// SPDX-License-Identifier: MPL-2.0
//! The body of a call, for one node or for several.
//!
//! Owns: the choice between passing it as it comes and holding it.
//! Never: holds more than the limits say; what goes to one node is not held at all.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use api::wire::Code;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::limits;
use crate::question::{Broken, Late, Question};
use crate::refused::Refused;
use crate::room::{Room, with_room};

/// A body on its way to a node.
#[derive(Debug)]
pub(crate) enum Ask {
    /// As it comes from the client.
    Passing(Question<Incoming>),
    /// Whole, because others get it too.
    Held(Option<Whole>),
}

/// A whole body; copies are free, and the room that it takes is given back with the last of them.
#[derive(Clone)]
pub(crate) struct Whole(Bytes);

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a configuration, with keys.
        f.debug_struct("Whole")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

impl Ask {
    /// What will say whether the client was too slow.
    pub(crate) fn late(&self) -> Late {
        match self {
            Self::Passing(question) => question.late(),
            Self::Held(_) => Late::default(),
        }
    }
}

impl Body for Ask {
    type Data = Bytes;
    type Error = Broken<hyper::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Passing(question) => Pin::new(question).poll_frame(cx),
            Self::Held(whole) => Poll::Ready(whole.take().map(|w| Ok(Frame::data(w.0)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Passing(question) => question.is_end_stream(),
            Self::Held(whole) => whole.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Passing(question) => question.size_hint(),
            Self::Held(whole) => {
                let len = whole.as_ref().map_or(0, |whole| whole.0.len());
                SizeHint::with_exact(u64::try_from(len).unwrap_or(u64::MAX))
            }
        }
    }
}

/// Reads a whole body of at most `longest` bytes, for several nodes: the slowest of them must not hold up the
/// others.
pub(crate) async fn hold(
    mut question: Question<Incoming>,
    room: &Room,
    longest: usize,
) -> Result<Whole, Refused> {
    let longest = longest.min(limits::HELD_ONE_MAX);
    let late = question.late();
    let mut permit = room.none()?;
    let mut held = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut question).poll_frame(cx)).await
    {
        let frame = frame.map_err(|_| late.refusal().unwrap_or_else(cut_off))?;
        if let Ok(data) = frame.into_data() {
            if held.len().saturating_add(data.len()) > longest {
                return Err(Refused::new(
                    Code::ResourceExhausted,
                    "the request is too long for several nodes at once: send it to one node at \
                     a time, with metadata `node`",
                ));
            }
            permit.merge(room.take(data.len())?);
            held.extend_from_slice(&data);
        }
    }
    Ok(Whole(with_room(held.freeze(), permit)))
}

fn cut_off() -> Refused {
    // The client that broke off does not read this.
    Refused::new(Code::Unavailable, "the request broke off: send it again")
}
