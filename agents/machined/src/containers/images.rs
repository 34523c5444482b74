// SPDX-License-Identifier: MPL-2.0
//! imaged: started with the first container, told what is wanted, and stopped after the last.
//!
//! Owns: its description, its folder, and the file that tells it of registries.
//! Never: starts it on a node without containers; that costs neither memory nor time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::path::Path;
use std::time::Duration;

use proto::images::{Keep, MAX_MESSAGE, REGISTRIES, Reply, Request, SOCKET, STORE};
use proto::paths::UID_IMAGED;
use proto::service::State;
use proto::{heapless, images};
use tokio::sync::Mutex;

use super::PREFIX;
use super::orders::Guests;
use crate::configuration::{Content, Machine};
use crate::news::{Error, Line};
use crate::node::Node;
use crate::resources::MachineConfig;
use crate::services::Agent;

/// Its name at init.
const NAME: &str = "imaged";
/// What it needs to pull an image, in bytes; images that are in memory come on top.
const MEMORY: u64 = 48 * 1024 * 1024;
const IMAGED: Agent = Agent {
    name: NAME,
    program: "/usr/lib/ichor/imaged",
    user: UID_IMAGED,
    memory_max: MEMORY,
    // Its own thread, two that unpack, and room.
    pids_max: 16,
    // The kernel ends it before the agents that keep the node reachable, and after guests.
    oom_score_adj: -700,
};
/// How long it may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// What tells a file system in memory (`TMPFS_MAGIC`, statfs(2)).
const TMPFS: u64 = 0x0102_1994;

/// The way to imaged.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Held by whoever starts or stops it.
    turn: Mutex<()>,
    /// What it was told of registries last.
    told: std::sync::Mutex<Option<Content>>,
    /// The roots that containers were started with, by their names at init.
    roots: std::sync::Mutex<BTreeMap<String, Root>>,
    /// Operators who ask it something.
    pub(super) guests: Guests,
}

/// Sees to it that imaged runs. The inner error is one that asking again does not change.
pub(super) async fn start(node: &Node) -> Result<Result<(), String>, Error> {
    let _turn = node.images.turn.lock().await;
    if is_running(node) {
        return Ok(Ok(()));
    }
    if let Err(error) = make_store(node) {
        return Ok(Err(format!("cannot make {STORE}: {error}")));
    }
    hand_over(node);
    let memory_max = MEMORY.saturating_add(in_memory(&node.places.at("/var")));
    let agent = Agent {
        memory_max,
        ..IMAGED
    };
    // When it is starting, or waits to start again, it keeps the memory that it was described with.
    agent.start(node).await?;
    let running = async {
        loop {
            let changed = node.services_changed.notified();
            if is_running(node) {
                return;
            }
            changed.await;
        }
    };
    match tokio::time::timeout(START_MAX, running).await {
        Ok(()) => Ok(Ok(())),
        Err(_) => Err(Error::Closed),
    }
}

/// Whether imaged runs although nobody needs it.
pub(super) fn is_idle(node: &Node, references: &BTreeSet<String>) -> bool {
    references.is_empty() && !node.images.guests.are_there() && is_running(node)
}

/// What a container was started with.
#[derive(Debug)]
struct Root {
    path: String,
    /// Whether init told of the container since.
    was_seen: bool,
}

