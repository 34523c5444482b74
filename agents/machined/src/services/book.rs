// SPDX-License-Identifier: MPL-2.0
//! What init told about its services, in the words of the machine API.
//!
//! Owns: state names, the bounded history of each service, its health.
//! Never: asks init.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use api::machine;
use api::machine::service_state_event::Action;
use proto::service::{Exit, ServiceStatus, State};

use super::judgement::Standing;
use crate::clock;

/// How many lines of history one service has: some restarts, with room.
const HISTORY_MAX: usize = 64;

/// A line of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistoryLine {
    /// What happened.
    pub message: String,
    /// The state since then.
    pub state: &'static str,
    /// When.
    pub at: SystemTime,
}

/// How a service's checks went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nobody checks it, or not yet.
    Unknown,
    /// The last check was good.
    Good {
        /// Since when.
        since: SystemTime,
    },
    /// It was not.
    Bad {
        /// Since when.
        since: SystemTime,
        /// What it said.
        message: String,
    },
}

impl Health {
    /// Whether the last check was good; `None` without one.
    pub(crate) const fn is_good(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Good { .. } => Some(true),
            Self::Bad { .. } => Some(false),
        }
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What init said last.
    pub status: ServiceStatus,
    /// What happened, oldest first.
    pub history: VecDeque<HistoryLine>,
    /// How its checks went.
    pub health: Health,
    /// What keeps it from being told to init.
    held: Held,
}

/// Why init was not told to start a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Held {
    /// init has it.
    #[default]
    Not,
    /// It waits for something that init does not know; what.
    Waiting(String),
    /// Somebody stopped it before it was started.
    Stopped,
    /// It cannot be started.
    Failed,
}

/// What is to be published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change(pub machine::ServiceStateEvent);

/// All services, by name.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: BTreeMap<String, Entry>,
    /// Whether init has said all there are.
    listed: bool,
}

impl Book {
    /// All services, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(id, entry)| (id.as_str(), entry))
    }

    /// One service.
    #[must_use]
    pub(crate) fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The process of a service, while it runs.
    pub(crate) fn process(&self, id: &str) -> Option<u32> {
        let status = &self.entries.get(id)?.status;
        (status.state == State::Running).then_some(status.pid)
    }

    /// Takes in what init said about a service.
    pub(crate) fn apply(&mut self, status: ServiceStatus, now: resource::Now) -> Option<Change> {
        let id = status.name.as_str().to_owned();
        let previous = self.entries.get(&id).map(|entry| &entry.status);
        let same = previous.is_some_and(|previous| {
            previous.state == status.state
                && previous.pid == status.pid
                && previous.restarts == status.restarts
        });
        let message = describe(&status, previous);
        let at = clock::wall_at(now, std::time::Duration::from_millis(status.changed_at_ms));
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            status: status.clone(),
            history: VecDeque::new(),
            health: Health::Unknown,
            held: Held::Not,
        });
        entry.status = status;
        if same || (entry.held != Held::Not && entry.status.state == State::Stopped) {
            return None;
        }
        entry.held = Held::Not;
        // What is known of one process says nothing about the next one.
        entry.health = Health::Unknown;
        Some(entry.note(message, at))
    }

    /// Takes in that a service waits for something that init does not know, or no longer does.
    pub(crate) fn wait(
        &mut self,
        id: &str,
        waiting: Option<String>,
        at: SystemTime,
    ) -> Option<Change> {
        let entry = self.held(id)?;
        let held = waiting.map_or(Held::Not, Held::Waiting);
        if entry.held == held {
            return None;
        }
        entry.held = held;
        let message = match &entry.held {
            Held::Waiting(what) => what.clone(),
            // What it does next is for init to say.
            Held::Not | Held::Stopped | Held::Failed => return None,
        };
        Some(entry.note(message, at))
    }

    /// Takes in that somebody stopped a service before init was told of it.
    pub(crate) fn stop(&mut self, id: &str) {
        if let Some(entry) = self.held(id) {
            entry.held = Held::Stopped;
        }
    }

    /// Takes in that a service cannot be started.
    pub(crate) fn fail(&mut self, id: &str, reason: &str, at: SystemTime) -> Change {
        match self.held(id) {
            Some(entry) => {
                entry.held = Held::Failed;
                entry.note(reason.to_owned(), at)
            }
            // No name that a service can have: there is nothing to list.
            None => Change(machine::ServiceStateEvent {
                service: id.to_owned(),
                action: Action::Failed.into(),
                message: reason.to_owned(),
                health: None,
            }),
        }
    }

    /// Takes down something about a service that changes nothing of its state.
    pub(crate) fn remark(&mut self, id: &str, words: String, at: SystemTime) -> Option<Change> {
        Some(self.entries.get_mut(id)?.note(words, at))
    }

    /// The entry of a service that init may not know.
    fn held(&mut self, id: &str) -> Option<&mut Entry> {
        let name = id.try_into().ok()?;
        Some(self.entries.entry(id.to_owned()).or_insert_with(|| Entry {
            status: ServiceStatus {
                name,
                state: State::Stopped,
                pid: 0,
                restarts: 0,
                changed_at_ms: 0,
                last_exit: None,
                retry_at_ms: 0,
            },
            history: VecDeque::new(),
            health: Health::Unknown,
            held: Held::Not,
        }))
    }

    /// Forgets a service that init does not know any more.
    pub(crate) fn remove(&mut self, id: &str) {
        self.entries.remove(id);
    }

    /// Whether init has said all there are.
    pub(crate) const fn is_listed(&self) -> bool {
        self.listed
    }

    /// Forgets all that are not in `names`, and that init need not know: these are all.
    pub(crate) fn retain(&mut self, names: &[String]) {
        self.listed = true;
        self.entries
            .retain(|id, entry| entry.held != Held::Not || names.contains(id));
    }

    /// Takes in how a check went.
    pub(crate) fn check(
        &mut self,
        id: &str,
        result: Result<(), String>,
        at: SystemTime,
    ) -> Option<Change> {
        let entry = self.entries.get_mut(id)?;
        if entry.status.state != State::Running {
            return None;
        }
        let (health, message) = match (&entry.health, result) {
            (Health::Good { .. }, Ok(())) => return None,
            (Health::Unknown | Health::Bad { .. }, Ok(())) => (
                Health::Good { since: at },
                "Health check successful".to_owned(),
            ),
            (Health::Bad { .. }, Err(message)) => {
                // Still bad: the words may change, the history has seen it.
                if let Health::Bad { message: kept, .. } = &mut entry.health {
                    *kept = message;
                }
                return None;
            }
            (Health::Unknown | Health::Good { .. }, Err(message)) => {
                let told = format!("Health check failed: {message}");
                (Health::Bad { since: at, message }, told)
            }
        };
        entry.health = health;
        Some(entry.note(message, at))
    }

    /// How all services stand, by name.
    pub(crate) fn standings(&self) -> impl Iterator<Item = (&str, Standing)> {
        self.iter().map(|(id, entry)| (id, entry.standing()))
    }
}

