// SPDX-License-Identifier: MPL-2.0
//! What of the requests of one connection is on its way to a node.
//!
//! hyper takes the next piece of a request before there is room for it at the node, so each call of a
//! client could have one here.
//!
//! Owns: that all calls of a connection together have few.
//! Never: lets a request that waits for its client keep room from another.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::limits::{self, REQUEST_PIECE};
use crate::room::with_room;

/// The room that the requests of a connection share.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Semaphore>);

impl Lane {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(limits::REQUESTS)))
    }
}

/// The way of one request.
pub(crate) struct UnderWay {
    lane: Lane,
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").finish_non_exhaustive()
    }
}

impl UnderWay {
    pub(crate) fn new(lane: Lane) -> Self {
        Self {
            lane,
            waiting: None,
        }
    }

    /// Waits for room for one piece; nothing when the connection is over.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Option<OwnedSemaphorePermit>> {
        let Lane(lane) = &self.lane;
        if self.waiting.is_none()
            && let Ok(room) = Arc::clone(lane).try_acquire_many_owned(REQUEST_PIECE)
        {
            return Poll::Ready(Some(room));
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(Arc::clone(lane).acquire_many_owned(REQUEST_PIECE)));
        let room = std::task::ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(room.ok())
    }
}

/// Ties to a piece what it takes of `room`; the rest is given back now.
pub(crate) fn tie(piece: Bytes, mut room: OwnedSemaphorePermit) -> Bytes {
    match room.split(piece.len()) {
        Some(taken) if piece.len() < limits::SMALL_PIECE => {
            with_room(Bytes::copy_from_slice(&piece), taken)
        }
        Some(taken) => with_room(piece, taken),
        // Longer than a frame is, so it takes all.
        None => with_room(piece, room),
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn room(way: &mut UnderWay) -> Option<OwnedSemaphorePermit> {
        match way.poll_room(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => room,
            Poll::Pending => None,
        }
    }

    #[test]
    fn long_pieces_of_two_requests_fill_the_lane_and_short_ones_of_many_do_not() {
        let lane = Lane::new();
        let mut ways: Vec<_> = (0..64).map(|_| UnderWay::new(lane.clone())).collect();

        let short: Vec<Bytes> = ways
            .iter_mut()
            .map(|way| tie(Bytes::from_static(b"a short one"), room(way).unwrap()))
            .collect();
        let long = tie(
            Bytes::from(vec![0; REQUEST_PIECE.try_into().unwrap()]),
            room(&mut ways[0]).unwrap(),
        );

        assert!(room(&mut ways[1]).is_none());
        drop((short, long));
        assert!(room(&mut ways[1]).is_some());
        assert!(room(&mut ways[2]).is_some());
    }
}
