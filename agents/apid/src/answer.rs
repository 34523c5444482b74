// SPDX-License-Identifier: MPL-2.0
//! The body of a reply on its way from machined or from another node.
//!
//! Owns: what is said when it breaks off, and the places that the call holds until then.
//! Never: looks into it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::peers::{self, Ticket};
use crate::refused::Refused;
use crate::upstream;

/// A body.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Incoming,
    /// The other node that it is from, by the name that the client used; `None`: machined's.
    peer: Option<String>,
    // Dropped with the body: the call is over then.
    _ticket: Option<Ticket>,
}

impl Answer {
    /// From machined.
    pub(crate) fn near(body: Incoming) -> Self {
        Self {
            body,
            peer: None,
            _ticket: None,
        }
    }

    /// From the node `name`.
    pub(crate) fn far(body: Incoming, name: String, ticket: Ticket) -> Self {
        Self {
            body,
            peer: Some(name),
            _ticket: Some(ticket),
        }
    }

    /// The refusal when this breaks off.
    pub(crate) fn interrupted(&self) -> Refused {
        self.peer
            .as_ref()
            .map_or_else(upstream::interrupted, |name| peers::interrupted(name))
    }

    /// The next piece; an error is the end.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|_| self.interrupted())))
    }

    /// Waits for the next piece.
    pub(crate) async fn next(&mut self) -> Option<Result<Frame<Bytes>, Refused>> {
        std::future::poll_fn(|cx| self.poll_frame(cx)).await
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
