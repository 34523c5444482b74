// SPDX-License-Identifier: MPL-2.0
//! The body of a call on its way to machined.
//!
//! Owns: how long a client may take to send it.
//! Never: counts the time that machined takes to read it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use api::wire::Code;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits;
use crate::refused::Refused;
use crate::under_way::{self, Lane, UnderWay};

/// Why a body ended early.
#[derive(Debug)]
pub(crate) enum Broken<E> {
    /// The client sent too little for too long.
    TooSlow,
    /// The connection failed.
    Connection(E),
}

impl<E: fmt::Display> fmt::Display for Broken<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => write!(f, "the request did not arrive in time"),
            Self::Connection(error) => write!(f, "{error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Broken<E> {}

/// A body that ends with an error when its client sends less than [`limits::BODY_LEAST`] bytes in
/// [`limits::BODY_SPAN`] and is not done with it.
#[derive(Debug)]
pub(crate) struct Question<B> {
    body: B,
    arrived: usize,
    waited: Duration,
    waits_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    late: Late,
    way: UnderWay,
}

/// Whether a question came too slowly.
#[derive(Debug, Clone, Default)]
pub(crate) struct Late(Arc<AtomicBool>);

impl Late {
    /// The refusal, if it did.
    pub(crate) fn refusal(&self) -> Option<Refused> {
        let text = "the request did not arrive in time: send it faster, or in smaller pieces";
        let late = self.0.load(Ordering::Relaxed);
        late.then(|| Refused::new(Code::DeadlineExceeded, text))
    }
}

impl<B> Question<B> {
    pub(crate) fn new(body: B, lane: Lane) -> Self {
        Self {
            body,
            arrived: 0,
            waited: Duration::ZERO,
            waits_since: None,
            timer: Box::pin(sleep(limits::BODY_SPAN)),
            late: Late::default(),
            way: UnderWay::new(lane),
        }
    }

    /// What will say whether it came too slowly.
    pub(crate) fn late(&self) -> Late {
        self.late.clone()
    }

    /// Something came, after a wait or not.
    fn count(&mut self, len: usize) {
        if let Some(since) = self.waits_since.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
        self.arrived = self.arrived.saturating_add(len);
        if self.arrived >= limits::BODY_LEAST {
            self.arrived = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Nothing came; whether that is so for too long.
    fn waits_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waits_since.is_none() {
            let now = Instant::now();
            self.waits_since = Some(now);
            let left = limits::BODY_SPAN.saturating_sub(self.waited);
            let until = now.checked_add(left).unwrap_or(now);
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(cx).is_ready()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Question<B> {
    type Data = Bytes;
    type Error = Broken<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(room) = ready!(self.way.poll_room(cx)) else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.count(frame.data_ref().map_or(0, Bytes::len));
                let tied = frame.map_data(|piece| under_way::tie(piece, room));
                Poll::Ready(Some(Ok(tied)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Broken::Connection(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.waits_too_long(cx) => {
                self.late.0.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(Broken::TooSlow)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// `count` pieces of `len` bytes, a second before each.
    struct Trickle {
        count: usize,
        len: usize,
        pause: Pin<Box<Sleep>>,
    }

    impl Trickle {
        fn new(count: usize, len: usize) -> Question<Self> {
            let pause = Box::pin(sleep(Duration::from_secs(1)));
            Question::new(Self { count, len, pause }, Lane::new())
        }
    }

    impl Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.count == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.pause.as_mut().poll(cx));
            self.count = self.count.saturating_sub(1);
            let next = Instant::now().checked_add(Duration::from_secs(1)).unwrap();
            self.pause.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; self.len])))))
        }
    }

    /// Reads it all; how many pieces came, and whether it was too slow.
    async fn read(mut question: Question<Trickle>, machined_takes: Duration) -> (usize, bool) {
        let mut pieces: usize = 0;
        loop {
            let next = std::future::poll_fn(|cx| Pin::new(&mut question).poll_frame(cx)).await;
            match next {
                Some(Ok(_)) => pieces = pieces.saturating_add(1),
                Some(Err(_)) => return (pieces, question.late().refusal().is_some()),
                None => return (pieces, question.late().refusal().is_some()),
            }
            sleep(machined_takes).await;
        }
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_body_a_byte_at_a_time_ends_at_the_deadline() {
        let (pieces, late) = read(Trickle::new(1000, 1), Duration::ZERO).await;

        assert!(late);
        assert!((58..=60).contains(&pieces), "{pieces}");
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_long_body_may_take_as_long_as_it_moves() {
        let fast_enough = limits::BODY_LEAST / 30;

        let read = read(Trickle::new(1000, fast_enough), Duration::ZERO).await;

        assert_eq!(read, (1000, false));
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn the_time_that_machined_takes_is_not_the_clients() {
        let read = read(Trickle::new(20, 1), Duration::from_secs(30)).await;

        assert_eq!(read, (20, false));
    }
}
