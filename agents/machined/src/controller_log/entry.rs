// SPDX-License-Identifier: MPL-2.0
//! One line of the log.
//!
//! Owns: its form, which is the documents', and that it fits a line of logd's.
//! Never: has a newline from what it tells of: in JSON there is none. Never: is written before somebody
//! takes it, because a boot has better things to do.

use std::fmt;
use std::time::{Duration, SystemTime};

use proto::log::CONTROLLERS;
use resource::{Change, Deed, Failure};

use crate::clock::Took;
use crate::controllers;
use crate::journal::cut;

/// The most bytes of a reason. In JSON a byte is six at most, and a line of logd's is 4096.
const REASON_MAX: usize = 500;
/// The most bytes of an id, by the same count.
const ID_MAX: usize = 100;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// What was done.
    Debug,
    /// What is right again.
    Info,
    /// What may still come right by itself.
    Warn,
    /// What somebody should look at.
    Error,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Name(&'static str),
    Text(String),
    Number(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Name(name) => name,
            Self::Text(text) => text.as_str(),
            Self::Number(number) => return write!(f, "{number}"),
        };
        f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
    }
}

/// What an owner of resources is called in a line.
fn role(owner: &str) -> &'static str {
    match controllers::is_controller(owner) {
        true => "controller",
        false => "source",
    }
}

/// One line, without its date. It is written as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    level: Level,
    message: &'static str,
    fields: Vec<(&'static str, Value)>,
    /// Whether the console is shown it, whatever the configuration says.
    pub(super) is_for_console: bool,
}

impl Entry {
    fn new(level: Level, message: &'static str) -> Self {
        Self {
            level,
            message,
            fields: vec![("component", Value::Name(CONTROLLERS))],
            is_for_console: level == Level::Error,
        }
    }

    fn with(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    /// A resource was written.
    pub(super) fn changed(change: &Change) -> Self {
        let message = match change.deed {
            Deed::Created => "resource created",
            Deed::Updated => "resource updated",
            Deed::TornDown => "resource torn down",
            Deed::Destroyed => "resource destroyed",
        };
        Self::new(Level::Debug, message)
            .with(role(change.owner), Value::Name(change.owner))
            .with("namespace", Value::Name(change.namespace))
            .with("type", Value::Name(change.kind.name))
            .with("id", Value::Text(cut(&change.id, ID_MAX).to_owned()))
    }

    /// A controller failed.
    pub(super) fn failed(
        level: Level,
        name: &'static str,
        failure: &Failure,
        retry_in: Duration,
    ) -> Self {
        let why = cut(&failure.to_string(), REASON_MAX).to_owned();
        Self::new(level, "controller failed")
            .with("controller", Value::Name(name))
            .with("error", Value::Text(why))
            .with("retry_in", Value::Text(Took(retry_in).to_string()))
    }

    /// A controller does not fail any more.
    pub(super) fn recovered(name: &'static str, failures: u32) -> Self {
        Self::new(Level::Info, "controller succeeded again")
            .with("controller", Value::Name(name))
            .with("failures", Value::Number(failures.into()))
    }

    /// Lines had to go before logd could take them.
    pub(super) fn lost(lines: u64) -> Self {
        Self::new(Level::Warn, "lines were lost before logd took them")
            .with("lines", Value::Number(lines))
    }

    /// The line of the log, without its newline.
    pub(super) fn line(&self, at: SystemTime) -> String {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.subsec_millis());
        let seconds = pki::UnixTime::from(at).to_string();
        let seconds = seconds.trim_end_matches('Z');
        format!("{seconds}.{millis:03}Z {} {self}", self.level.word())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{", self.message)?;
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}\"{name}\": {value}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use proto::log::LINE_MAX;
    use resource::{Deed, ResourceSpec as _};

    use super::*;
    use crate::resources::HostnameStatus;

    fn change(id: &str) -> Change {
        Change {
            owner: "network.HostnameSpecController",
            deed: Deed::Created,
            namespace: "network",
            kind: HostnameStatus::KIND,
            id: id.to_owned(),
        }
    }

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_millis(millis))
            .unwrap()
    }

    #[test]
    fn diag_21_a_line_has_the_form_of_the_documents() {
        let failure = Failure::new("no \"way\"\nout");
        let failed = Entry::failed(
            Level::Warn,
            "time.SyncController",
            &failure,
            Duration::from_millis(500),
        );

        assert_eq!(
            Entry::changed(&change("hostname")).line(at(1_713_378_736_690)),
            "2024-04-17T18:32:16.690Z DEBUG resource created {\"component\": \
             \"controller-runtime\", \"controller\": \"network.HostnameSpecController\", \
             \"namespace\": \"network\", \"type\": \"HostnameStatuses.net.talos.dev\", \"id\": \
             \"hostname\"}"
        );
        let of_a_task = Change {
            owner: "v1alpha1.loadConfig",
            ..change("hostname")
        };
        let text = Entry::changed(&of_a_task).to_string();
        assert!(
            text.contains(", \"source\": \"v1alpha1.loadConfig\", "),
            "{text}"
        );
        assert_eq!(
            failed.line(at(5)),
            "1970-01-01T00:00:00.005Z WARN controller failed {\"component\": \
             \"controller-runtime\", \"controller\": \"time.SyncController\", \"error\": \"no \
             \\\"way\\\"\\nout\", \"retry_in\": \"500ms\"}"
        );
        assert_eq!(
            Entry::recovered("time.SyncController", 3).to_string(),
            "controller succeeded again {\"component\": \"controller-runtime\", \"controller\": \
             \"time.SyncController\", \"failures\": 3}"
        );
    }

    #[test]
    fn no_id_and_no_reason_makes_a_line_that_is_cut() {
        let long = "\u{1}".repeat(10_000);
        let failure = Failure::new(&long);
        let wait = Duration::from_secs(60);
        for entry in [
            Entry::changed(&change(&long)),
            Entry::failed(Level::Error, "time.SyncController", &failure, wait),
        ] {
            let line = entry.line(SystemTime::now());

            assert!(line.len() < LINE_MAX, "{}", line.len());
            assert!(line.ends_with('}') && !line.contains('\u{1}'), "{line}");
        }
    }
}
