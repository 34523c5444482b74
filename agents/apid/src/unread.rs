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

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits;

/// What all connections have not read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    ledger: Mutex<Ledger>,
    /// There is more than there may be.
    crowded: Notify,
}

impl Unread {
    /// Opens the account of a connection.
    pub(crate) fn open(self: &Arc<Self>) -> Account {
        let overdrawn = Arc::new(Notify::new());
        let number = self.ledger().open(Arc::clone(&overdrawn), Instant::now());
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
            self.ledger().close_worst();
        }
    }

    /// Makes room for replies that are held, if somebody has long not read one.
    pub(crate) fn relieve(&self) {
        self.ledger().close_hoarder(Instant::now());
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self, number: u64, held: usize) {
        if self.ledger().waits(number, held, Instant::now()) {
            self.crowded.notify_one();
        }
    }

    fn is_read(&self, number: u64, held: usize) {
        self.ledger().is_read(number, held);
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
            state: Mutex::new(State::Read),
            client: Mutex::new(None),
        });
        slot.change(State::Waiting);
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
    /// Asks for the next piece, because the client can take one. `poll` says whether there is one.
    pub(crate) fn read<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<Option<T>>,
    ) -> Poll<Option<T>> {
        self.slot.change(State::Read);
        *self.slot.client() = Some(cx.waker().clone());
        let piece = poll(&mut Context::from_waker(&self.waker));
        if let Poll::Ready(Some(_)) = piece {
            // Until it is asked again, there may be more.
            self.slot.change(State::Waiting);
        }
        piece
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.slot.change(State::Over);
    }
}

#[derive(Debug)]
struct Slot {
    account: Arc<Account>,
    held: usize,
    state: Mutex<State>,
    client: Mutex<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The client has all there is.
    Read,
    /// There may be something for it.
    Waiting,
    /// Who wakes it now does so for nothing.
    Over,
}

impl Slot {
    fn client(&self) -> MutexGuard<'_, Option<Waker>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, to: State) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Account { unread, number, .. } = &*self.account;
        match (*state, to) {
            (State::Over, _) | (State::Read, State::Read) | (State::Waiting, State::Waiting) => {
                return;
            }
            (State::Read, State::Waiting) => unread.waits(*number, self.held),
            (State::Waiting, State::Read | State::Over) => unread.is_read(*number, self.held),
            (State::Read, State::Over) => {}
        }
        *state = to;
    }
}

impl Wake for Slot {
    /// Something has come for a client that had read everything.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.change(State::Waiting);
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
    calls: usize,
    held: usize,
    /// Since when there was always something.
    since: Instant,
    overdrawn: Arc<Notify>,
}

