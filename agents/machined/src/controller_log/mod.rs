// SPDX-License-Identifier: MPL-2.0
//! The log of what controllers do, `controller-runtime`. (docs/decisions/0064)
//!
//! logd keeps it, as it keeps all logs; what is here is on its way there.
//!
//! Owns: what is told of a run of the engine and of a source's news, and who is told.
//! Never: tells what a resource holds, or says anything of a node on which nothing changes.

mod deliver;
mod entry;
mod ledger;
mod queue;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use resource::{Change, Now, Ran, Store};
use tokio::sync::Notify;

pub(crate) use self::deliver::deliver;

use self::entry::Entry;
use self::ledger::Ledger;
use self::queue::Queue;
use crate::journal::Journal;
use crate::resources::MachineConfig;

/// What of the log the console is shown, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    /// Controllers that fail for long.
    Errors,
    /// All of it.
    All,
}

impl Console {
    /// What the configuration says: all of it with `debug: true`.
    pub(crate) fn wanted(store: &Store) -> Self {
        let configuration = store.get::<MachineConfig>(MachineConfig::ID);
        let document = configuration.and_then(|found| found.0.document());
        match document.and_then(|document| document.debug) {
            Some(true) => Self::All,
            Some(false) | None => Self::Errors,
        }
    }

    fn shows(self, entry: &Entry) -> bool {
        match self {
            Self::Errors => entry.is_for_console,
            Self::All => true,
        }
    }
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct ControllerLog {
    inside: Mutex<Inside>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    ledger: Ledger,
    queue: Queue,
}

impl ControllerLog {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a run of the engine.
    pub(crate) fn ran(&self, journal: &Journal, ran: &Ran, now: Now, console: Console) {
        let entries = self.inside().ledger.entries(ran, now.monotonic);
        self.add(journal, entries, now.wall, console);
    }

    /// Tells of what a source wrote.
    pub(crate) fn changed(
        &self,
        journal: &Journal,
        changes: &[Change],
        now: SystemTime,
        console: Console,
    ) {
        let entries = ledger::of_changes(changes).collect();
        self.add(journal, entries, now, console);
    }

    fn add(&self, journal: &Journal, entries: Vec<Entry>, now: SystemTime, console: Console) {
        if entries.is_empty() {
            return;
        }
        for entry in entries.iter().filter(|entry| console.shows(entry)) {
            journal.pass_on(format_args!("[talos] {entry}"));
        }
        self.inside().queue.extend(now, entries);
        self.grown.notify_one();
    }

    /// Takes lines for one message to logd, as soon as there are some.
    async fn next(&self) -> String {
        loop {
            let lines = self.inside().queue.take(SystemTime::now());
            if let Some(lines) = lines {
                return lines;
            }
            self.grown.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::configuration;

    #[test]
    fn net_21_debug_in_the_configuration_shows_all_of_it_on_the_console() {
        let mut store = Store::new();
        assert_eq!(Console::wanted(&store), Console::Errors);
        for (text, wanted) in [
            ("debug: true\n", Console::All),
            ("debug: false\n", Console::Errors),
        ] {
            let config = configuration("debug: false\n", text);
            let now = SystemTime::now();
            store
                .put("t", "config", MachineConfig::ID, Arc::new(config), now)
                .unwrap();

            assert_eq!(Console::wanted(&store), wanted);
        }
        let mut entry = Entry::recovered("test.Controller", 1);
        assert!(!Console::Errors.shows(&entry) && Console::All.shows(&entry));
        entry.is_for_console = true;
        assert!(Console::Errors.shows(&entry));
    }
}