impl Entry {
    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        let status = &self.status;
        Standing::of(status.name.as_str(), status.state, self.health.is_good())
    }

    /// Whether it waits for something that init does not know.
    pub(crate) const fn is_waiting(&self) -> bool {
        matches!(self.held, Held::Waiting(_))
    }

    /// What it does, in the words of events.
    fn action(&self) -> Action {
        match (&self.held, self.status.state) {
            (Held::Waiting(_), State::Stopped | State::Finished | State::Failed) => Action::Waiting,
            (Held::Failed, State::Stopped | State::Finished) => Action::Failed,
            _ => action(&self.status),
        }
    }

    /// Takes down what happened.
    fn note(&mut self, message: String, at: SystemTime) -> Change {
        let line = HistoryLine {
            message,
            state: name_of(self.action()),
            at,
        };
        let event = machine::ServiceStateEvent {
            service: self.status.name.as_str().to_owned(),
            action: self.action().into(),
            message: line.message.clone(),
            health: Some(self.wire_health()),
        };
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(line);
        Change(event)
    }

    fn wire_health(&self) -> machine::ServiceHealth {
        let (unknown, healthy, message, since) = match &self.health {
            Health::Unknown => (true, false, "", None),
            Health::Good { since } => (false, true, "", Some(*since)),
            Health::Bad { since, message } => (false, false, message.as_str(), Some(*since)),
        };
        machine::ServiceHealth {
            unknown,
            healthy,
            last_message: message.to_owned(),
            last_change: since.map(clock::timestamp),
        }
    }

    /// The service in the form of the API.
    #[must_use]
    pub(crate) fn wire(&self) -> machine::ServiceInfo {
        let events = self.history.iter().map(|line| machine::ServiceEvent {
            msg: line.message.clone(),
            state: line.state.to_owned(),
            ts: Some(clock::timestamp(line.at)),
        });
        machine::ServiceInfo {
            id: self.status.name.as_str().to_owned(),
            state: name_of(self.action()).to_owned(),
            events: Some(machine::ServiceEvents {
                events: events.collect(),
            }),
            health: Some(self.wire_health()),
        }
    }
}

const fn action(status: &ServiceStatus) -> Action {
    match status.state {
        State::Stopped if status.last_exit.is_none() => Action::Initialized,
        State::Stopped | State::Finished => Action::Finished,
        State::Waiting | State::BackingOff => Action::Waiting,
        State::Starting => Action::Starting,
        State::Running => Action::Running,
        State::Stopping => Action::Stopping,
        State::Failed => Action::Failed,
    }
}

/// The name of a service's state in tables.
const fn name_of(action: Action) -> &'static str {
    match action {
        Action::Initialized => "Initialized",
        Action::Preparing => "Preparing",
        Action::Waiting => "Waiting",
        Action::Running => "Running",
        Action::Stopping => "Stopping",
        Action::Finished => "Finished",
        Action::Failed => "Failed",
        Action::Skipped => "Skipped",
        Action::Starting => "Starting",
    }
}

