// SPDX-License-Identifier: MPL-2.0
//! How much one of those who share has of it, and leaves to the others.
//!
//! Administrators, operators and other nodes have places that nobody takes from them ([`Quota`]). Readers and
//! strangers share the rest, and one of them must not have all of it.
//!
//! Owns: who is one client, and that it has half at most.
//! Never: counts those whose places are kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use agent::origin::Origin;
use api::quota::{Quota, Share};
use tokio::sync::OwnedSemaphorePermit;

use crate::limits::{self, Scale};

/// A place among all, and one among those of its client if that one shares them.
pub(crate) type Places = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// Who a client is, over all its connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// The digest of its key, which its certificate says. The certificate itself can be written in several ways: who
    /// has one signed by ECDSA can make a second one of it that is as good.
    Key(String),
    /// It showed none, and comes from here.
    Place(Origin),
}

/// All who share and are connected.
#[derive(Debug)]
pub(crate) struct Clients {
    by_name: Mutex<HashMap<Name, Weak<Client>>>,
    next: AtomicU64,
    scale: Scale,
}

/// One of them: what it may still have.
#[derive(Debug)]
pub(crate) struct Client {
    /// Tells it from all others that are or were there.
    pub(crate) number: u64,
    seats: Quota,
    calls: Quota,
}

impl Clients {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            by_name: Mutex::default(),
            next: AtomicU64::new(0),
            scale,
        }
    }

    /// The one of that name; all its connections have the same.
    pub(crate) fn find(&self, name: Name) -> Arc<Client> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = by_name.get(&name).and_then(Weak::upgrade) {
            return client;
        }
        // Those who left. What stays is connected, or is about to be: there are few.
        by_name.retain(|_, client| client.strong_count() > 0);
        let half = |all: usize, kept: usize| Quota::new(all.saturating_sub(kept) / 2, 0);
        let client = Arc::new(Client {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            seats: half(self.scale.connections, limits::CONNECTIONS_KEPT),
            calls: half(self.scale.calls, limits::CALLS_KEPT),
        });
        by_name.insert(name, Arc::downgrade(&client));
        client
    }
}

impl Client {
    /// Takes a connection, if it may have one more.
    pub(crate) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        self.seats.take(Share::Whole, 1)
    }

    /// Takes a call, if it may have one more.
    pub(crate) fn call(&self) -> Option<OwnedSemaphorePermit> {
        self.calls.take(Share::Whole, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(key: &str) -> Name {
        Name::Key(key.to_owned())
    }

    #[test]
    fn a_client_has_half_over_all_its_connections_and_gets_it_back() {
        let clients = Clients::new(Scale::SMALL);
        let one = clients.find(named("one"));

        let half = (48 - 12) / 2;
        let mut seats: Vec<_> = (0..half).map(|_| one.seat().unwrap()).collect();
        assert!(clients.find(named("one")).seat().is_none());
        let calls: Vec<_> = (0..(1088 - 128) / 2).map(|_| one.call().unwrap()).collect();
        assert!(clients.find(named("one")).call().is_none());

        // Others have theirs.
        let other = clients.find(named("two"));
        assert!(other.seat().is_some() && other.call().is_some());
        let stranger = clients.find(Name::Place(Origin::of(([10, 0, 0, 1], 1000).into())));
        assert!(stranger.seat().is_some());
        seats.pop();
        drop(calls);
        assert!(one.seat().is_some() && one.call().is_some());
    }

    #[test]
    fn those_who_left_are_forgotten() {
        let clients = Clients::new(Scale::SMALL);
        let stays = clients.find(named("stays"));
        for number in 0..1000_u32 {
            drop(clients.find(named(&number.to_string())));
        }

        assert!(clients.by_name.lock().unwrap().len() <= 2);
        assert!(Arc::ptr_eq(&stays, &clients.find(named("stays"))));
    }
}
