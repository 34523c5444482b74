// SPDX-License-Identifier: MPL-2.0
//! The body of a reply to a client.
//!
//! Owns: the forms a body can have, and that its end is noticed.
//! Never: ends without a status when machined goes away in the middle.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::connection::Busy;
use crate::relabel::Labelled;
use crate::upstream;

/// A body.
#[derive(Debug)]
pub(crate) struct Reply {
    form: Form,
    // Dropped with the body: the call is over then.
    _busy: Option<Busy>,
}

#[derive(Debug)]
enum Form {
    /// Nothing: what is to be said is in the headers.
    Empty,
    /// Frames that are made already, then trailers.
    Ready(VecDeque<Bytes>, Option<HeaderMap>),
    /// What machined says, untouched.
    Passing(Incoming),
    /// What machined says, labelled.
    Labelled(Box<Labelled>),
}

impl Reply {
    pub(crate) fn empty() -> Self {
        Self::of(Form::Empty)
    }

    pub(crate) fn ready(frames: VecDeque<Bytes>, trailers: HeaderMap) -> Self {
        Self::of(Form::Ready(frames, Some(trailers)))
    }

    pub(crate) fn passing(upstream: Incoming) -> Self {
        Self::of(Form::Passing(upstream))
    }

    pub(crate) fn labelled(labelled: Labelled) -> Self {
        Self::of(Form::Labelled(Box::new(labelled)))
    }

    fn of(form: Form) -> Self {
        Self { form, _busy: None }
    }

    /// Keeps the connection from being idle until the body is gone.
    pub(crate) fn held_by(self, busy: Busy) -> Self {
        Self {
            _busy: Some(busy),
            ..self
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut self.form {
            Form::Empty => None,
            Form::Ready(frames, trailers) => match frames.pop_front() {
                Some(frame) => Some(Frame::data(frame)),
                None => trailers.take().map(Frame::trailers),
            },
            Form::Passing(upstream) => match ready!(Pin::new(upstream).poll_frame(cx)) {
                Some(Ok(frame)) => Some(frame),
                Some(Err(_)) => {
                    self.form = Form::Empty;
                    Some(Frame::trailers(upstream::interrupted().trailers()))
                }
                None => None,
            },
            Form::Labelled(labelled) => ready!(labelled.poll(cx)),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Empty => true,
            Form::Ready(frames, trailers) => frames.is_empty() && trailers.is_none(),
            Form::Passing(upstream) => upstream.is_end_stream(),
            Form::Labelled(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.form {
            Form::Empty => SizeHint::with_exact(0),
            // A length in the headers would be wrong: trailers follow.
            Form::Ready(..) | Form::Passing(_) | Form::Labelled(_) => SizeHint::default(),
        }
    }
}
