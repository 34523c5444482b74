// SPDX-License-Identifier: MPL-2.0
//! A TLS stream that remembers why it broke, and when it was last heard.
//!
//! With TLS 1.3 a client learns only from its first read that the server refused its certificate.
//! By then the stream belongs to HTTP/2, which tells the call no more than "connection reset".
//!
//! Owns: the one error that explains the others, and the silence that explains a break without one.
//! Never: changes what passes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Where the reason is found when a call failed.
#[derive(Debug, Clone)]
pub(crate) struct Cause(Arc<Mutex<Noted>>);

#[derive(Debug)]
struct Noted {
    tls: Option<rustls::Error>,
    heard_at: Instant,
    /// The stream said itself that it is over: that is no silence.
    is_over: bool,
}

impl Default for Cause {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Noted {
            tls: None,
            heard_at: Instant::now(),
            is_over: false,
        })))
    }
}

impl Cause {
    /// The TLS error that broke the stream, if one did.
    pub(crate) fn get(&self) -> Option<rustls::Error> {
        self.0.lock().ok().and_then(|noted| noted.tls.clone())
    }

    /// Whether nothing came for so long, not even the end.
    pub(crate) fn is_silent_for(&self, span: Duration) -> bool {
        let noted = self.0.lock();
        noted.is_ok_and(|noted| !noted.is_over && noted.heard_at.elapsed() >= span)
    }

    fn note(&self, error: &io::Error) {
        let Ok(mut noted) = self.0.lock() else {
            return;
        };
        noted.is_over = true;
        if let Some(tls) = tls_error(error) {
            noted.tls.get_or_insert_with(|| tls.clone());
        }
    }

    /// Notes how many bytes came; none are the end.
    fn heard(&self, count: usize) {
        if let Ok(mut noted) = self.0.lock() {
            noted.heard_at = Instant::now();
            noted.is_over |= count == 0;
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
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = &poll {
            let count = buffer.filled().len().saturating_sub(before);
            self.cause.heard(count);
        }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_stream_that_ended_is_not_silent() {
        let (near, mut far) = tokio::io::duplex(64);
        let cause = Cause::default();
        let mut watched = Watched::new(near, cause.clone());
        let mut bytes = [0; 8];

        far.write_all(b"one").await.unwrap();
        assert_eq!(watched.read(&mut bytes).await.unwrap(), 3);
        assert!(cause.is_silent_for(Duration::ZERO));
        drop(far);
        assert_eq!(watched.read(&mut bytes).await.unwrap(), 0);
        assert!(!cause.is_silent_for(Duration::ZERO));
    }
}