fn describe(status: &ServiceStatus, previous: Option<&ServiceStatus>) -> String {
    let ended = |exit: Option<Exit>| exit.map_or_else(String::new, |exit| ending(&exit));
    match status.state {
        State::Stopped if status.last_exit.is_none() => "Service is known".to_owned(),
        State::Stopped => format!("Service stopped, {}", ended(status.last_exit)),
        State::Waiting => "Waiting for the services it needs".to_owned(),
        State::Starting => format!("Starting as process {}", status.pid),
        State::Running if previous.is_none() => format!("Running as process {}", status.pid),
        State::Running => format!("Started as process {}", status.pid),
        State::Stopping => "Stopping: SIGTERM sent".to_owned(),
        State::BackingOff => format!(
            "Service {}, going to restart it (restart {})",
            ended(status.last_exit),
            status.restarts.saturating_add(1)
        ),
        State::Finished => "Service finished successfully".to_owned(),
        State::Failed => format!("Service failed: {}", ended(status.last_exit)),
    }
}

fn ending(exit: &Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal(signal) => format!("was killed by signal {signal}"),
        Exit::OutOfMemory => "used up its memory limit and was killed".to_owned(),
        Exit::Spawn(failure) => format!(
            "did not start: {} ({}, {})",
            failure.stage.description(),
            failure.index,
            std::io::Error::from_raw_os_error(i32::from(failure.errno))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State) -> ServiceStatus {
        ServiceStatus {
            name: "apid".try_into().unwrap(),
            state,
            pid: 7,
            restarts: 0,
            changed_at_ms: 0,
            last_exit: None,
            retry_at_ms: 0,
        }
    }

    fn now() -> resource::Now {
        clock::now()
    }

    fn messages(book: &Book) -> Vec<&str> {
        let entry = book.get("apid").unwrap();
        entry
            .history
            .iter()
            .map(|line| line.message.as_str())
            .collect()
    }

    #[test]
    fn history_grows_with_states_and_not_with_repetitions() {
        let mut book = Book::default();

        assert!(book.apply(status(State::Starting), now()).is_some());
        assert!(book.apply(status(State::Running), now()).is_some());
        assert!(book.apply(status(State::Running), now()).is_none());

        assert_eq!(
            messages(&book),
            ["Starting as process 7", "Started as process 7"]
        );
    }

    #[test]
    fn history_is_bounded() {
        let mut book = Book::default();
        for restarts in 0..1000 {
            let mut again = status(State::BackingOff);
            again.restarts = restarts;
            again.last_exit = Some(Exit::Signal(9));
            book.apply(again, now());
        }

        let lines = messages(&book);
        assert_eq!(lines.len(), HISTORY_MAX);
        assert_eq!(
            lines.last(),
            Some(&"Service was killed by signal 9, going to restart it (restart 1000)")
        );
    }

    #[test]
    fn svc_11_health_counts_only_while_it_runs_and_is_told_when_it_turns() {
        let mut book = Book::default();
        let at = SystemTime::now();
        let mut turns = Vec::new();
        let mut check = |book: &mut Book, result: Result<(), &str>| {
            let change = book.check("apid", result.map_err(str::to_owned), at);
            turns.push(change.map(|change| change.0.message));
        };

        check(&mut book, Ok(()));
        book.apply(status(State::Starting), now());
        check(&mut book, Ok(()));
        book.apply(status(State::Running), now());
        check(&mut book, Err("refused"));
        check(&mut book, Err("refused again"));
        check(&mut book, Ok(()));
        check(&mut book, Ok(()));
        book.apply(status(State::Stopping), now());

        let bad = Some("Health check failed: refused".to_owned());
        let good = Some("Health check successful".to_owned());
        assert_eq!(turns, [None, None, bad, None, good, None]);
        assert_eq!(book.get("apid").unwrap().health, Health::Unknown);
    }

    #[test]
    fn svc_10_every_state_has_its_documented_name() {
        for (state, name) in [
            (State::Stopped, "Initialized"),
            (State::Waiting, "Waiting"),
            (State::Starting, "Starting"),
            (State::Running, "Running"),
            (State::Stopping, "Stopping"),
            (State::BackingOff, "Waiting"),
            (State::Finished, "Finished"),
            (State::Failed, "Failed"),
        ] {
            assert_eq!(name_of(action(&status(state))), name);
        }
        let mut stopped = status(State::Stopped);
        stopped.last_exit = Some(Exit::Code(0));
        assert_eq!(name_of(action(&stopped)), "Finished");
    }

    #[test]
    fn how_a_service_stands_follows_its_state_and_its_checks() {
        let mut book = Book::default();
        let stands = |book: &Book| book.get("apid").unwrap().standing();

        book.apply(status(State::Running), now());
        assert_eq!(stands(&book), Standing::Unhealthy);
        book.check("apid", Ok(()), SystemTime::now());
        assert_eq!(stands(&book), Standing::Well);
        book.apply(status(State::BackingOff), now());

        let all: Vec<(&str, Standing)> = book.standings().collect();
        assert_eq!(all, [("apid", Standing::Down)]);
    }
}