impl Ledger {
    fn open(&mut self, overdrawn: Arc<Notify>, now: Instant) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let client = Client {
            calls: 0,
            held: 0,
            since: now,
            overdrawn,
        };
        self.clients.insert(number, client);
        number
    }

    fn close(&mut self, number: u64) {
        if let Some(client) = self.clients.remove(&number) {
            self.calls = self.calls.saturating_sub(client.calls);
        }
    }

    /// Says whether there is too much now.
    fn waits(&mut self, number: u64, held: usize, now: Instant) -> bool {
        let Some(client) = self.clients.get_mut(&number) else {
            return false;
        };
        if client.calls == 0 {
            client.since = now;
        }
        client.calls = client.calls.saturating_add(1);
        client.held = client.held.saturating_add(held);
        self.calls = self.calls.saturating_add(1);
        self.calls > limits::UNREAD_MAX
    }

    fn is_read(&mut self, number: u64, held: usize) {
        if let Some(client) = self.clients.get_mut(&number) {
            client.calls = client.calls.saturating_sub(1);
            client.held = client.held.saturating_sub(held);
            self.calls = self.calls.saturating_sub(1);
        }
    }

    /// Closes the connection with the most, the one that has had something for longest among equals;
    /// as many as it takes.
    fn close_worst(&mut self) {
        while self.calls > limits::UNREAD_MAX {
            let worst = self
                .clients
                .iter()
                .max_by_key(|(_, client)| (client.calls, std::cmp::Reverse(client.since)))
                .map(|(number, _)| *number);
            let Some(worst) = worst else {
                return;
            };
            self.dismiss(worst);
        }
    }

    /// Closes the connection that holds the most of those that have read nothing for long.
    fn close_hoarder(&mut self, now: Instant) {
        let hoarder = self
            .clients
            .iter()
            .filter(|(_, client)| {
                let idle = now.saturating_duration_since(client.since);
                client.held > 0 && idle >= limits::UNREAD_TIMEOUT
            })
            .max_by_key(|(_, client)| client.held)
            .map(|(number, _)| *number);
        if let Some(hoarder) = hoarder {
            self.dismiss(hoarder);
        }
    }

    /// What it has counts no more: it is on its way out.
    fn dismiss(&mut self, number: u64) {
        if let Some(client) = self.clients.remove(&number) {
            self.calls = self.calls.saturating_sub(client.calls);
            client.overdrawn.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(ledger: &mut Ledger, now: Instant) -> (u64, Arc<Notify>) {
        let overdrawn = Arc::new(Notify::new());
        (ledger.open(Arc::clone(&overdrawn), now), overdrawn)
    }

    /// Whether it was told to close; a second question is answered with no.
    async fn is_told(overdrawn: &Notify) -> bool {
        tokio::select! {
            biased;
            () = overdrawn.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_connection_with_the_most_is_closed_when_there_is_too_much() {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        let (few, few_told) = opened(&mut ledger, now);
        let (many, many_told) = opened(&mut ledger, now);
        let (fewer, fewer_told) = opened(&mut ledger, now);
        for _ in 0..30 {
            assert!(!ledger.waits(few, 0, now));
        }
        for _ in 30..limits::UNREAD_MAX {
            assert!(!ledger.waits(many, 0, now));
        }
        ledger.close_worst();
        assert!(!is_told(&many_told).await);

        assert!(ledger.waits(fewer, 0, now));
        ledger.close_worst();

        assert!(is_told(&many_told).await);
        assert!(!is_told(&few_told).await && !is_told(&fewer_told).await);
        assert_eq!(ledger.calls, 31);
        // What comes late of who was dismissed is nothing.
        ledger.is_read(many, 0);
        assert!(!ledger.waits(many, 0, now));
        assert_eq!(ledger.calls, 31);
    }

    #[tokio::test]
    async fn who_holds_a_reply_for_long_makes_room_and_who_reads_does_not() {
        let now = Instant::now();
        let later = now + limits::UNREAD_TIMEOUT;
        let mut ledger = Ledger::default();
        let (hoarder, hoarder_told) = opened(&mut ledger, now);
        let (reader, reader_told) = opened(&mut ledger, now);
        let (streaming, streaming_told) = opened(&mut ledger, now);
        ledger.waits(hoarder, 100, now);
        ledger.waits(reader, 900, now);
        ledger.waits(streaming, 0, now);
        ledger.is_read(reader, 900);
        ledger.waits(reader, 900, later);

        ledger.close_hoarder(later);
        ledger.close_hoarder(later);

        assert!(is_told(&hoarder_told).await);
        assert!(!is_told(&reader_told).await && !is_told(&streaming_told).await);
    }

    #[tokio::test]
    async fn a_call_that_has_nothing_to_say_takes_nothing_until_something_comes() {
        let unread = Arc::new(Unread::default());
        let account = Arc::new(unread.open());
        let tab = account.tab(0);
        let count = || unread.ledger().calls;
        assert_eq!(count(), 1);
        let cx = Context::from_waker(Waker::noop());
        let mut upstream = None;

        let nothing: Poll<Option<()>> = tab.read(&cx, |cx| {
            upstream = Some(cx.waker().clone());
            Poll::Pending
        });
        assert!(nothing.is_pending());
        assert_eq!(count(), 0);
        let upstream = upstream.unwrap();
        upstream.wake_by_ref();
        assert_eq!(count(), 1);
        assert!(tab.read(&cx, |_| Poll::Ready(Some(()))).is_ready());
        assert_eq!(count(), 1);
        assert!(
            tab.read(&cx, |_| Poll::<Option<()>>::Ready(None))
                .is_ready()
        );
        assert_eq!(count(), 0);

        drop(tab);
        upstream.wake();
        assert_eq!(count(), 0);
    }
}
