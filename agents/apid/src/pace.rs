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
    /// machined is there. After that time all is read that has come.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let may_read = self
            .owner
            .get()
            .is_none_or(|owner| owner.may_read(cx.waker()));
        if may_read {
            self.pause = None;
            return Poll::Ready(());
        }
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(sleep(limits::PAUSE)));
        pause.as_mut().poll(cx)
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_pause(cx));
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() {
            self.pause = None;
        }
        read
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

#[cfg(test)]
mod tests {
    use api::quota::Share;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::ledger::{Waiting, Whose};
    use crate::limits::Scale;
    use crate::unread::Unread;

    /// A piece was read in each pause, and the sign of life behind a hundred of them came too late.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn after_a_pause_all_is_read_that_has_come() {
        let unread = Arc::new(Unread::new(Scale::SMALL));
        let account = Arc::new(unread.open(Whose::alone(Share::Common)));
        let much = Waiting::Passing(Scale::SMALL.unread_most);
        let call = unread.ledger().enter(account.number, much, Instant::now());
        let (stream, mut machined) = UnixStream::pair().unwrap();
        let owner = Owner::from(OnceLock::from(Arc::clone(&account)));
        let mut paced = Paced::new(stream, owner);
        machined.write_all(&[7; 100]).await.unwrap();
        let mut piece = [0; 50];

        let early = timeout(limits::PAUSE / 2, paced.read_exact(&mut piece)).await;
        assert!(early.is_err());
        let begun_at = Instant::now();
        for _ in 0..2 {
            paced.read_exact(&mut piece).await.unwrap();
        }
        assert!(begun_at.elapsed() <= limits::PAUSE);

        let nothing = timeout(limits::PAUSE / 10, paced.read(&mut piece)).await;
        assert!(nothing.is_err());
        machined.write_all(&[7; 50]).await.unwrap();
        let again = timeout(limits::PAUSE / 2, paced.read_exact(&mut piece)).await;
        assert!(again.is_err());
        // Who has taken it is not paused any more.
        unread.ledger().strike((account.number, call));
        let then = timeout(limits::PAUSE / 10, paced.read_exact(&mut piece)).await;
        assert!(then.is_ok_and(|read| read.is_ok()));
    }
}
