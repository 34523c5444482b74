// SPDX-License-Identifier: MPL-2.0
//! How much of what there is for them clients have not read, and who has to go when it is too much.
//!
//! Owns: the sums, and the choice.
//! Never: ends a connection; it is told to end.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use api::quota::Share;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::{self, Scale};

/// Calls that are left by one client and worth closing it for when others need them.
const IDLE_LEAST: usize = 8;

/// What all connections have not read.
#[derive(Debug)]
pub(crate) struct Ledger {
    next: u64,
    bytes: usize,
    clients: BTreeMap<u64, Client>,
    scale: Scale,
}

#[derive(Debug)]
struct Client {
    whose: Whose,
    bytes: usize,
    /// Those that have something unread.
    calls: BTreeMap<u64, Call>,
    overdrawn: Arc<Notify>,
    /// Who waits until more may be read for it.
    paused: Vec<Waker>,
}

#[derive(Debug)]
struct Call {
    waiting: Waiting,
    /// When the client last took some of it.
    moved_at: Instant,
}

/// Whose an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whose {
    /// How much of what there is it may have.
    pub(crate) share: Share,
    /// Another node's, which carries the calls of many and counts them itself.
    pub(crate) is_node: bool,
    /// Whose of those who share, over all their connections.
    pub(crate) client: Option<u64>,
}

#[cfg(test)]
impl Whose {
    /// One with a single connection.
    pub(crate) const fn alone(share: Share) -> Self {
        Self {
            share,
            is_node: false,
            client: None,
        }
    }
}

/// Those of whom one has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// All who may have to for somebody with this share: for a reader no administrator, and no node.
    Beside(Share),
    /// The connections of one client.
    Own(u64),
}

/// What of a reply has not been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// So many bytes of a reply that passes.
    Passing(usize),
    /// So many bytes of a reply that is held whole, in the room that there is for those.
    Held(usize),
}

impl Waiting {
    /// Those that count.
    const fn passing(self) -> usize {
        match self {
            Self::Passing(bytes) => bytes,
            Self::Held(_) => 0,
        }
    }

    const fn held(self) -> usize {
        match self {
            Self::Passing(_) => 0,
            Self::Held(bytes) => bytes,
        }
    }
}

impl Among {
    fn has(self, whose: Whose) -> bool {
        match self {
            Self::Beside(share) => {
                !whose.is_node && (share == Share::Whole || whose.share == Share::Common)
            }
            Self::Own(client) => whose.client == Some(client),
        }
    }
}

impl Client {
    fn oldest(&self) -> Option<Instant> {
        self.calls.values().map(|call| call.moved_at).min()
    }

    /// Whether most of what it has was left lying.
    fn is_slow(&self, now: Instant) -> bool {
        let left = self.left_for(limits::UNREAD_PATIENCE, now);
        let slow: usize = left.map(Waiting::passing).sum();
        slow > self.bytes / 2
    }

    /// What is held of replies that were left for long.
    fn hoarded(&self, now: Instant) -> usize {
        let left = self.left_for(limits::UNREAD_TIMEOUT, now);
        left.map(Waiting::held).sum()
    }

    fn left_for(&self, limit: std::time::Duration, now: Instant) -> impl Iterator<Item = Waiting> {
        let calls = self.calls.values();
        let left = calls.filter(move |call| now.saturating_duration_since(call.moved_at) >= limit);
        left.map(|call| call.waiting)
    }
}

impl Ledger {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            next: 0,
            bytes: 0,
            clients: BTreeMap::new(),
            scale,
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    /// Opens an account; `overdrawn` is told when it has to be closed.
    pub(crate) fn open(&mut self, whose: Whose, overdrawn: Arc<Notify>) -> u64 {
        let number = self.number();
        let client = Client {
            whose,
            bytes: 0,
            calls: BTreeMap::new(),
            overdrawn,
            paused: Vec::new(),
        };
        self.clients.insert(number, client);
        number
    }

