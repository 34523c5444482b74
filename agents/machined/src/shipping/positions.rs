// SPDX-License-Identifier: MPL-2.0
//! How far each receiver has got in each log.
//!
//! They are kept in `/run` for the next machined, so that it does not send everything again; with
//! the machine they end, as the logs do.
//!
//! Owns: the positions, their file, and what of them has been sent.
//! Never: keeps a position of a receiver that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The longest file that is read: sixteen receivers of every log have less.
const FILE_MAX: u64 = 512 * 1024;

type ByLog = BTreeMap<String, u64>;

#[derive(Debug, Default)]
struct State {
    /// By the text of the receiver's key.
    by_receiver: BTreeMap<String, ByLog>,
    /// Whether the file has others.
    is_saved: bool,
}

/// All positions.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    state: Mutex<State>,
    /// Up to which growth of all logs each connected receiver has everything.
    sent: watch::Sender<BTreeMap<String, u64>>,
}

impl Positions {
    /// Those of the machined before this one, if there was one since the machine started.
    #[must_use]
    pub(crate) fn load(path: &Path) -> Self {
        let is_short = std::fs::metadata(path).is_ok_and(|file| file.len() <= FILE_MAX);
        let text = is_short.then(|| std::fs::read(path).ok()).flatten();
        let kept = text.and_then(|text| serde_json::from_slice(&text).ok());
        let state = State {
            by_receiver: kept.unwrap_or_default(),
            is_saved: true,
        };
        Self {
            state: Mutex::new(state),
            sent: watch::Sender::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes them down, if they have changed since.
    ///
    /// # Errors
    /// The kernel's: there is no memory.
    pub(crate) fn save(&self, path: &Path) -> std::io::Result<()> {
        let text = {
            let mut state = self.state();
            if std::mem::replace(&mut state.is_saved, true) {
                return Ok(());
            }
            serde_json::to_vec(&state.by_receiver).unwrap_or_default()
        };
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, path)
    }

    /// Where a receiver goes on in a log; nothing when that has not been noted yet.
    #[must_use]
    pub(crate) fn get(&self, receiver: &str, log: &str) -> Option<u64> {
        self.state().by_receiver.get(receiver)?.get(log).copied()
    }

    /// Notes where a receiver goes on.
    pub(crate) fn set(&self, receiver: &str, log: &str, cursor: u64) {
        let mut state = self.state();
        state.is_saved = false;
        let by_log = state.by_receiver.entry(receiver.to_owned()).or_default();
        by_log.insert(log.to_owned(), cursor);
    }

    /// Notes where a receiver goes on in a log of which it has got nothing yet.
    pub(crate) fn begin(&self, receiver: &str, log: &str, cursor: u64) {
        if self.get(receiver, log).is_none() {
            self.set(receiver, log, cursor);
        }
    }

    /// Forgets a log.
    pub(crate) fn forget(&self, receiver: &str, log: &str) {
        let mut state = self.state();
        state.is_saved = false;
        if let Some(by_log) = state.by_receiver.get_mut(receiver) {
            by_log.remove(log);
        }
    }

    /// Forgets all other receivers.
    pub(crate) fn keep_only(&self, receivers: &BTreeSet<String>) {
        let mut state = self.state();
        let before = state.by_receiver.len();
        state.by_receiver.retain(|key, _| receivers.contains(key));
        if state.by_receiver.len() != before {
            state.is_saved = false;
        }
    }

    /// Notes that a receiver has everything up to a growth of all logs.
    pub(crate) fn sent(&self, receiver: &str, growth: u64) {
        self.sent.send_if_modified(|sent| {
            let before = sent.insert(receiver.to_owned(), growth);
            before != Some(growth)
        });
    }

    /// Notes that a receiver cannot be reached.
    pub(crate) fn unreachable(&self, receiver: &str) {
        self.sent
            .send_if_modified(|sent| sent.remove(receiver).is_some());
    }

    /// Waits until every receiver that can be reached has everything up to a growth.
    pub(crate) async fn all_sent(&self, growth: u64) {
        let mut sent = self.sent.subscribe();
        let all = |sent: &BTreeMap<String, u64>| sent.values().all(|has| *has >= growth);
        // The sender is in `self`: it does not end before this.
        let _done = sent.wait_for(all).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_outlive_machined_and_those_of_others_are_forgotten() {
        let folder = crate::testing::Folder::new();
        let path = folder.path().join("positions");
        let first = Positions::load(&path);
        first.set("a", "apid", 7);
        first.set("b", "apid", 8);
        first.begin("a", "apid", 3);
        first.begin("b", "netd", 5);
        assert_eq!(first.get("b", "netd"), Some(5));
        first.forget("b", "apid");
        first.save(&path).unwrap();

        let second = Positions::load(&path);
        second.keep_only(&BTreeSet::from(["a".to_owned()]));
        second.save(&path).unwrap();

        let third = Positions::load(&path);
        assert_eq!(third.get("a", "apid"), Some(7));
        assert_eq!(third.get("a", "netd"), None);
        assert_eq!(third.state().by_receiver.len(), 1);
    }

    #[test]
    fn a_file_that_is_not_one_of_ours_is_no_file() {
        let folder = crate::testing::Folder::new();
        let path = folder.path().join("positions");
        for text in ["", "{", "[]", "{\"a\": 1}", "{\"a\": {\"b\": -1}}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                Positions::load(&path).state().by_receiver.len(),
                0,
                "{text}"
            );
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_receivers_that_can_be_reached_are_waited_for() {
        let positions = Positions::default();
        positions.all_sent(5).await;
        positions.sent("a", 5);
        positions.sent("b", 4);
        let waits = std::pin::pin!(positions.all_sent(5));
        let soon = tokio::time::timeout(std::time::Duration::from_millis(1), waits);
        assert!(soon.await.is_err());

        positions.unreachable("b");
        positions.all_sent(5).await;
    }
}
