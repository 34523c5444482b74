// SPDX-License-Identifier: MPL-2.0
//! Whether a service may start.
//!
//! Owns: what each condition asks of the node, and its words.
//! Never: waits, but a moment for the answer of a file system.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::description::{Condition, Extension, Network};
use crate::files;
use crate::look::{Look, Silence};
use crate::node::{Node, State};
use crate::places::Places;
use crate::resources::{HostnameStatus, MachineConfig, NodeAddress, RouteStatus};
use crate::services::Standing;

/// The longest environment file, in bytes.
const ENVIRONMENT_FILE_MAX: u64 = 64 * 1024;

/// The files that one service waits for, wherever they are.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    look: Look<Seen>,
    /// Which of the paths is looked at.
    at: Arc<AtomicUsize>,
    /// Its environment file, as it was read last.
    environment_file: Option<String>,
}

/// What became of a look at paths.
#[derive(Debug)]
struct Seen {
    /// Whether something is there, for each path.
    there: Vec<bool>,
    /// What is in the environment file, which is the last of the paths.
    text: Option<std::io::Result<String>>,
}

/// How the paths of a service are, as far as is known.
#[derive(Debug)]
enum Paths {
    /// Whether something is there, for each.
    Known(Vec<bool>),
    /// The file system of one does not answer; which.
    Hang(usize),
    /// So many file systems hang that none could be asked.
    NotAsked,
}

impl Paths {
    /// What is said besides of a path that is not there, as far as is known; nothing when it is.
    fn trouble(&self, number: usize) -> Option<&'static str> {
        match self {
            Self::Known(there) if there.get(number) == Some(&true) => None,
            Self::Hang(at) if *at == number => Some(" (its file system does not answer)"),
            Self::Known(_) | Self::Hang(_) => Some(""),
            Self::NotAsked => Some(" (too many file systems do not answer)"),
        }
    }
}

impl Conditions {
    /// What a service still waits for, in words; nothing when it may start.
    ///
    /// # Errors
    /// Its environment file is there and cannot be read: why.
    pub(super) async fn unmet(
        &mut self,
        node: &Node,
        extension: &Extension,
    ) -> Result<Vec<String>, String> {
        let paths = self.look(node, extension).await?;
        let state = node.state();
        let file = extension.environment_file.clone().map(Condition::Path);
        let mut unmet = Vec::new();
        let mut number = 0_usize;
        for condition in extension.depends.iter().chain(&file) {
            let name = &extension.name;
            let words = words(name, condition);
            if let Condition::Path(_) = condition {
                if let Some(trouble) = paths.trouble(number) {
                    unmet.push(format!("{words}{trouble}"));
                }
                number = number.saturating_add(1);
            } else if !holds(&state, &node.places, name, condition) {
                unmet.push(words);
            }
        }
        Ok(unmet)
    }

    /// Its environment file, as it was read when all conditions held.
    pub(super) fn environment_file(&self) -> Option<&str> {
        self.environment_file.as_deref()
    }

    /// Nobody waits for an answer any more.
    pub(super) fn rest(&mut self) {
        self.look.rest();
    }

    async fn look(&mut self, node: &Node, extension: &Extension) -> Result<Paths, String> {
        let paths = extension.depends.iter().filter_map(|one| match one {
            Condition::Path(path) => Some(path),
            Condition::Service(_)
            | Condition::Network(_)
            | Condition::Time
            | Condition::Configuration => None,
        });
        let file = &extension.environment_file;
        let paths: Vec<PathBuf> = paths.chain(file).map(|path| node.places.at(path)).collect();
        if paths.is_empty() {
            return Ok(Paths::Known(Vec::new()));
        }
        let (at, is_read) = (Arc::clone(&self.at), file.is_some());
        let question = move || see(&paths, is_read, &at);
        match self.look.ask(&node.looks, question).await {
            Ok(seen) => {
                self.environment_file = match (seen.text, file) {
                    (Some(Err(error)), Some(file)) => return Err(format!("{file}: {error}")),
                    (Some(Ok(text)), _) => Some(text),
                    (_, _) => None,
                };
                Ok(Paths::Known(seen.there))
            }
            Err(Silence::Hangs) => Ok(Paths::Hang(self.at.load(Ordering::Relaxed))),
            Err(Silence::TooMany) => Ok(Paths::NotAsked),
        }
    }
}

/// Looks at paths, one after another, and into the last if it `is_read`.
fn see(paths: &[PathBuf], is_read: bool, at: &AtomicUsize) -> Seen {
    let mut there = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        at.store(number, Ordering::Relaxed);
        there.push(path.symlink_metadata().is_ok());
    }
    let file = paths.last().filter(|_| is_read);
    let file = file.filter(|_| there.last() == Some(&true));
    let text = file.map(|path| files::read_text(path, ENVIRONMENT_FILE_MAX));
    Seen { there, text }
}

fn holds(state: &State, places: &Places, name: &str, condition: &Condition) -> bool {
    let machine = state
        .store
        .get::<MachineConfig>(MachineConfig::ID)
        .map(|found| &found.0.machine);
    match condition {
        Condition::Service(id) => {
            let entry = state.services.get(id);
            entry.is_some_and(|entry| entry.standing() == Standing::Well)
        }
        // Its file system is asked elsewhere.
        Condition::Path(_) => false,
        Condition::Network(all) => all.iter().all(|one| is_ready(state, places, *one)),
        // Nothing sets the clock of this node yet; who turned that off does not wait for it.
        Condition::Time => machine.is_some_and(|machine| machine.time_disabled),
        Condition::Configuration => machine.is_some_and(|machine| {
            let mut all = machine.extension_services.iter();
            all.any(|service| service.name == name)
        }),
    }
}

fn is_ready(state: &State, places: &Places, network: Network) -> bool {
    let store = &state.store;
    match network {
        Network::Addresses => store
            .get::<NodeAddress>("current")
            .is_some_and(|found| !found.0.is_empty()),
        // A way to everywhere else. Whether anybody answers there is not asked.
        Network::Connectivity => store
            .list::<RouteStatus>()
            .any(|route| route.spec.destination.length == 0 && route.spec.gateway.is_some()),
        Network::Hostname => store.get::<HostnameStatus>(HostnameStatus::ID).is_some(),
        Network::EtcFiles => ["hosts", "resolv.conf"]
            .iter()
            .all(|file| places.etc().join(file).exists()),
    }
}

/// A condition as it follows on "Waiting for".
fn words(name: &str, condition: &Condition) -> String {
    match condition {
        Condition::Service(id) => format!("service \"{id}\" to be \"up\""),
        Condition::Path(path) => format!("file \"{path}\" to exist"),
        Condition::Network(all) => {
            let all: Vec<&str> = all.iter().map(|one| one.word()).collect();
            format!("network: {}", all.join(", "))
        }
        Condition::Time => "time sync".to_owned(),
        Condition::Configuration => format!("extension service configuration \"{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_missing_environment_file_is_waited_for_and_an_endless_one_is_an_error() {
        let folder = Folder::new();
        let paths = [folder.path().join("there"), folder.path().join("e")];
        std::fs::write(&paths[0], "").unwrap();
        let at = AtomicUsize::new(0);

        let missing = see(&paths, true, &at);
        std::fs::write(&paths[1], "A=b\n".repeat(20_000)).unwrap();
        let long = see(&paths, true, &at);

        assert_eq!(
            (missing.there.as_slice(), at.into_inner()),
            (&[true, false][..], 1)
        );
        assert!(missing.text.is_none());
        let error = long.text.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "longer than 65536 bytes");
    }
}
