// SPDX-License-Identifier: MPL-2.0
//! A reply on its way to a client: the body that is written.
//!
//! Owns: that a connection is not idle, and counted, while it has one.
//! Never: knows what is in it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::activity::Busy;
use crate::clients::Places;
use crate::reply::Reply;
use crate::tab::Tab;
use crate::unread::Account;

/// A body.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// `None`: there is nothing to be read.
    tab: Option<Tab>,
    // Dropped with the body: the call is over then.
    _busy: Busy,
}

impl Delivery {
    /// `place` is what the call has of those that there are, until its last byte has left.
    pub(crate) fn new(
        reply: Reply,
        busy: Busy,
        place: Option<Places>,
        account: &Arc<Account>,
    ) -> Self {
        let tab = (!matches!(reply, Reply::Empty)).then(|| Tab::open(account, reply, place));
        Self { tab, _busy: busy }
    }
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &self.tab {
            Some(tab) => tab.read(cx).map(|frame| frame.map(Ok)),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.tab.as_ref().is_none_or(Tab::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.tab {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}