    pub(crate) fn close(&mut self, number: u64) -> Option<Arc<Notify>> {
        let client = self.clients.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(client.bytes);
        client.paused.into_iter().for_each(Waker::wake);
        self.resume();
        Some(client.overdrawn)
    }

    /// Says whether more may be read for a client. If not, `waker` is woken when it may: who takes what it
    /// gets is slowed down by that, before anybody is closed.
    pub(crate) fn may_read(&mut self, number: u64, waker: &Waker) -> bool {
        let is_crowded = self.is_crowded();
        match self.clients.get_mut(&number) {
            Some(client) if is_crowded && client.bytes > self.scale.unread_share => {
                if !client.paused.iter().any(|known| known.will_wake(waker)) {
                    client.paused.push(waker.clone());
                }
                false
            }
            _ => true,
        }
    }

    /// Lets those read on who may.
    fn resume(&mut self) {
        let is_crowded = self.is_crowded();
        let share = self.scale.unread_share;
        for client in self.clients.values_mut() {
            if !(is_crowded && client.bytes > share) {
                client.paused.drain(..).for_each(Waker::wake);
            }
        }
    }

    /// Enters a call of an account, with nothing yet.
    pub(crate) fn enter(&mut self, account: u64, waiting: Waiting, now: Instant) -> u64 {
        let entry = self.number();
        if let Some(client) = self.clients.get_mut(&account) {
            let call = Call {
                waiting,
                moved_at: now,
            };
            client.calls.insert(entry, call);
            add(&mut client.bytes, &mut self.bytes, waiting.passing());
        }
        entry
    }

    /// Says anew what a call has; `moved_at`: the client took something now.
    pub(crate) fn update(
        &mut self,
        (account, entry): (u64, u64),
        waiting: Waiting,
        moved_at: Option<Instant>,
    ) {
        let Some(client) = self.clients.get_mut(&account) else {
            return;
        };
        let Some(call) = client.calls.get_mut(&entry) else {
            return;
        };
        let before = std::mem::replace(&mut call.waiting, waiting).passing();
        call.moved_at = moved_at.unwrap_or(call.moved_at);
        take(&mut client.bytes, &mut self.bytes, before);
        add(&mut client.bytes, &mut self.bytes, waiting.passing());
        if waiting.passing() < before {
            self.resume();
        }
    }

    /// Ends a call that has nothing more.
    pub(crate) fn strike(&mut self, (account, entry): (u64, u64)) {
        if let Some(client) = self.clients.get_mut(&account)
            && let Some(call) = client.calls.remove(&entry)
        {
            take(&mut client.bytes, &mut self.bytes, call.waiting.passing());
            self.resume();
        }
    }

    /// Whether there is more than there should be for long.
    pub(crate) fn is_crowded(&self) -> bool {
        self.bytes > self.scale.unread_much
    }

