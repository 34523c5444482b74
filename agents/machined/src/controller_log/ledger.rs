// SPDX-License-Identifier: MPL-2.0
//! What is said of what controllers did.
//!
//! Owns: which changes are worth a line, and when a failing controller is an error.
//! Never: reads a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use resource::{Change, Deed, Kind, Ran, ResourceSpec as _};

use super::entry::{Entry, Level};
use crate::on_demand;
use crate::resources::{LeaseStatus, LoadedKernelModule};

/// From so many failures in a row on, a controller is an error. Controllers may fail at any time and
/// are tried again; after three times the next one comes 3.5 s after the first.
const PATIENCE: u32 = 4;

/// How often each controller has failed in a row.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    failures: BTreeMap<&'static str, u32>,
}

/// Types that count something besides what they are about: that they come and go is said, and that
/// they are updated is not.
const COUNTING: &[&Kind] = &[
    // Requests without an answer, on a link without a server for ever. What an answer brings is
    // said of addresses, routes and resolvers.
    LeaseStatus::KIND,
    // Users of a module.
    LoadedKernelModule::KIND,
];

/// Whether a change is one of counters, which move on a node that has all that it wants: with them
/// its log would not be silent. Some are read for who looks at them, and differ whenever they are.
fn is_of_counters(change: &Change) -> bool {
    let counts = || COUNTING.iter().any(|kind| kind.name == change.kind.name);
    on_demand::is_of(change.kind) || (change.deed == Deed::Updated && counts())
}

/// What is said of changes.
pub(super) fn of_changes(changes: &[Change]) -> impl Iterator<Item = Entry> {
    let all = changes.iter();
    all.filter(|change| !is_of_counters(change))
        .map(Entry::changed)
}

impl Ledger {
    /// What is said of a run of the engine that ended at a moment of the monotonic clock.
    pub(super) fn entries(&mut self, ran: &Ran, now: Duration) -> Vec<Entry> {
        let mut entries: Vec<Entry> = of_changes(&ran.changes).collect();
        for name in &ran.recoveries {
            let count = self.failures.remove(name).unwrap_or(0);
            let mut entry = Entry::recovered(name, count);
            // Whoever was shown an error is shown its end.
            entry.is_for_console = count >= PATIENCE;
            entries.push(entry);
        }
        for (name, failure, retry_at) in &ran.failures {
            let count = self.failures.entry(name).or_default();
            *count = count.saturating_add(1);
            let level = if *count < PATIENCE {
                Level::Warn
            } else {
                Level::Error
            };
            let retry_in = retry_at.saturating_sub(now);
            entries.push(Entry::failed(level, name, failure, retry_in));
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use resource::Failure;

    use super::*;
    use crate::resources::{AdjtimeStatus, CpuStats, HostnameStatus, MemoryStats};

    const NAME: &str = "test.Controller";

    fn failed() -> Ran {
        let retry_at = Duration::from_millis(1500);
        Ran {
            failures: vec![(NAME, Failure::new("busy"), retry_at)],
            ..Ran::default()
        }
    }

    fn recovered() -> Ran {
        Ran {
            recoveries: vec![NAME],
            ..Ran::default()
        }
    }

    fn told(ledger: &mut Ledger, ran: &Ran) -> (String, bool) {
        let entries = ledger.entries(ran, Duration::from_secs(1));
        let [entry] = &entries[..] else {
            panic!("{entries:?}");
        };
        let line = entry.line(std::time::SystemTime::UNIX_EPOCH);
        let (_date, rest) = line.split_once(' ').unwrap();
        (rest.to_owned(), entry.is_for_console)
    }

    #[test]
    fn diag_21_who_fails_again_and_again_is_an_error_that_the_console_shows_with_its_end() {
        let mut ledger = Ledger::default();
        for number in 1..=6 {
            let (line, is_for_console) = told(&mut ledger, &failed());

            let level = if number < 4 { "WARN" } else { "ERROR" };
            assert!(
                line.starts_with(&format!("{level} controller failed {{")),
                "{line}"
            );
            assert!(
                line.ends_with("\"error\": \"busy\", \"retry_in\": \"500ms\"}"),
                "{line}"
            );
            assert_eq!(is_for_console, number >= 4);
        }

        let (line, is_for_console) = told(&mut ledger, &recovered());
        assert!(
            line.starts_with("INFO controller succeeded again {"),
            "{line}"
        );
        assert!(
            line.ends_with("\"failures\": 6}") && is_for_console,
            "{line}"
        );
        // It begins anew.
        assert!(!told(&mut ledger, &failed()).1);
        let (line, is_for_console) = told(&mut ledger, &recovered());
        assert!(
            line.ends_with("\"failures\": 1}") && !is_for_console,
            "{line}"
        );
    }

    #[test]
    fn diag_21_counters_are_not_said() {
        for (kind, deed, said) in [
            (CpuStats::KIND, Deed::Created, 0),
            (CpuStats::KIND, Deed::Updated, 0),
            (MemoryStats::KIND, Deed::Updated, 0),
            (AdjtimeStatus::KIND, Deed::Updated, 0),
            (LeaseStatus::KIND, Deed::Created, 1),
            (LeaseStatus::KIND, Deed::Updated, 0),
            (LoadedKernelModule::KIND, Deed::Updated, 0),
            (LoadedKernelModule::KIND, Deed::Destroyed, 1),
            (HostnameStatus::KIND, Deed::Updated, 1),
        ] {
            let change = Change {
                owner: NAME,
                deed,
                namespace: kind.namespace,
                kind,
                id: "node".to_owned(),
            };

            assert_eq!(
                of_changes(&[change]).count(),
                said,
                "{} {deed:?}",
                kind.name
            );
        }
    }

    #[test]
    fn diag_21_a_run_in_which_nothing_happened_is_not_said() {
        let ran = Ran {
            calls: 7,
            is_settled: true,
            ..Ran::default()
        };

        assert!(Ledger::default().entries(&ran, Duration::ZERO).is_empty());
    }
}
