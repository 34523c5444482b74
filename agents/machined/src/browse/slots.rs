// SPDX-License-Identifier: MPL-2.0
//! The threads that look at files, one for each client that does.
//!
//! Owns: how many there are, and the way from one to its client.
//! Never: makes a client wait for a thread; one too many is refused.

use std::ops::ControlFlow;
use std::sync::Arc;

use ::api::quota::{Quota, Share};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Response, Status};

/// A third of the threads that machined may have (`pids_max` of init's table), and with
/// [`LEVELS_MAX`](super::walk::LEVELS_MAX) a third of its descriptors.
pub(crate) const SLOTS_MAX: usize = 16;

/// Places that only contents get: whoever may read names keeps nobody from them.
const FOR_CONTENTS: usize = 4;
/// Places that are besides those for administrators and operators: readers who do not read what they
/// asked for keep them from nothing.
const FOR_MORE_THAN_READERS: usize = 4;

/// What a client looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Names, sizes and counters, which every reader may.
    Names(Share),
    /// What is in files, which is for administrators.
    Contents,
}

impl Look {
    /// So many places are for others.
    const fn spared(self) -> usize {
        match self {
            Self::Names(Share::Common) => FOR_CONTENTS + FOR_MORE_THAN_READERS,
            Self::Names(Share::Whole) => FOR_CONTENTS,
            Self::Contents => 0,
        }
    }
}

/// Places for clients that look at files.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Quota);

impl Default for Slots {
    fn default() -> Self {
        Self(Quota::new(SLOTS_MAX, 0))
    }
}

impl Slots {
    /// Runs `work` in a thread of its own; what it puts out is the stream, `ahead` pieces of which
    /// are made before the client asks for them.
    ///
    /// # Errors
    /// All places are taken: `ResourceExhausted`.
    pub(crate) fn stream<T: Send + 'static>(
        &self,
        look: Look,
        ahead: usize,
        work: impl FnOnce(&Outlet<T>) + Send + 'static,
    ) -> Result<BoxStream<T>, Status> {
        let place = self.take(look)?;
        let (sender, receiver) = mpsc::channel(ahead.max(1));
        tokio::task::spawn_blocking(move || {
            work(&Outlet(sender));
            drop(place);
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    /// Runs `work` in a thread of its own and waits for what comes of it. The place is taken until the reply
    /// is gone: it may be long, and its client slow.
    ///
    /// # Errors
    /// All places are taken: `ResourceExhausted`; or what `work` says.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        look: Look,
        work: impl FnOnce() -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let place = self.take(look)?;
        let work = tokio::task::spawn_blocking(move || work().map(|done| (done, place)));
        let done = work.await;
        let (done, place) =
            done.map_err(|error| Status::internal(format!("a thread was broken off: {error}")))??;
        let mut response = Response::new(done);
        response.extensions_mut().insert(Held(Arc::new(place)));
        Ok(response)
    }

    fn take(&self, look: Look) -> Result<OwnedSemaphorePermit, Status> {
        let spared = look.spared();
        self.0.take_beside(spared, 1).ok_or_else(|| {
            Status::resource_exhausted(format!(
                "{} clients look at files of this node; try again when one is done",
                SLOTS_MAX.saturating_sub(spared)
            ))
        })
    }
}

/// What a reply holds, as an extension of it, until its last byte is with the client.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "it is there to be dropped")]
pub(crate) struct Held(Arc<OwnedSemaphorePermit>);

/// The way to the client.
#[derive(Debug)]
pub(crate) struct Outlet<T>(mpsc::Sender<Result<T, Status>>);

impl<T> Outlet<T> {
    /// Hands over a piece when the client is ready for it. Breaks when there is no client any more.
    pub(crate) fn put(&self, piece: T) -> ControlFlow<()> {
        match self.0.blocking_send(Ok(piece)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_gone) => ControlFlow::Break(()),
        }
    }

    /// Ends the stream with an error.
    pub(crate) fn fail(&self, status: Status) {
        // Without a client there is nobody to tell.
        let _gone = self.0.blocking_send(Err(status));
    }

    /// Breaks when there is no client any more: for work that has nothing to hand over.
    pub(crate) fn check(&self) -> ControlFlow<()> {
        if self.0.is_closed() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
