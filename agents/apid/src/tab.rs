// SPDX-License-Identifier: MPL-2.0
//! What one call has for its client.
//!
//! A client is given pieces as it asks for them. When it does not ask, what has come is taken out of the
//! window of the call, as far as there is place here, so that it is known how much it is.
//!
//! Owns: the pieces that wait, and the count of those and of what is on its way.
//! Never: keeps a small piece in the memory of a large one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Instant;

use crate::clients::Places;
use crate::ledger::Waiting;
use crate::limits;
use crate::refused;
use crate::reply::Reply;
use crate::unread::Account;

/// What a piece takes besides its bytes, and a header besides its letters.
const PIECE: usize = 128;

/// One call's.
#[derive(Debug)]
pub(crate) struct Tab {
    slot: Arc<Slot>,
    waker: Waker,
}

/// What the tab, the pieces on their way and whoever looks after them share.
#[derive(Debug)]
pub(crate) struct Slot {
    account: Arc<Account>,
    /// The reply was held whole from the start.
    is_held: bool,
    /// Given back when the last byte has left.
    _place: Option<Places>,
    source: Mutex<Source>,
    state: Mutex<State>,
}

/// Where pieces come from.
#[derive(Debug)]
struct Source {
    /// Those that came while nobody asked.
    queue: VecDeque<Frame<Bytes>>,
    reply: Reply,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes in the queue.
    queued: usize,
    /// Bytes that may be behind the queue.
    unseen: usize,
    /// Bytes of the pieces that were given to the one who writes.
    lent: usize,
    /// Nothing has come since it was last asked for.
    is_idle: bool,
    /// The client has asked since this was last looked at.
    is_moving: bool,
    is_listed: bool,
    /// The call is over; pieces of it may still be on their way.
    is_over: bool,
    /// The entry of the ledger, while there is something unread.
    entry: Option<u64>,
    client: Option<Waker>,
}

impl Tab {
    /// Opens the tab of a call whose reply begins.
    pub(crate) fn open(account: &Arc<Account>, reply: Reply, place: Option<Places>) -> Self {
        let mut queue = VecDeque::new();
        let is_held = matches!(reply, Reply::Whole(_));
        let reply = if let Reply::Whole(frame) = reply {
            queue.push_back(Frame::data(frame));
            queue.push_back(Frame::trailers(refused::success()));
            Reply::Empty
        } else {
            reply
        };
        let queued = queue.iter().map(cost).sum();
        let slot = Arc::new(Slot {
            account: Arc::clone(account),
            is_held,
            _place: place,
            source: Mutex::new(Source { queue, reply }),
            state: Mutex::default(),
        });
        slot.change(|state| state.queued = queued);
        slot.list();
        Self {
            waker: Waker::from(Arc::clone(&slot)),
            slot,
        }
    }

    /// Gives the next piece, because the client can take some of it.
    pub(crate) fn read(&self, cx: &Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        self.slot.asked_by(cx.waker());
        let mut source = self.slot.source();
        let (queued, frame) = match source.queue.pop_front() {
            Some(frame) => (true, Poll::Ready(Some(frame))),
            None => (
                false,
                source.reply.poll(&mut Context::from_waker(&self.waker)),
            ),
        };
        let Poll::Ready(Some(frame)) = frame else {
            drop(source);
            self.slot.change(|state| state.unseen = 0);
            return frame;
        };
        let before = if queued { cost(&frame) } else { 0 };
        let (frame, rest) = cut(frame);
        let rest_cost = rest.as_ref().map_or(0, cost);
        if let Some(rest) = rest {
            source.queue.push_front(rest);
        }
        drop(source);
        self.slot.change(|state| {
            state.queued = state
                .queued
                .saturating_sub(before)
                .saturating_add(rest_cost);
        });
        let frame = Lent::tie(&self.slot, frame);
        self.slot.list();
        Poll::Ready(Some(frame))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let source = self.slot.source();
        source.queue.is_empty() && source.reply.is_end_stream()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let over = Source {
            queue: VecDeque::new(),
            reply: Reply::Empty,
        };
        // Calls off what is still to come.
        let rest = std::mem::replace(&mut *self.slot.source(), over);
        drop(rest);
        self.slot.change(|state| {
            (state.queued, state.unseen) = (0, 0);
            (state.is_over, state.client) = (true, None);
        });
    }
}

