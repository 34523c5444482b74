// SPDX-License-Identifier: MPL-2.0
//! The body of a reply to a client.
//!
//! Owns: the forms a body can have, and that its end is noticed.
//! Never: ends without a status when a node goes away in the middle.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::activity::Busy;
use crate::answer::Answer;
use crate::gather::Held;
use crate::merge::Merged;
use crate::refused;
use crate::room::with_room;
use crate::unread::{Account, Tab};

/// A body.
#[derive(Debug)]
pub(crate) struct Reply {
    form: Form,
    /// What its connection has not read of it.
    tab: Option<Tab>,
    // Dropped with the body: the call is over then.
    _busy: Option<Busy>,
}

#[derive(Debug)]
enum Form {
    /// Nothing: what is to be said is in the headers.
    Empty,
    /// A frame that is made already, then trailers.
    Ready {
        frame: Option<Bytes>,
        trailers: Option<HeaderMap>,
    },
    /// What a node says, untouched.
    Passing(Box<Answer>),
    /// What several nodes say, labelled.
    Merged(Box<Merged>),
}

impl Reply {
    pub(crate) fn empty() -> Self {
        Self::of(Form::Empty)
    }

    pub(crate) fn ready((frame, room): Held) -> Self {
        Self::of(Form::Ready {
            frame: Some(with_room(frame, room)),
            trailers: Some(refused::success()),
        })
    }

    pub(crate) fn passing(answer: Answer) -> Self {
        Self::of(Form::Passing(Box::new(answer)))
    }

    pub(crate) fn merged(merged: Merged) -> Self {
        Self::of(Form::Merged(Box::new(merged)))
    }

    fn of(form: Form) -> Self {
        Self {
            form,
            tab: None,
            _busy: None,
        }
    }

    /// Keeps the connection from being idle until the body is gone, and counts what is not read of it.
    pub(crate) fn held_by(self, busy: Busy, account: &Arc<Account>) -> Self {
        let tab = match &self.form {
            // Nothing to be read.
            Form::Empty => None,
            Form::Ready { frame, .. } => Some(account.tab(frame.as_ref().map_or(0, Bytes::len))),
            Form::Passing(_) | Form::Merged(_) => Some(account.tab(0)),
        };
        Self {
            form: self.form,
            tab,
            _busy: Some(busy),
        }
    }
}

impl Form {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let frame = match self {
            Self::Empty => None,
            Self::Ready { frame, trailers } => match frame.take() {
                Some(frame) => Some(Frame::data(frame)),
                None => trailers.take().map(Frame::trailers),
            },
            Self::Passing(answer) => match ready!(answer.poll_frame(cx)) {
                Some(Ok(frame)) => Some(frame),
                Some(Err(refused)) => {
                    *self = Self::Empty;
                    Some(Frame::trailers(refused.trailers()))
                }
                None => None,
            },
            Self::Merged(merged) => ready!(merged.poll(cx)),
        };
        Poll::Ready(frame)
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { form, tab, .. } = &mut *self;
        let frame = match tab {
            Some(tab) => ready!(tab.read(cx, |cx| form.poll(cx))),
            None => ready!(form.poll(cx)),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Empty => true,
            Form::Ready { frame, trailers } => frame.is_none() && trailers.is_none(),
            Form::Passing(answer) => answer.is_end_stream(),
            Form::Merged(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Empty => SizeHint::with_exact(0),
            // A length in the headers would be wrong: trailers follow.
            Form::Ready { .. } | Form::Passing(_) | Form::Merged(_) => SizeHint::default(),
        }
    }
}
