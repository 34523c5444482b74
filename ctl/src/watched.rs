// SPDX-License-Identifier: MPL-2.0
//! A TLS stream that remembers why it broke.
//!
//! With TLS 1.3 a client learns only from its first read that the server refused its certificate.
//! By then the stream belongs to HTTP/2, which tells the call no more than "connection reset".
//!
//! Owns: the one error that explains the others.
//! Never: changes what passes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Where the error is found when a call failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause(Arc<Mutex<Option<rustls::Error>>>);

impl Cause {
    /// The TLS error that broke the stream, if one did.
    pub(crate) fn get(&self) -> Option<rustls::Error> {
        self.0.lock().ok().and_then(|cause| cause.clone())
    }

    fn note(&self, error: &io::Error) {
        if let Some(tls) = tls_error(error)
            && let Ok(mut cause) = self.0.lock()
        {
            cause.get_or_insert_with(|| tls.clone());
        }
    }
}

/// The TLS error inside an I/O error.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    cause: Cause,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, cause: Cause) -> Self {
        Self { stream, cause }
    }

    fn noted<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &poll {
            self.cause.note(error);
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.noted(poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.noted(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.noted(poll)
    }
}