    /// Whether there is more than there may be for a moment.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > self.scale.unread_most
    }

    /// Closes the connection with the most, the one that has had something for longest among equals;
    /// as many as it takes. What readers leave costs no administrator the connection, and what clients
    /// leave costs no other node its one.
    ///
    /// Who takes what it gets is not closed for a burst, unless there is no room for that either. Says
    /// whether it is done.
    pub(crate) fn close_worst(&mut self, now: Instant) -> bool {
        while self.is_crowded() {
            let most = self.bytes / 2;
            let by_nodes = self.left_by(|client| client.whose.is_node) > most;
            let by_readers = self.left_by(|client| client.whose.share == Share::Common) > most;
            let worst = self
                .clients
                .iter()
                .filter(|(_, client)| client.whose.is_node == by_nodes)
                .filter(|(_, client)| !by_readers || client.whose.share == Share::Common)
                .max_by_key(|(_, client)| (client.bytes, Reverse(client.oldest())))
                .filter(|(_, client)| self.is_full() || (!by_nodes && client.is_slow(now)))
                .map(|(number, _)| *number);
            // Nobody else goes in the place of who has most.
            let Some(worst) = worst else {
                return false;
            };
            self.dismiss(worst);
        }
        true
    }

    fn left_by(&self, whose: impl Fn(&Client) -> bool) -> usize {
        let clients = self.clients.values().filter(|client| whose(client));
        clients.map(|client| client.bytes).sum()
    }

    fn among(&self, among: Among) -> impl Iterator<Item = (u64, &Client)> {
        let clients = self.clients.iter();
        let clients = clients.filter(move |(_, client)| among.has(client.whose));
        clients.map(|(number, client)| (*number, client))
    }

    /// Closes the connection that holds the most of what was not read for long, for somebody with `share`.
    pub(crate) fn close_hoarder(&mut self, share: Share, now: Instant) {
        let hoarded = |(number, client): (u64, &Client)| (client.hoarded(now), number);
        let hoarder = self.among(Among::Beside(share)).map(hoarded).max();
        if let Some((1.., hoarder)) = hoarder {
            self.dismiss(hoarder);
        }
    }

    /// Closes the connection with most calls that were left for some time. Few are not worth it.
    pub(crate) fn close_idler(&mut self, among: Among, now: Instant) {
        let left = |(number, client): (u64, &Client)| {
            let left = client.left_for(limits::UNREAD_PATIENCE, now);
            (left.count(), number)
        };
        let idler = self.among(among).map(left).max();
        if let Some((IDLE_LEAST.., idler)) = idler {
            self.dismiss(idler);
        }
    }

    /// What it has counts no more: it is on its way out.
    fn dismiss(&mut self, number: u64) {
        if let Some(overdrawn) = self.close(number) {
            overdrawn.notify_one();
        }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn add(one: &mut usize, all: &mut usize, bytes: usize) {
    *one = one.saturating_add(bytes);
    *all = all.saturating_add(bytes);
}

fn take(one: &mut usize, all: &mut usize, bytes: usize) {
    *one = one.saturating_sub(bytes);
    *all = all.saturating_sub(bytes);
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::arithmetic_side_effects,
        reason = "a test fails where it stands"
    )]

    use super::*;

    const MUCH: usize = Scale::SMALL.unread_much;

    fn ledger() -> Ledger {
        Ledger::new(Scale::SMALL)
    }

    fn opened(ledger: &mut Ledger, share: Share) -> (u64, Arc<Notify>) {
        let overdrawn = Arc::new(Notify::new());
        let number = ledger.open(Whose::alone(share), Arc::clone(&overdrawn));
        (number, overdrawn)
    }

    /// Whether it was told to close; a second question is answered with no.
    async fn is_told(overdrawn: &Notify) -> bool {
        tokio::select! {
            biased;
            () = overdrawn.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    fn entered(ledger: &mut Ledger, account: u64, bytes: usize) -> u64 {
        ledger.enter(account, Waiting::Passing(bytes), Instant::now())
    }

    fn later() -> Instant {
        Instant::now() + limits::UNREAD_PATIENCE * 2
    }

    #[tokio::test]
    async fn the_connection_with_the_most_is_closed_when_there_is_too_much() {
        let mut ledger = ledger();
        let (few, few_told) = opened(&mut ledger, Share::Whole);
        let (many, many_told) = opened(&mut ledger, Share::Whole);
        let (fewer, fewer_told) = opened(&mut ledger, Share::Whole);
        entered(&mut ledger, few, MUCH / 4);
        let most = entered(&mut ledger, many, MUCH * 3 / 4);
        assert!(ledger.close_worst(later()));
        assert!(!is_told(&many_told).await);

        entered(&mut ledger, fewer, 10);
        assert!(ledger.is_crowded());
        // Not for a burst.
        assert!(!ledger.close_worst(Instant::now()));
        assert!(ledger.close_worst(later()));

        assert!(is_told(&many_told).await);
        assert!(!is_told(&few_told).await && !is_told(&fewer_told).await);
        assert_eq!(ledger.bytes(), MUCH / 4 + 10);
        // What comes late of who was dismissed is nothing.
        let late = entered(&mut ledger, many, 100);
        for entry in [late, most] {
            ledger.update((many, entry), Waiting::Passing(7), None);
            ledger.strike((many, entry));
        }
        assert_eq!(ledger.bytes(), MUCH / 4 + 10);
    }

    #[tokio::test]
    async fn a_burst_beyond_everything_ends_at_once_whoever_takes_what() {
        let mut ledger = ledger();
        let (quick, quick_told) = opened(&mut ledger, Share::Whole);
        let (other, other_told) = opened(&mut ledger, Share::Whole);
        entered(&mut ledger, other, 1000);
        entered(&mut ledger, quick, Scale::SMALL.unread_most);

        assert!(ledger.close_worst(Instant::now()));

        assert!(is_told(&quick_told).await && !is_told(&other_told).await);
        assert_eq!(ledger.bytes(), 1000);
    }

    /// Clients of one node closed the connection that carries all clients of another.
    #[tokio::test]
    async fn another_node_goes_last_however_much_its_clients_leave() {
        let mut ledger = ledger();
        let told = Arc::new(Notify::new());
        let whose = Whose {
            is_node: true,
            ..Whose::alone(Share::Whole)
        };
        let node = ledger.open(whose, Arc::clone(&told));
        let (client, client_told) = opened(&mut ledger, Share::Common);
        entered(&mut ledger, node, MUCH * 2);
        entered(&mut ledger, client, 100);

        assert!(!ledger.close_worst(later()));
        assert!(!is_told(&told).await && !is_told(&client_told).await);

        entered(&mut ledger, node, Scale::SMALL.unread_most);
        assert!(ledger.close_worst(later()));
        assert!(is_told(&told).await && !is_told(&client_told).await);
    }

    #[tokio::test]
    async fn while_there_is_much_nothing_is_read_for_who_has_most_of_it() {
        let mut ledger = ledger();
        let (much, _) = opened(&mut ledger, Share::Whole);
        let (little, _) = opened(&mut ledger, Share::Whole);
        let call = entered(&mut ledger, much, MUCH);
        let other = entered(&mut ledger, little, 10);
        let woken = Arc::new(Notify::new());
        let waker = Waker::from(Arc::new(Tell(Arc::clone(&woken))));

        assert!(!ledger.may_read(much, &waker));
        assert!(ledger.may_read(little, &waker));
        assert!(!is_told(&woken).await);

        ledger.strike((little, other));
        assert!(is_told(&woken).await);
        assert!(ledger.may_read(much, &waker));
        ledger.update((much, call), Waiting::Passing(MUCH + 1), None);
        assert!(!ledger.may_read(much, &waker));
        ledger.update((much, call), Waiting::Passing(MUCH), None);
        assert!(is_told(&woken).await);
    }

    /// A waker that tells.
    struct Tell(Arc<Notify>);

    impl std::task::Wake for Tell {
        fn wake(self: Arc<Self>) {
            self.0.notify_one();
        }
    }

    #[tokio::test]
    async fn who_takes_what_it_gets_stays_however_long_it_has_something() {
        let mut ledger = ledger();
        let (quick, quick_told) = opened(&mut ledger, Share::Whole);
        let (slow, slow_told) = opened(&mut ledger, Share::Whole);
        let call = entered(&mut ledger, quick, MUCH - 100);
        entered(&mut ledger, slow, 200);
        let later = later();

        ledger.update((quick, call), Waiting::Passing(MUCH), Some(later));

        // Who has most takes it, and who does not has little.
        assert!(!ledger.close_worst(later));
        assert!(!is_told(&quick_told).await && !is_told(&slow_told).await);
        ledger.update((quick, call), Waiting::Passing(9), Some(later));
        assert!(ledger.close_worst(later));
        ledger.strike((quick, call));
        assert_eq!(ledger.bytes(), 200);
    }

    #[tokio::test]
    async fn what_many_readers_leave_costs_no_administrator_the_connection() {
        let mut ledger = ledger();
        let (admin, admin_told) = opened(&mut ledger, Share::Whole);
        entered(&mut ledger, admin, MUCH / 10);
        let mut told = Vec::new();
        for _ in 0..20 {
            let (reader, reader_told) = opened(&mut ledger, Share::Common);
            entered(&mut ledger, reader, MUCH / 21);
            told.push(reader_told);
        }

        assert!(ledger.close_worst(later()));

        assert!(!is_told(&admin_told).await);
        assert!(is_told(&told[0]).await && !is_told(&told[19]).await);
    }

    #[tokio::test]
    async fn a_clients_own_connections_make_room_for_it_and_no_others() {
        let mut ledger = ledger();
        let (other, other_told) = opened(&mut ledger, Share::Common);
        let told = Arc::new(Notify::new());
        let whose = Whose {
            client: Some(7),
            ..Whose::alone(Share::Common)
        };
        let own = ledger.open(whose, Arc::clone(&told));
        for _ in 0..IDLE_LEAST {
            entered(&mut ledger, own, 1);
            entered(&mut ledger, other, 1);
            entered(&mut ledger, other, 1);
        }

        ledger.close_idler(Among::Own(8), later());
        assert!(!is_told(&told).await);
        ledger.close_idler(Among::Own(7), later());

        assert!(is_told(&told).await && !is_told(&other_told).await);
    }

    #[tokio::test]
    async fn who_leaves_most_calls_makes_room_for_those_of_others() {
        let mut ledger = ledger();
        let (few, few_told) = opened(&mut ledger, Share::Common);
        let (many, many_told) = opened(&mut ledger, Share::Common);
        let (quick, quick_told) = opened(&mut ledger, Share::Common);
        entered(&mut ledger, few, 100);
        let (admin, admin_told) = opened(&mut ledger, Share::Whole);
        for _ in 0..IDLE_LEAST {
            entered(&mut ledger, many, 1);
            entered(&mut ledger, admin, 1);
            entered(&mut ledger, admin, 1);
            let call = entered(&mut ledger, quick, 1);
            ledger.update((quick, call), Waiting::Passing(1), Some(later()));
        }

        ledger.close_idler(Among::Beside(Share::Common), Instant::now());
        assert!(!is_told(&many_told).await);
        ledger.close_idler(Among::Beside(Share::Common), later());
        ledger.close_idler(Among::Beside(Share::Common), later());

        assert!(is_told(&many_told).await && !is_told(&admin_told).await);
        assert!(!is_told(&few_told).await && !is_told(&quick_told).await);
        ledger.close_idler(Among::Beside(Share::Whole), later());
        assert!(is_told(&admin_told).await);
    }

    #[tokio::test]
    async fn who_holds_a_reply_for_long_makes_room_and_who_reads_does_not() {
        let now = Instant::now();
        let later = now + limits::UNREAD_TIMEOUT;
        let mut ledger = ledger();
        let (hoarder, hoarder_told) = opened(&mut ledger, Share::Whole);
        let (reader, reader_told) = opened(&mut ledger, Share::Whole);
        let (streaming, streaming_told) = opened(&mut ledger, Share::Whole);
        ledger.enter(hoarder, Waiting::Held(100), now);
        // It has a stream that never ends, and has just asked for something long.
        ledger.enter(reader, Waiting::Passing(50), now);
        ledger.enter(reader, Waiting::Held(900), later);
        ledger.enter(streaming, Waiting::Passing(50), now);

        ledger.close_hoarder(Share::Common, later);
        assert!(!is_told(&hoarder_told).await);
        ledger.close_hoarder(Share::Whole, later);
        ledger.close_hoarder(Share::Whole, later);

        assert!(is_told(&hoarder_told).await);
        assert!(!is_told(&reader_told).await && !is_told(&streaming_told).await);
    }
}
