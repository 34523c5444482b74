// SPDX-License-Identifier: MPL-2.0
//! A connection to machined that is not read while its client has much that it has not read.
//!
//! Owns: that machined is slowed down, and with it whoever makes the client's news.
//! Never: stops what is written.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Sleep, sleep};

use crate::limits;
use crate::unread::Account;

/// Whose the connection is; nobody's until a client has come for it.
pub(crate) type Owner = Arc<OnceLock<Arc<Account>>>;

/// The connection.
#[derive(Debug)]
pub(crate) struct Paced {
    stream: UnixStream,
    owner: Owner,
    /// Until when nothing is read.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(crate) const fn new(stream: UnixStream, owner: Owner) -> Self {
        Self {
            stream,
            owner,
            pause: None,
        }
    }

    /// Waits while its client has too much unread; not for long at a time, because what is not read may be that
    /// machined is there.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let may_read = self
            .owner
            .get()
            .is_none_or(|owner| owner.may_read(cx.waker()));
        if !may_read {
            let pause = self
                .pause
                .get_or_insert_with(|| Box::pin(sleep(limits::PAUSE)));
            ready!(pause.as_mut().poll(cx));
        }
        self.pause = None;
        Poll::Ready(())
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_pause(cx));
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
