// SPDX-License-Identifier: MPL-2.0
//! Replies that their clients do not read.
//!
//! What comes from a node and is not read waits here. Calls whose clients read, or that have nothing to
//! say, take nothing, and there may be thousands of those. What waits for the others is counted, and when
//! it is too much, the connection that has the most of it is closed.
//!
//! Owns: when it is looked what waits, and when somebody has to go.
//! Never: looks at a call whose client reads.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use api::quota::Share;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::ledger::{Among, Ledger, Whose};
use crate::limits::{self, Scale};
use crate::tab::Slot;

/// What all connections have not read.
#[derive(Debug)]
pub(crate) struct Unread {
    ledger: Mutex<Ledger>,
    /// Calls that may have something for a client who did not ask.
    listed: Mutex<Vec<Weak<Slot>>>,
    /// Somebody is listed, or there is too much.
    changed: Notify,
}

impl Unread {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            ledger: Mutex::new(Ledger::new(scale)),
            listed: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Opens the account of a connection.
    pub(crate) fn open(self: &Arc<Self>, whose: Whose) -> Account {
        let overdrawn = Arc::new(Notify::new());
        let number = self.ledger().open(whose, Arc::clone(&overdrawn));
        let is_node = whose.is_node;
        Account {
            unread: Arc::clone(self),
            number,
            is_node,
            overdrawn,
        }
    }

    /// Looks what waits, and closes connections while there is too much, for ever.
    pub(crate) async fn watch(self: Arc<Self>) -> Infallible {
        loop {
            self.changed.notified().await;
            // Clients that read are asked for what they take before this goes on: all tasks share one
            // thread, and each has had its turn.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            while !self.look() {
                sleep(limits::UNREAD_LOOK).await;
            }
        }
    }

    /// Takes what waits for those who do not ask. Says whether there is nothing more to look at.
    pub(crate) fn look(&self) -> bool {
        let listed = std::mem::take(&mut *self.listed());
        let mut again = Vec::new();
        for one in listed {
            let Some(slot) = one.upgrade() else { continue };
            if slot.look() {
                again.push(one);
            }
            let mut ledger = self.ledger();
            if ledger.is_full() {
                ledger.close_worst(Instant::now());
            }
        }
        let mut listed = self.listed();
        listed.append(&mut again);
        listed.is_empty() && self.ledger().close_worst(Instant::now())
    }

    /// Lists a call to be looked at.
    pub(crate) fn list(&self, slot: &Arc<Slot>) {
        self.listed().push(Arc::downgrade(slot));
        self.changed.notify_one();
    }

    /// Makes room for replies that are held, if somebody has long not read one, for a client with `share`.
    pub(crate) fn relieve(&self, share: Share) {
        self.ledger().close_hoarder(share, Instant::now());
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listed(&self) -> MutexGuard<'_, Vec<Weak<Slot>>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that there may be too much.
    pub(crate) fn crowded(&self) {
        self.changed.notify_one();
    }
}

/// A connection's.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) unread: Arc<Unread>,
    pub(crate) number: u64,
    /// Another node, which counts what its clients do not read itself.
    pub(crate) is_node: bool,
    overdrawn: Arc<Notify>,
}

impl Account {
    /// Bytes in flight of each of its calls.
    pub(crate) const fn window(&self) -> usize {
        if self.is_node {
            limits::HOP
        } else {
            limits::WINDOW
        }
    }

    /// Bytes that are taken out of those windows while nobody asks for them. Of another node's calls none:
    /// it has done so itself.
    pub(crate) const fn queue_max(&self) -> usize {
        if self.is_node { 0 } else { limits::QUEUE_MAX }
    }

    /// Makes room for calls, if one of those leaves some.
    pub(crate) fn relieve_calls(&self, among: Among) {
        self.unread.ledger().close_idler(among, Instant::now());
    }

    /// Says whether more may be read for it, or wakes `waker` when it may.
    pub(crate) fn may_read(&self, waker: &Waker) -> bool {
        self.unread.ledger().may_read(self.number, waker)
    }

    /// Ends when the connection has to be closed.
    pub(crate) async fn overdrawn(&self) {
        self.overdrawn.notified().await;
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.unread.ledger().close(self.number);
    }
}
