// SPDX-License-Identifier: MPL-2.0
//! A reply that keeps a place until it is gone.
//!
//! Owns: the way of the place from the method to the last byte.
//! Never: looks into the reply.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::browse::Held;

/// Ties the place that a method put into `answer` to its body.
pub(super) fn until_it_is_gone(mut answer: http::Response<Body>) -> http::Response<Body> {
    match answer.extensions_mut().remove::<Held>() {
        None => answer,
        Some(held) => answer.map(|body| Body::new(Holding { body, held })),
    }
}

struct Holding {
    body: Body,
    held: Held,
}

impl Holding {
    /// Who writes a reply takes all of it for the first byte that its client takes, so the place goes with
    /// the bytes.
    fn tie(&self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Tied {
            bytes,
            _held: self.held.clone(),
        })
    }
}

struct Tied {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Tied {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for Holding {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|bytes| self.tie(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
