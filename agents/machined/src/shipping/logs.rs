// SPDX-License-Identifier: MPL-2.0
//! Which logs there are, and which of them have grown.
//!
//! Owns: one connection to logd for all receivers.
//! Never: keeps a line: logd's rings do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::Refusal;
use proto::log::{KERNEL, Length};
use tokio::sync::watch;

use super::destination::What;
use super::marks::Marks;
use crate::clock;
use crate::news::logs::Growth;
use crate::news::{Error, Retry};
use crate::node::Node;

/// The most logs that are known: more than logd has at once.
const LOGS_MAX: usize = 128;

/// One log.
#[derive(Debug, Default)]
struct Log {
    grown_at: u64,
    /// Where it began when it was first heard of.
    began: u64,
    marks: Marks,
}

/// All logs.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    by_name: Mutex<BTreeMap<String, Log>>,
    /// How often any of them has grown.
    growths: watch::Sender<u64>,
}

impl Logs {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Log>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every growth from now on.
    pub(crate) fn growths(&self) -> watch::Receiver<u64> {
        self.growths.subscribe()
    }

    /// How often any log has grown.
    pub(crate) fn growth(&self) -> u64 {
        *self.growths.borrow()
    }

    /// Whether a log has been heard of.
    fn knows(&self, name: &str) -> bool {
        self.all().contains_key(name)
    }

    /// Notes that logs have grown, and where those begin that had not been heard of.
    fn note(&self, grown: &[Length], began: &BTreeMap<String, u64>, now: Duration) {
        let growth = self.growth().saturating_add(1);
        let mut all = self.all();
        for length in grown {
            let name = length.name.as_str();
            if all.len() >= LOGS_MAX && !all.contains_key(name) {
                let quiet = all.iter().min_by_key(|(_, log)| log.grown_at);
                let quiet = quiet.map(|(name, _)| name.clone());
                quiet.and_then(|name| all.remove(&name));
            }
            let log = all.entry(name.to_owned()).or_insert_with(|| Log {
                began: began.get(name).copied().unwrap_or(0),
                ..Log::default()
            });
            log.grown_at = growth;
            log.marks.note(length.end, now);
        }
        drop(all);
        self.growths.send_replace(growth);
    }

    /// The logs of a kind, and when each has grown last.
    #[must_use]
    pub(crate) fn of(&self, what: What) -> Vec<(String, u64)> {
        self.all()
            .iter()
            .filter(|(name, _)| kind(name) == what)
            .map(|(name, log)| (name.clone(), log.grown_at))
            .collect()
    }

    /// The logs of a kind, and where each began when it was first heard of.
    #[must_use]
    pub(crate) fn beginnings(&self, what: What) -> Vec<(String, u64)> {
        let all = self.all();
        let logs = all.iter().filter(|(name, _)| kind(name) == what);
        logs.map(|(name, log)| (name.clone(), log.began)).collect()
    }

    /// When the line of a log that ends at a cursor had been written.
    #[must_use]
    pub(crate) fn written_at(&self, name: &str, end: u64) -> Option<Duration> {
        self.all().get(name)?.marks.written_at(end)
    }

    /// Forgets a log that is not there any more.
    pub(crate) fn forget(&self, name: &str) {
        self.all().remove(name);
    }
}

fn kind(log: &str) -> What {
    if log == KERNEL {
        What::Kernel
    } else {
        What::Services
    }
}

/// Follows logd for ever.
pub(crate) async fn follow(node: Arc<Node>, logs: Arc<Logs>) {
    let mut retry = Retry::of("logd");
    loop {
        let Err(error) = hear(&node, &logs, &mut retry).await;
        retry.wait(&node, error).await;
    }
}

async fn hear(
    node: &Node,
    logs: &Logs,
    retry: &mut Retry,
) -> Result<std::convert::Infallible, Error> {
    let mut growth = Growth::open(&node.places).await?;
    loop {
        let grown = growth.next().await?;
        retry.succeeded();
        let began = beginnings(&mut growth, logs, &grown).await?;
        logs.note(&grown, &began, clock::now().monotonic);
    }
}

/// Asks where logs begin that had not been heard of.
async fn beginnings(
    growth: &mut Growth,
    logs: &Logs,
    grown: &[Length],
) -> Result<BTreeMap<String, u64>, Error> {
    let mut began = BTreeMap::new();
    for length in grown {
        let name = length.name.as_str();
        if logs.knows(name) {
            continue;
        }
        match growth.beginning(name).await {
            Ok(place) => began.insert(name.to_owned(), place),
            // It is gone again.
            Err(Error::Refused(Refusal::NotFound)) => None,
            Err(error) => return Err(error),
        };
    }
    Ok(began)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(name: &str, end: u64) -> Length {
        let name = name.try_into().unwrap();
        Length { name, end }
    }

    #[test]
    fn log_05_the_kernels_log_is_no_service_s() {
        let logs = Logs::default();
        let growths = logs.growths();
        let grown = [length("kernel", 10), length("apid", 5), length("netd", 1)];
        let began = BTreeMap::from([("apid".to_owned(), 3)]);
        logs.note(&grown, &began, Duration::from_secs(1));
        logs.note(&[length("apid", 7)], &began, Duration::from_secs(2));

        assert!(growths.has_changed().unwrap());
        assert_eq!(logs.of(What::Kernel), [("kernel".to_owned(), 1)]);
        let services = [("apid".to_owned(), 2), ("netd".to_owned(), 1)];
        assert_eq!(logs.of(What::Services), services);
        let began = [("apid".to_owned(), 3), ("netd".to_owned(), 0)];
        assert_eq!(logs.beginnings(What::Services), began);
        assert_eq!(logs.written_at("apid", 6), Some(Duration::from_secs(2)));
        logs.forget("apid");
        assert_eq!(logs.of(What::Services).len(), 1);
    }

    #[test]
    fn logs_of_services_that_come_and_go_do_not_pile_up() {
        let logs = Logs::default();
        for number in 0..1000 {
            let log = length(&format!("ext-{number}"), 1);
            logs.note(&[log], &BTreeMap::new(), Duration::ZERO);
        }

        let known = logs.of(What::Services);
        assert_eq!(known.len(), LOGS_MAX);
        assert!(known.iter().any(|(name, _)| name == "ext-999"));
    }
}