impl Images {
    /// Notes with which root a container starts.
    pub(super) fn starts(&self, id: &str, root: &str) {
        let root = Root {
            path: root.to_owned(),
            was_seen: false,
        };
        self.known().insert(id.to_owned(), root);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Root>> {
        self.roots
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) references: BTreeSet<String>,
    /// The roots that containers run with; `None` when one was started by the machined before this.
    pub(super) roots: Option<BTreeSet<String>>,
}

impl Wanted {
    pub(super) fn of(node: &Node, references: BTreeSet<String>) -> Self {
        let running: Vec<String> = {
            let state = node.state();
            let services = state.services.iter();
            services
                .filter(|(id, entry)| id.starts_with(PREFIX) && has_root(entry.status.state))
                .map(|(id, _)| id.to_owned())
                .collect()
        };
        let mut known = node.images.known();
        known.retain(|id, root| {
            let is_there = running.contains(id);
            // init tells of one that starts a moment after it was ordered.
            let is_kept = is_there || !root.was_seen;
            root.was_seen |= is_there;
            is_kept
        });
        let roots = running
            .iter()
            .map(|id| known.get(id).map(|root| root.path.clone()));
        Self {
            references,
            roots: roots.collect(),
        }
    }
}

/// Whether init may start a service again as it was described.
fn has_root(state: State) -> bool {
    match state {
        State::Waiting | State::Starting | State::Running | State::Stopping | State::BackingOff => {
            true
        }
        State::Stopped | State::Finished | State::Failed => false,
    }
}

/// Tells imaged which images are wanted; without any it is stopped. `false` when that is to be done
/// again. It is not started for this: what it holds is there until it runs.
pub(super) async fn keep(node: &Node, wanted: &Wanted) -> bool {
    let references = &wanted.references;
    let _turn = node.images.turn.lock().await;
    if !is_running(node) {
        return references.is_empty();
    }
    let told = tell(node, wanted).await;
    if told.is_err() || !is_idle(node, references) {
        return told.is_ok();
    }
    IMAGED.stop(node).await.is_ok()
}

async fn tell(node: &Node, wanted: &Wanted) -> Result<(), Error> {
    let mut line = Line::with_room(&node.places.at(SOCKET), MAX_MESSAGE).await?;
    let keep = Keep {
        references: borrowed(&wanted.references),
        roots: wanted.roots.as_ref().map(borrowed),
    };
    line.send(|buffer| Request::Keep(keep).encode(buffer))
        .await?;
    match Reply::decode(line.receive().await?) {
        Ok(Reply::Kept(_)) => Ok(()),
        Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
        _other => Err(Error::Unexpected),
    }
}

/// The first of these: there are never more than init has room for.
fn borrowed(texts: &BTreeSet<String>) -> heapless::Vec<&str, { images::WANTED_MAX }> {
    let texts = texts.iter().map(String::as_str);
    texts.take(images::WANTED_MAX).collect()
}

/// Writes down for imaged what the configuration says of registries, when it was told something else.
pub(super) fn hand_over(node: &Node) {
    let registries = {
        let state = node.state();
        let found = state.store.get::<MachineConfig>(MachineConfig::ID);
        match found.map(|found| &found.0.machine) {
            Some(machine) if is_needed(node, machine) => machine.registries.clone(),
            Some(_) | None => return,
        }
    };
    let mut told = node
        .images
        .told
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if told.as_ref() == Some(&registries) {
        return;
    }
    match write_for_imaged(&node.places.at(REGISTRIES), registries.expose()) {
        Ok(()) => *told = Some(registries),
        Err(error) => node.journal.log(format_args!("{REGISTRIES}: {error}")),
    }
}

/// Whether imaged has something to do; without, credentials are not written down for it.
fn is_needed(node: &Node, machine: &Machine) -> bool {
    !machine.containers.is_empty() || node.images.guests.are_there()
}

/// Writes a file that only imaged reads. It is never there in part, or open to others.
fn write_for_imaged(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut made = DirBuilder::new();
    made.recursive(true).mode(0o711).create(folder)?;
    let new = path.with_extension("new");
    // One that was left over is another's already.
    let _absent = std::fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o400);
    let mut file = options.open(&new)?;
    file.write_all(text.as_bytes())?;
    give(&new)?;
    std::fs::rename(&new, path)
}

/// Makes the store's folder, which is imaged's.
fn make_store(node: &Node) -> io::Result<()> {
    let folder = node.places.at(STORE);
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(&folder);
    let mut open = DirBuilder::new();
    open.recursive(true).mode(0o755).create(above)?;
    let mut own = DirBuilder::new();
    own.mode(0o711).create(&folder)?;
    give(&folder)
}

fn give(path: &Path) -> io::Result<()> {
    match chown(path, Some(UID_IMAGED), Some(UID_IMAGED)) {
        // Where a test runs as nobody, everything is nobody's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_root() => Ok(()),
        result => result,
    }
}

fn is_root() -> bool {
    sys::process::geteuid().is_root()
}

/// How many bytes a file system holds, if it is in memory: what is written to it counts for whoever
/// writes.
fn in_memory(path: &Path) -> u64 {
    let Ok(found) = sys::fs::statfs(path) else {
        return 0;
    };
    if u64::try_from(found.f_type) != Ok(TMPFS) {
        return 0;
    }
    let block = u64::try_from(found.f_bsize).unwrap_or(0);
    found.f_blocks.saturating_mul(block)
}

fn is_running(node: &Node) -> bool {
    let state = node.state();
    let entry = state.services.get(NAME);
    entry.is_some_and(|entry| entry.status.state == State::Running)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn what_is_said_of_registries_is_for_nobody_elses_eyes() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = Folder::new();
        let path = folder.path().join("imaged/registries.json");

        for text in ["{\"first\":1}", "{}"] {
            write_for_imaged(&path, text).unwrap();
            let found = std::fs::metadata(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(found.mode() & 0o777, 0o400);
            assert!(!is_root() || found.uid() == UID_IMAGED);
        }
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