impl Slot {
    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client can take something, and `client` is who waits for it.
    fn asked_by(&self, client: &Waker) {
        let mut state = self.state();
        (state.is_moving, state.is_idle) = (true, true);
        if !state
            .client
            .as_ref()
            .is_some_and(|known| known.will_wake(client))
        {
            state.client = Some(client.clone());
        }
    }

    /// Has it looked at, because something may have come.
    fn list(self: &Arc<Self>) {
        let mut state = self.state();
        state.is_idle = false;
        if !std::mem::replace(&mut state.is_listed, true) {
            drop(state);
            self.account.unread.list(self);
        }
    }

    /// Takes out what has come, if the client does not ask for it. Says whether it has to be looked at again.
    pub(crate) fn look(self: &Arc<Self>) -> bool {
        {
            let mut state = self.state();
            if std::mem::take(&mut state.is_moving) && !state.is_idle {
                return true;
            }
            state.is_listed = false;
            if state.is_idle {
                return false;
            }
        }
        let waker = Waker::from(Arc::clone(self));
        let mut source = self.source();
        let mut queued: usize = source.queue.iter().map(cost).sum();
        let mut unseen = source.reply.unseen_max(self.account.window());
        while queued < self.account.queue_max() {
            self.state().is_idle = true;
            let Poll::Ready(Some(frame)) = source.reply.poll(&mut Context::from_waker(&waker))
            else {
                unseen = 0;
                break;
            };
            let frame = frame.map_data(|bytes| Bytes::copy_from_slice(&bytes));
            queued = queued.saturating_add(cost(&frame));
            source.queue.push_back(frame);
        }
        drop(source);
        self.change(|state| (state.queued, state.unseen) = (queued, unseen));
        false
    }

    /// Changes what there is, and says so to the ledger.
    fn change(&self, change: impl FnOnce(&mut State)) {
        self.settle(change, None);
    }

    fn settle(&self, change: impl FnOnce(&mut State), moved_at: Option<Instant>) {
        let mut state = self.state();
        change(&mut state);
        let bytes = state.lent.saturating_add(state.queued);
        let bytes = bytes.saturating_add(state.unseen);
        let waiting = if self.is_held {
            Waiting::Held(bytes)
        } else {
            Waiting::Passing(bytes)
        };
        let Account { unread, number, .. } = &*self.account;
        if bytes == 0 && state.entry.is_none() {
            return;
        }
        let mut ledger = unread.ledger();
        match state.entry {
            None => state.entry = Some(ledger.enter(*number, waiting, Instant::now())),
            Some(entry) if bytes == 0 => {
                ledger.strike((*number, entry));
                state.entry = None;
            }
            Some(entry) => ledger.update((*number, entry), waiting, moved_at),
        }
        if ledger.is_crowded() {
            unread.crowded();
        }
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Something has come for a client that had read everything.
    fn wake_by_ref(self: &Arc<Self>) {
        let client = {
            let state = self.state();
            if state.is_over {
                return;
            }
            state.client.clone()
        };
        self.list();
        if let Some(client) = client {
            client.wake();
        }
    }
}

/// A piece on its way to the client. It stays the call's until its last byte has left: a client that takes one
/// byte of it is given all of it by the one who writes.
struct Lent {
    bytes: Bytes,
    /// What it counts.
    lent: usize,
    slot: Arc<Slot>,
}

impl Lent {
    /// Ties a piece to its call.
    fn tie(slot: &Arc<Slot>, frame: Frame<Bytes>) -> Frame<Bytes> {
        let lent = frame.data_ref().map_or(0, |_| cost(&frame));
        slot.change(|state| state.lent = state.lent.saturating_add(lent));
        frame.map_data(|bytes| {
            let bytes = if bytes.len() < limits::SMALL_PIECE {
                Bytes::copy_from_slice(&bytes)
            } else {
                bytes
            };
            let slot = Arc::clone(slot);
            Bytes::from_owner(Self { bytes, lent, slot })
        })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let took = |state: &mut State| state.lent = state.lent.saturating_sub(self.lent);
        self.slot.settle(took, Some(Instant::now()));
    }
}

/// What a frame takes. A header of trailers takes more than its bytes.
fn cost(frame: &Frame<Bytes>) -> usize {
    let bytes = match frame.trailers_ref() {
        Some(trailers) => {
            let headers = trailers.iter();
            let lens = headers.map(|(name, value)| {
                let text = name.as_str().len().saturating_add(value.len());
                text.saturating_add(PIECE)
            });
            lens.sum()
        }
        None => frame.data_ref().map_or(0, Bytes::len),
    };
    bytes.saturating_add(PIECE)
}

/// A piece that may be given to the one who writes, and what is left of it.
fn cut(frame: Frame<Bytes>) -> (Frame<Bytes>, Option<Frame<Bytes>>) {
    match frame.into_data() {
        Ok(mut bytes) if bytes.len() > limits::LENT_MAX => {
            let rest = bytes.split_off(limits::LENT_MAX);
            (Frame::data(bytes), Some(Frame::data(rest)))
        }
        Ok(bytes) => (Frame::data(bytes), None),
        Err(frame) => (frame, None),
    }
}

#[cfg(test)]
mod tests {
    use api::quota::Share;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;
    use crate::ledger::Whose;
    use crate::limits::Scale;
    use crate::unread::Unread;

