// SPDX-License-Identifier: MPL-2.0
//! Watches of the store, one queue for each watcher.
//!
//! Owns: the bounded backlog, and telling a watcher that it was too slow.
//! Never: drops an event silently, or holds up who writes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::news::{Event, News};
use crate::{Bookmark, Kind, Metadata};

/// The most events that wait for one watcher. The documents' limit for a namespace's history.
pub const BACKLOG_MAX: usize = 1024;

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
        is_same(self.kind.name, metadata.kind.name)
            && is_same(self.namespace, metadata.namespace)
            && self.id.as_ref().is_none_or(|id| *id == metadata.id)
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.wants(metadata))
    }

    /// Whether it wants a resource whatever there is about it that can change.
    pub(crate) const fn is_by_name(&self) -> bool {
        self.filter.is_none()
    }
}

/// Compares two names, most of which are one and the same: every change is offered to every watch.
fn is_same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one, other) || one == other
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
    news: VecDeque<News>,
    lagged: bool,
    /// Nothing will ever come again.
    closed: bool,
    waker: Option<Waker>,
}

impl Queue {
    fn take(&mut self) -> Result<Option<News>, WatchError> {
        match self.news.pop_front() {
            Some(news) => {
                if self.news.is_empty() {
                    // Most watchers wait most of the time, and there may be thousands.
                    self.news = VecDeque::new();
                }
                Ok(Some(news))
            }
            None if self.lagged => Err(WatchError::Lagged),
            None if self.closed => Err(WatchError::Closed),
            None => Ok(None),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store's end of a watch.
#[derive(Debug)]
pub(crate) struct Sink {
    selector: Selector,
    queue: Weak<Mutex<Queue>>,
}

impl Sink {
    /// Whether anybody may still take something from here.
    pub(crate) fn is_watched(&self) -> bool {
        self.queue.strong_count() > 0
    }

    /// Offers news; `false` when nobody will ever take any from here again.
    pub(crate) fn offer(&self, news: &News) -> bool {
        let Some(queue) = self.queue.upgrade() else {
            return false;
        };
        let Some(news) = news.seen_through(&self.selector) else {
            return true;
        };
        let mut queue = locked(&queue);
        let fits = queue.news.len() < BACKLOG_MAX;
        if fits {
            queue.news.push_back(news);
        } else {
            // What waits is of no use without what was lost.
            queue.news.clear();
            queue.lagged = true;
        }
        queue.wake();
        fits
    }
}

/// Who waits hears that nothing more will come.
impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.upgrade() {
            let mut queue = locked(&queue);
            queue.closed = true;
            queue.wake();
        }
    }
}

/// A watcher's end of a watch. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    queue: Arc<Mutex<Queue>>,
}

pub(crate) fn open(selector: Selector, first: VecDeque<News>) -> (Sink, Watch) {
    let queue = Arc::new(Mutex::new(Queue {
        news: first,
        ..Queue::default()
    }));
    let sink = Sink {
        selector,
        queue: Arc::downgrade(&queue),
    };
    (sink, Watch { queue })
}

impl Watch {
    /// Tells the watcher where it is, behind all that waits.
    pub fn mark(&mut self, bookmark: Bookmark) {
        let mark = News::at(Event::Noop, bookmark);
        locked(&self.queue).news.push_back(mark);
    }

    /// Takes the next event, if one waits.
    ///
    /// # Errors
    /// The watch has ended; nothing will ever come again.
    pub fn try_next(&mut self) -> Result<Option<News>, WatchError> {
        locked(&self.queue).take()
    }

    /// Takes the next event, or has the task woken when one comes.
    ///
    /// # Errors
    /// As [`Watch::try_next`].
    pub fn poll_next(&mut self, context: &Context<'_>) -> Poll<Result<News, WatchError>> {
        // Looked at and waited for under one lock: what comes in between would wake nobody.
        let mut queue = locked(&self.queue);
        match queue.take() {
            Ok(Some(news)) => Poll::Ready(Ok(news)),
            Err(error) => Poll::Ready(Err(error)),
            Ok(None) => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
