// SPDX-License-Identifier: MPL-2.0
//! Replies that their clients do not read.
//!
//! What comes from machined and is not read waits here, in the window of its call. Calls whose clients
//! read, or that have nothing to say, take nothing, and there may be thousands of those. Of the others
//! there may be few; when there are more, the connection that has the most of them is closed.
//!
//! Owns: which replies wait for their clients, whose they are, and who has to go.
//! Never: ends a call of who reads.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use api::quota::Share;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::limits;

/// What all connections have not read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    ledger: Mutex<Ledger>,
    /// There is more than there may be.
    crowded: Notify,
}

impl Unread {
    /// Opens the account of a connection whose client has this share of what there is.
    pub(crate) fn open(self: &Arc<Self>, share: Share) -> Account {
        let overdrawn = Arc::new(Notify::new());
        let number = self.ledger().open(share, Arc::clone(&overdrawn));
        Account {
            unread: Arc::clone(self),
            number,
            overdrawn,
        }
    }

    /// Closes connections while there is too much, for ever.
    pub(crate) async fn watch(self: Arc<Self>) -> Infallible {
        loop {
            self.crowded.notified().await;
            // Clients that read are asked for what they take before this goes on: all tasks share one
            // thread, and each has had its turn.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            while !self.ledger().close_worst(Instant::now()) {
                sleep(limits::UNREAD_LOOK).await;
            }
        }
    }

    /// Makes room for replies that are held, if somebody has long not read one.
    pub(crate) fn relieve(&self) {
        self.ledger().close_hoarder(Instant::now());
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's.
#[derive(Debug)]
pub(crate) struct Account {
    unread: Arc<Unread>,
    number: u64,
    overdrawn: Arc<Notify>,
}

impl Account {
    /// Ends when the connection has to be closed.
    pub(crate) async fn overdrawn(&self) {
        self.overdrawn.notified().await;
    }

    /// Opens the tab of a call whose reply begins; `held` bytes of it are here already.
    pub(crate) fn tab(self: &Arc<Self>, held: usize) -> Tab {
        let slot = Arc::new(Slot {
            account: Arc::clone(self),
            held,
            state: Mutex::default(),
            client: Mutex::new(None),
        });
        slot.change(|state| state.is_waiting = true);
        Tab {
            waker: Waker::from(Arc::clone(&slot)),
            slot,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.unread.ledger().close(self.number);
    }
}

/// One call's.
#[derive(Debug)]
pub(crate) struct Tab {
    slot: Arc<Slot>,
    waker: Waker,
}

impl Tab {
    /// Asks for the next piece, because the client can take some of it. `poll` says whether there is one.
    pub(crate) fn read(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<Option<Frame<Bytes>>>,
    ) -> Poll<Option<Frame<Bytes>>> {
        self.slot.change(|state| state.is_waiting = false);
        *self.slot.client() = Some(cx.waker().clone());
        let piece = poll(&mut Context::from_waker(&self.waker));
        if let Poll::Ready(Some(_)) = piece {
            // Until it is asked again, there may be more.
            self.slot.change(|state| state.is_waiting = true);
        }
        piece.map(|piece| piece.map(|frame| frame.map_data(|bytes| self.lend(bytes))))
    }

    /// A piece stays the call's until its last byte has left: a client that takes one byte of it is given
    /// all of it by the one who writes.
    fn lend(&self, bytes: Bytes) -> Bytes {
        self.slot
            .change(|state| state.pieces = state.pieces.saturating_add(1));
        Bytes::from_owner(Lent {
            bytes,
            slot: Arc::clone(&self.slot),
        })
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.slot.change(|state| {
            state.is_waiting = false;
            state.is_over = true;
        });
    }
}

/// A piece on its way to the client.
struct Lent {
    bytes: Bytes,
    slot: Arc<Slot>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.slot
            .change(|state| state.pieces = state.pieces.saturating_sub(1));
    }
}

#[derive(Debug)]
struct Slot {
    account: Arc<Account>,
    held: usize,
    state: Mutex<State>,
    client: Mutex<Option<Waker>>,
}

#[derive(Debug, Default)]
struct State {
    /// There may be something that the client was not asked to take.
    is_waiting: bool,
    /// Pieces that are on their way.
    pieces: usize,
    /// Who wakes it now does so for nothing.
    is_over: bool,
    /// The entry of the ledger, while there is something unread.
    entry: Option<u64>,
}

impl Slot {
    fn client(&self) -> MutexGuard<'_, Option<Waker>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let is_unread = state.pieces > 0 || (state.is_waiting && !state.is_over);
        let Account { unread, number, .. } = &*self.account;
        match state.entry {
            None if is_unread => {
                let (entry, is_crowded) = unread.ledger().enter(*number, self.held, Instant::now());
                state.entry = Some(entry);
                if is_crowded {
                    unread.crowded.notify_one();
                }
            }
            Some(entry) if !is_unread => {
                unread.ledger().strike(*number, entry);
                state.entry = None;
            }
            None | Some(_) => {}
        }
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Something has come for a client that had read everything.
    fn wake_by_ref(self: &Arc<Self>) {
        self.change(|state| state.is_waiting = true);
        let client = self.client().clone();
        if let Some(client) = client {
            client.wake();
        }
    }
}

#[derive(Debug, Default)]
struct Ledger {
    next: u64,
    calls: usize,
    clients: BTreeMap<u64, Client>,
}

#[derive(Debug)]
struct Client {
    share: Share,
    /// Calls with something unread: since when, and how much of it is held.
    calls: BTreeMap<u64, (Instant, usize)>,
    overdrawn: Arc<Notify>,
}

impl Client {
    fn oldest(&self) -> Option<Instant> {
        self.calls.values().map(|(since, _)| *since).min()
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.oldest()
            .is_some_and(|since| now.saturating_duration_since(since) >= limits::UNREAD_PATIENCE)
    }

    /// What is held of replies that were left for long.
    fn hoarded(&self, now: Instant) -> usize {
        let calls = self.calls.values();
        let old = calls.filter(|(since, held)| {
            *held > 0 && now.saturating_duration_since(*since) >= limits::UNREAD_TIMEOUT
        });
        old.map(|(_, held)| held).sum()
    }
}

impl Ledger {
    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    fn open(&mut self, share: Share, overdrawn: Arc<Notify>) -> u64 {
        let number = self.number();
        let client = Client {
            share,
            calls: BTreeMap::new(),
            overdrawn,
        };
        self.clients.insert(number, client);
        number
    }

    fn close(&mut self, number: u64) {
        if let Some(client) = self.clients.remove(&number) {
            self.calls = self.calls.saturating_sub(client.calls.len());
        }
    }

    /// Enters a call; says whether there is too much now.
    fn enter(&mut self, number: u64, held: usize, now: Instant) -> (u64, bool) {
        let entry = self.number();
        let Some(client) = self.clients.get_mut(&number) else {
            return (entry, false);
        };
        client.calls.insert(entry, (now, held));
        self.calls = self.calls.saturating_add(1);
        (entry, self.calls > limits::UNREAD_MAX)
    }

    fn strike(&mut self, number: u64, entry: u64) {
        let client = self.clients.get_mut(&number);
        if client.is_some_and(|client| client.calls.remove(&entry).is_some()) {
            self.calls = self.calls.saturating_sub(1);
        }
    }

    /// Closes the connection with the most, the one that has had something for longest among equals;
    /// as many as it takes. What readers leave costs no administrator the connection.
    ///
    /// Who took everything a moment ago is not closed for a burst of news. Says whether it is done.
    fn close_worst(&mut self, now: Instant) -> bool {
        while self.calls > limits::UNREAD_MAX {
            let readers = self.clients.values();
            let readers = readers.filter(|client| client.share == Share::Common);
            let left_by_readers: usize = readers.map(|client| client.calls.len()).sum();
            let is_theirs = left_by_readers > limits::UNREAD_MAX / 2;
            let worst = self
                .clients
                .iter()
                .filter(|(_, client)| !is_theirs || client.share == Share::Common)
                .max_by_key(|(_, client)| (client.calls.len(), std::cmp::Reverse(client.oldest())))
                .filter(|(_, client)| client.is_slow(now))
                .map(|(number, _)| *number);
            // Nobody else goes in the place of who has most.
            let Some(worst) = worst else {
                return false;
            };
            self.dismiss(worst);
        }
        true
    }

    /// Closes the connection that holds the most of what was not read for long.
    fn close_hoarder(&mut self, now: Instant) {
        let hoarder = self
            .clients
            .iter()
            .map(|(number, client)| (client.hoarded(now), *number))
            .filter(|(held, _)| *held > 0)
            .max();
        if let Some((_, hoarder)) = hoarder {
            self.dismiss(hoarder);
        }
    }

    /// What it has counts no more: it is on its way out.
    fn dismiss(&mut self, number: u64) {
        if let Some(client) = self.clients.remove(&number) {
            self.calls = self.calls.saturating_sub(client.calls.len());
            client.overdrawn.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(ledger: &mut Ledger, share: Share) -> (u64, Arc<Notify>) {
        let overdrawn = Arc::new(Notify::new());
        (ledger.open(share, Arc::clone(&overdrawn)), overdrawn)
    }

    /// Whether it was told to close; a second question is answered with no.
    async fn is_told(overdrawn: &Notify) -> bool {
        tokio::select! {
            biased;
            () = overdrawn.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    fn entered(ledger: &mut Ledger, number: u64, count: usize) {
        for _ in 0..count {
            ledger.enter(number, 0, Instant::now());
        }
    }

    #[tokio::test]
    async fn the_connection_with_the_most_is_closed_when_there_is_too_much() {
        let mut ledger = Ledger::default();
        let (few, few_told) = opened(&mut ledger, Share::Whole);
        let (many, many_told) = opened(&mut ledger, Share::Whole);
        let (fewer, fewer_told) = opened(&mut ledger, Share::Whole);
        entered(&mut ledger, few, 20);
        entered(&mut ledger, many, limits::UNREAD_MAX - 20);
        let later = Instant::now() + limits::UNREAD_PATIENCE * 2;
        assert!(ledger.close_worst(later));
        assert!(!is_told(&many_told).await);

        let (_, is_crowded) = ledger.enter(fewer, 0, Instant::now());
        assert!(is_crowded);
        // Not for a burst.
        assert!(!ledger.close_worst(Instant::now()));
        assert!(ledger.close_worst(later));

        assert!(is_told(&many_told).await);
        assert!(!is_told(&few_told).await && !is_told(&fewer_told).await);
        assert_eq!(ledger.calls, 21);
        // What comes late of who was dismissed is nothing.
        let (late, _) = ledger.enter(many, 0, Instant::now());
        ledger.strike(many, late);
        assert_eq!(ledger.calls, 21);
    }

    #[tokio::test]
    async fn what_many_readers_leave_costs_no_administrator_the_connection() {
        let mut ledger = Ledger::default();
        let (admin, admin_told) = opened(&mut ledger, Share::Whole);
        entered(&mut ledger, admin, 4);
        let mut told = Vec::new();
        for _ in 0..21 {
            let (reader, reader_told) = opened(&mut ledger, Share::Common);
            entered(&mut ledger, reader, 3);
            told.push(reader_told);
        }

        ledger.close_worst(Instant::now() + limits::UNREAD_PATIENCE * 2);

        assert!(!is_told(&admin_told).await);
        assert!(is_told(&told[0]).await && !is_told(&told[1]).await);
    }

    #[tokio::test]
    async fn who_holds_a_reply_for_long_makes_room_and_who_reads_does_not() {
        let now = Instant::now();
        let later = now + limits::UNREAD_TIMEOUT;
        let mut ledger = Ledger::default();
        let (hoarder, hoarder_told) = opened(&mut ledger, Share::Whole);
        let (reader, reader_told) = opened(&mut ledger, Share::Whole);
        let (streaming, streaming_told) = opened(&mut ledger, Share::Whole);
        ledger.enter(hoarder, 100, now);
        // It has a stream that never ends, and has just asked for something long.
        ledger.enter(reader, 0, now);
        ledger.enter(reader, 900, later);
        ledger.enter(streaming, 0, now);

        ledger.close_hoarder(later);
        ledger.close_hoarder(later);

        assert!(is_told(&hoarder_told).await);
        assert!(!is_told(&reader_told).await && !is_told(&streaming_told).await);
    }

    #[tokio::test]
    async fn a_call_that_has_nothing_to_say_takes_nothing_until_something_comes() {
        let unread = Arc::new(Unread::default());
        let account = Arc::new(unread.open(Share::Common));
        let tab = account.tab(0);
        let count = || unread.ledger().calls;
        assert_eq!(count(), 1);
        let cx = Context::from_waker(Waker::noop());
        let mut upstream = None;

        let nothing = tab.read(&cx, |cx| {
            upstream = Some(cx.waker().clone());
            Poll::Pending
        });
        assert!(nothing.is_pending());
        assert_eq!(count(), 0);
        let upstream = upstream.unwrap();
        upstream.wake_by_ref();
        assert_eq!(count(), 1);
        assert!(tab.read(&cx, |_| Poll::Ready(None)).is_ready());
        assert_eq!(count(), 0);

        drop(tab);
        upstream.wake();
        assert_eq!(count(), 0);
    }

    /// One byte of window was enough for a reply of megabytes that nobody counted.
    #[tokio::test]
    async fn a_piece_counts_until_its_last_byte_has_left_also_when_the_call_is_over() {
        let unread = Arc::new(Unread::default());
        let account = Arc::new(unread.open(Share::Common));
        let tab = account.tab(7);
        let count = || unread.ledger().calls;
        let cx = Context::from_waker(Waker::noop());
        let piece = || Poll::Ready(Some(Frame::data(Bytes::from_static(b"a reply"))));

        let Poll::Ready(Some(frame)) = tab.read(&cx, |_| piece()) else {
            panic!("there is one");
        };
        let mut bytes = frame.into_data().unwrap();
        assert!(tab.read(&cx, |_| Poll::Ready(None)).is_ready());
        drop((tab, account));
        assert_eq!(count(), 1);
        let first = bytes.split_to(1);
        assert_eq!((&first[..], &bytes[..]), (&b"a"[..], &b" reply"[..]));
        drop(first);
        assert_eq!(count(), 1);

        drop(bytes);
        assert_eq!(count(), 0);
    }
}
