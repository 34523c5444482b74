// SPDX-License-Identifier: MPL-2.0
//! What is answered to a client.
//!
//! Owns: the forms a reply can have, and that its end is noticed.
//! Never: ends without a status when a node goes away in the middle.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;

use crate::answer::Answer;
use crate::gather::Held;
use crate::limits;
use crate::merge::Merged;
use crate::room::with_room;

/// A reply.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Nothing: what is to be said is in the headers, or was said.
    Empty,
    /// A frame that is made already.
    Whole(Bytes),
    /// What a node says, untouched.
    Passing(Box<Answer>),
    /// What several nodes say, labelled.
    Merged(Box<Merged>),
    /// What a test says.
    #[cfg(test)]
    Said(tokio::sync::mpsc::UnboundedReceiver<Bytes>),
}

impl Reply {
    pub(crate) fn whole((frame, room): Held) -> Self {
        Self::Whole(with_room(frame, room))
    }

    pub(crate) fn passing(answer: Answer) -> Self {
        Self::Passing(Box::new(answer))
    }

    pub(crate) fn merged(merged: Merged) -> Self {
        Self::Merged(Box::new(merged))
    }

    /// The next piece of what passes.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let frame = match self {
            Self::Empty | Self::Whole(_) => None,
            Self::Passing(answer) => match ready!(answer.poll_frame(cx)) {
                Some(Ok(frame)) => Some(frame),
                Some(Err(refused)) => {
                    *self = Self::Empty;
                    Some(Frame::trailers(refused.trailers()))
                }
                None => None,
            },
            Self::Merged(merged) => ready!(merged.poll(cx)),
            #[cfg(test)]
            Self::Said(said) => ready!(said.poll_recv(cx)).map(Frame::data),
        };
        if frame.is_none() {
            // What it took is free, though the client may still read what came before.
            *self = Self::Empty;
        }
        Poll::Ready(frame)
    }

    /// How much may have come of it that nobody has looked at: the windows of its calls, `window` bytes of one
    /// to this node, and of each of several nodes a message that is not whole.
    pub(crate) fn unseen_max(&self, window: usize) -> usize {
        match self {
            Self::Empty | Self::Whole(_) => 0,
            Self::Passing(_) => window,
            Self::Merged(merged) => {
                let each = limits::WINDOW.saturating_add(limits::WHOLE_MESSAGE_MAX);
                merged.going_on().saturating_mul(each)
            }
            #[cfg(test)]
            Self::Said(_) => window,
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Passing(answer) => answer.is_end_stream(),
            Self::Whole(_) | Self::Merged(_) => false,
            #[cfg(test)]
            Self::Said(_) => false,
        }
    }
}
