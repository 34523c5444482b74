// SPDX-License-Identifier: MPL-2.0
//! The body of a request on its way to be decoded.
//!
//! A message is held whole before it is read, and once more while it is. Each method has a longest
//! request (`api::methods`), and this bounds all that come at the same time. No method that is built
//! takes a stream of requests, which would add up.
//!
//! Owns: how much of all requests may be here.
//! Never: makes a caller wait for room; what does not fit is refused.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use ::api::rbac::Roles;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use ::api::quota::{Quota, Share};

/// Bytes of all requests, [`FREE`] of each aside: a few of the longest. Decoded they take as much again,
/// which is a third of what machined may have (init's table).
const ALL: usize = 8 * 1024 * 1024;
/// Bytes that only administrators and operators get.
const KEPT: usize = 6 * 1024 * 1024;
/// Bytes of each request that are not counted, so that short ones pass whatever long ones do: 4 MiB
/// for every call that apid lets in at one time.
const FREE: usize = 1024;

/// What all requests share.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Quota);

impl Default for Meter {
    fn default() -> Self {
        Self(Quota::new(ALL, KEPT))
    }
}

/// The room that one request takes, given back when the last who has this is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

/// A body that is counted.
#[derive(Debug)]
pub(super) struct Metered<B = Incoming> {
    body: B,
    meter: Quota,
    share: Share,
    arrived: usize,
    taken: Taken,
}

impl Meter {
    /// Counts `body`. The room is its own as long as the body or what is returned beside it is there.
    pub(super) fn count<B>(&self, body: B, roles: Roles) -> (Metered<B>, Taken) {
        let taken = Taken::default();
        let body = Metered {
            body,
            meter: self.0.clone(),
            share: Share::of(roles),
            arrived: 0,
            taken: taken.clone(),
        };
        (body, taken)
    }
}

impl<B> Metered<B> {
    fn take(&mut self, len: usize) -> Result<(), Status> {
        let before = self.arrived.max(FREE);
        self.arrived = self.arrived.saturating_add(len);
        let counted = self.arrived.saturating_sub(before);
        if counted == 0 {
            return Ok(());
        }
        let count = u32::try_from(counted).unwrap_or(u32::MAX);
        let Some(more) = self.meter.take(self.share, count) else {
            return Err(Status::resource_exhausted(
                "this node is reading as many long requests as it can: try again",
            ));
        };
        let mut held = self.taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Metered<B>
where
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Poll::Ready(Some(Err(Status::from_error(Box::new(error)))));
            }
            None => return Poll::Ready(None),
        };
        let len = frame.data_ref().map_or(0, Bytes::len);
        Poll::Ready(Some(self.take(len).map(|()| frame)))
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
    use ::api::rbac::Role;
    use http_body_util::{BodyExt as _, Full};
    use tonic::Code;

    use super::*;

    type Counted = (Metered<Full<Bytes>>, Taken);

    fn request(meter: &Meter, len: usize, role: Role) -> Counted {
        meter.count(Full::new(Bytes::from(vec![0; len])), Roles::of(&[role]))
    }

    /// Reads a body to its end and keeps its room.
    async fn read((mut body, taken): Counted) -> Result<Taken, Code> {
        while let Some(frame) = body.frame().await {
            frame.map_err(|status| status.code())?;
        }
        Ok(taken)
    }

    #[tokio::test]
    async fn long_requests_share_what_there_is_and_give_it_back() {
        let meter = Meter::default();
        let long = ALL - KEPT;

        let held = read(request(&meter, long, Role::Reader)).await.unwrap();

        let another = read(request(&meter, long, Role::Reader)).await;
        assert_eq!(another.unwrap_err(), Code::ResourceExhausted);
        // What administrators send still fits, and what is short.
        let admins = read(request(&meter, KEPT, Role::Admin)).await;
        assert!(admins.is_ok());
        assert!(read(request(&meter, FREE, Role::Reader)).await.is_ok());
        drop((held, admins));
        assert!(read(request(&meter, long, Role::Reader)).await.is_ok());
    }

    #[tokio::test]
    async fn what_was_refused_holds_nothing() {
        let meter = Meter::default();
        for _ in 0..4 {
            let refused = read(request(&meter, ALL + 2 * FREE, Role::Admin)).await;
            assert_eq!(refused.unwrap_err(), Code::ResourceExhausted);
        }

        assert!(read(request(&meter, ALL, Role::Admin)).await.is_ok());
    }
}
