// SPDX-License-Identifier: MPL-2.0
//! News of the store, one queue for each watcher.
//!
//! Owns: the bounded backlog, and telling a watcher that it was too slow.
//! Never: drops an event silently, or holds up who writes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::{Kind, Metadata, Resource};

/// The most events that wait for one watcher. The documents' limit for a namespace's history.
pub const BACKLOG_MAX: usize = 1024;

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// A resource came, or was there when the watch began.
    Created(Resource),
    /// A resource is different now.
    Updated {
        /// What it was.
        old: Resource,
        /// What it is.
        new: Resource,
    },
    /// A resource is gone; this is what it was.
    Destroyed(Resource),
    /// All that was there when the watch began has been told.
    Bootstrapped,
}

impl Event {
    fn metadata(&self) -> Option<&Metadata> {
        match self {
            Self::Created(resource)
            | Self::Updated { new: resource, .. }
            | Self::Destroyed(resource) => Some(&resource.metadata),
            Self::Bootstrapped => None,
        }
    }

    /// The event as a watcher sees it who looks only through `selector`: what comes into sight was
    /// created for him, what goes out of sight destroyed.
    pub(crate) fn seen_through(&self, selector: &Selector) -> Option<Self> {
        if let Self::Updated { old, new } = self {
            return match (selector.wants(&old.metadata), selector.wants(&new.metadata)) {
                (true, true) => Some(self.clone()),
                (false, true) => Some(Self::Created(new.clone())),
                (true, false) => Some(Self::Destroyed(new.clone())),
                (false, false) => None,
            };
        }
        let metadata = self.metadata()?;
        selector.wants(metadata).then(|| self.clone())
    }
}

/// Whether a resource is of interest, by what it is called and labelled.
#[derive(Clone)]
pub struct Filter(Arc<dyn Fn(&Metadata) -> bool + Send + Sync>);

impl Filter {
    /// Wants what `wants` says yes to.
    pub fn new(wants: impl Fn(&Metadata) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(wants))
    }

    /// Whether it wants a resource.
    #[must_use]
    pub fn wants(&self, metadata: &Metadata) -> bool {
        (self.0)(metadata)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}

/// What to watch.
#[derive(Debug, Clone)]
pub struct Selector {
    /// The namespace.
    pub namespace: &'static str,
    /// The type.
    pub kind: &'static Kind,
    /// One resource only.
    pub id: Option<String>,
    /// Some of them only.
    pub filter: Option<Filter>,
}

impl Selector {
    pub(crate) fn wants(&self, metadata: &Metadata) -> bool {
        self.namespace == metadata.namespace
            && self.kind.name == metadata.kind.name
            && self.id.as_ref().is_none_or(|id| *id == metadata.id)
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.wants(metadata))
    }
}

/// What a watch begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bootstrap {
    /// Only what happens from now on.
    Nothing,
    /// Everything there is as `Created`, then `Bootstrapped`, then what happens.
    Contents,
    /// So many of the last events, as far as they are kept, then what happens.
    Tail(usize),
}

/// Why a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchError {
    /// More than [`BACKLOG_MAX`] events waited; some are lost. Watch again, from the contents.
    Lagged,
    /// The store is gone.
    Closed,
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged => write!(f, "the watcher was too slow and lost events"),
            Self::Closed => write!(f, "the store is gone"),
        }
    }
}

impl std::error::Error for WatchError {}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    lagged: bool,
    waker: Option<Waker>,
}

/// The store's end of a watch.
#[derive(Debug)]
pub(crate) struct Sink {
    selector: Selector,
    queue: Weak<Mutex<Queue>>,
}

impl Sink {
    /// Offers an event; `false` when nobody will ever take one from here again.
    pub(crate) fn offer(&self, event: &Event) -> bool {
        let Some(queue) = self.queue.upgrade() else {
            return false;
        };
        let Some(event) = event.seen_through(&self.selector) else {
            return true;
        };
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = queue.events.len() < BACKLOG_MAX;
        if fits {
            queue.events.push_back(event);
        } else {
            // What waits is of no use without what was lost.
            queue.events.clear();
            queue.lagged = true;
        }
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
        fits
    }
}

/// A watcher's end of a watch. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    queue: Arc<Mutex<Queue>>,
}

pub(crate) fn open(selector: Selector, first: VecDeque<Event>) -> (Sink, Watch) {
    let queue = Arc::new(Mutex::new(Queue {
        events: first,
        ..Queue::default()
    }));
    let sink = Sink {
        selector,
        queue: Arc::downgrade(&queue),
    };
    (sink, Watch { queue })
}

impl Watch {
    /// Takes the next event, if one waits.
    ///
    /// # Errors
    /// The watch has ended; nothing will ever come again.
    pub fn try_next(&mut self) -> Result<Option<Event>, WatchError> {
        let ended = Arc::weak_count(&self.queue) == 0;
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.events.pop_front() {
            Some(event) => {
                if queue.events.is_empty() {
                    // Most watchers wait most of the time, and there may be thousands.
                    queue.events = VecDeque::new();
                }
                Ok(Some(event))
            }
            None if queue.lagged => Err(WatchError::Lagged),
            None if ended => Err(WatchError::Closed),
            None => Ok(None),
        }
    }

    /// Takes the next event, or has the task woken when one comes.
    ///
    /// # Errors
    /// As [`Watch::try_next`].
    pub fn poll_next(&mut self, context: &Context<'_>) -> Poll<Result<Event, WatchError>> {
        match self.try_next() {
            Ok(Some(event)) => Poll::Ready(Ok(event)),
            Err(error) => Poll::Ready(Err(error)),
            Ok(None) => {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