    /// A call of a client, and what its node says.
    struct Call {
        unread: Arc<Unread>,
        tab: Tab,
        node: UnboundedSender<Bytes>,
    }

    impl Call {
        fn open() -> Self {
            let unread = Arc::new(Unread::new(Scale::SMALL));
            let account = Arc::new(unread.open(Whose::alone(Share::Common)));
            let (node, said) = unbounded_channel();
            let tab = Tab::open(&account, Reply::Said(said), None);
            Self { unread, tab, node }
        }

        /// What it has unread, once somebody looked.
        fn unread(&self) -> usize {
            // The client had its turn, and then it is looked whether it took it.
            let _first = self.unread.look();
            let _second = self.unread.look();
            self.unread.ledger().bytes()
        }

        fn say(&self, len: usize) {
            self.node.send(Bytes::from(vec![b'a'; len])).unwrap();
        }

        /// The next piece, if there is one.
        fn read(&self) -> Option<Bytes> {
            match self.tab.read(&Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(frame)) => frame.into_data().ok(),
                Poll::Ready(None) | Poll::Pending => None,
            }
        }
    }

    #[test]
    fn a_call_that_has_nothing_to_say_takes_nothing_until_something_comes() {
        let call = Call::open();
        assert_eq!(call.unread(), 0);

        call.say(10);
        assert_eq!(call.unread(), 10 + PIECE);
        let piece = call.read().unwrap();
        assert_eq!((piece.len(), call.unread()), (10, 10 + PIECE));
        drop(piece);
        assert_eq!(call.unread(), 0);
        assert_eq!(call.read(), None);

        call.say(20);
        assert_eq!(call.unread(), 20 + PIECE);
        drop(call.tab);
        assert_eq!(call.unread.ledger().bytes(), 0);
        assert!(call.node.is_closed());
    }

    #[test]
    fn what_came_while_nobody_asked_comes_in_its_order_and_no_more_is_taken_than_fits() {
        let call = Call::open();
        for len in 1..=15 {
            call.say(len * 1024);
        }
        let waits = call.unread();
        // A piece more than there is place for, and what the window may have.
        assert!(
            (2 * limits::WINDOW..3 * limits::WINDOW).contains(&waits),
            "{waits}"
        );
        assert_eq!(call.unread(), waits);

        let read: Vec<usize> = std::iter::from_fn(|| call.read())
            .map(|p| p.len())
            .collect();

        assert_eq!(read, (1..=15).map(|len| len * 1024).collect::<Vec<_>>());
        assert_eq!(call.unread(), 0);
        let Call { tab, node, .. } = call;
        drop(node);
        assert!(tab.read(&Context::from_waker(Waker::noop())).is_ready());
        assert!(tab.is_end_stream());
    }

    /// One byte of window was enough for a reply of megabytes that nobody counted.
    #[test]
    fn a_piece_counts_until_its_last_byte_has_left_also_when_the_call_is_over() {
        let call = Call::open();
        call.say(limits::LENT_MAX);
        let mut piece = call.read().unwrap();
        let unread = Arc::clone(&call.unread);
        let bytes = || unread.ledger().bytes();
        drop(call);
        assert_eq!(bytes(), limits::LENT_MAX + PIECE);

        drop(piece.split_to(1));
        assert_eq!(bytes(), limits::LENT_MAX + PIECE);
        drop(piece);
        assert_eq!(bytes(), 0);
    }

    #[test]
    fn who_asks_in_time_is_given_pieces_as_they_come() {
        let call = Call::open();
        for _ in 0..100 {
            call.say(limits::LENT_MAX);
            assert!(call.read().is_some());
            // It moves, so nothing is taken from before it.
            let _done = call.unread.look();
            assert!(call.tab.slot.source().queue.is_empty());
        }
    }
}
