// SPDX-License-Identifier: MPL-2.0
//! META: small values that outlive the configuration, by a number each.
//!
//! A machine with a partition labelled `META` keeps them there. Before it is installed it has none:
//! then they are in memory, begin as the kernel's command line says, and are gone with the power.
//!
//! Owns: loading, changing one value at a time, and the resources that show them.
//! Never: writes a value to a log: some are secrets.

mod environment;
pub(crate) mod format;
mod partition;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use self::format::{RECORDS_MAX, Values};
use self::partition::Found;
use crate::node::Node;
use crate::resources::{MetaKey, MetaLoaded};
use crate::{files, stored};

/// Who writes the resources.
pub(crate) const OWNER: &str = "v1alpha1.meta";

/// How long a disk may take. What answers takes a hundredth.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a thread that reads or writes the partition needs, in bytes: both are on the heap.
const STACK: usize = 128 * 1024;

/// How many changes may wait for each other: an operator makes one after another.
const QUEUE_MAX: usize = 8;

/// What is known of META.
#[derive(Debug)]
pub(crate) struct Meta {
    known: Mutex<Option<Known>>,
    /// Places for those who want a change.
    queue: Arc<Semaphore>,
    /// Held by whoever loads or changes it, also when nobody waits for them any more.
    turn: tokio::sync::Mutex<()>,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            known: Mutex::new(None),
            queue: Arc::new(Semaphore::new(QUEUE_MAX)),
            turn: tokio::sync::Mutex::new(()),
        }
    }
}

/// Values may be secrets.
struct Known {
    values: Values,
    place: Place,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&u8> = self.values.keys().collect();
        write!(f, "Known({:?}, {keys:?})", self.place)
    }
}

/// Where values are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// On this partition.
    Partition(PathBuf),
    /// In this file, which is in memory.
    Memory(PathBuf),
}

/// Why a value was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// That is no key.
    NoKey(u32),
    /// There is no value of that key.
    Missing(u8),
    /// META was not loaded.
    NotLoaded,
    /// As many changes wait as may.
    Busy,
    /// All values together would take this many bytes.
    TooLong(usize),
    /// The disk did not do it.
    Disk(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey(key) => write!(f, "key {key}: wants a number from 1 to 255"),
            Self::Missing(key) => write!(f, "key {}: has no value", MetaKey::id(*key)),
            Self::NotLoaded => f.write_str(
                "META is not loaded: machines load it when they start, containers have none",
            ),
            Self::Busy => write!(f, "{QUEUE_MAX} changes of META wait; try again later"),
            Self::TooLong(room) => write!(
                f,
                "value: all of META would take {room} bytes, and there is room for {RECORDS_MAX}"
            ),
            Self::Disk(reason) => write!(f, "META was not written: {reason}"),
        }
    }
}

impl Meta {
    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads META and shows it. What is wrong with it is said, and the node goes on without.
pub(crate) async fn load(node: &Arc<Node>) {
    let worker = Arc::clone(node);
    let loading = tokio::spawn(async move {
        let _turn = worker.meta.turn.lock().await;
        let known = find(&worker).await;
        adopt(&worker, known);
        worker.put(OWNER, MetaLoaded::ID, MetaLoaded);
    });
    if tokio::time::timeout(PATIENCE, loading).await.is_err() {
        node.journal.console(format_args!(
            "the META partition does not answer within {} s; META is loaded when it does",
            PATIENCE.as_secs()
        ));
    }
}

async fn find(node: &Node) -> Known {
    let device = node.places.meta_device();
    if !device.exists() {
        return in_memory(node);
    }
    let path = device.clone();
    let values = match in_thread(move || partition::read(&path)).await {
        Ok(Found::Values(values)) => values,
        Ok(Found::Blank) => Values::new(),
        Ok(Found::Bad(first, second)) => {
            node.journal.console(format_args!(
                "the META partition cannot be read: first copy: {first}; second copy: {second}; \
                 META begins empty, and the next value that is written takes the place of both"
            ));
            Values::new()
        }
        Err(reason) => {
            node.journal.console(format_args!(
                "the META partition cannot be used: {reason}; META is kept in memory only"
            ));
            return in_memory(node);
        }
    };
    let place = Place::Partition(device);
    Known { values, place }
}

/// Does something that may take as long as a disk wants.
async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let (sender, done) = oneshot::channel();
    let thread = std::thread::Builder::new().stack_size(STACK);
    let started = thread.name("meta".to_owned()).spawn(move || {
        // Whoever asked waits for it to the end.
        let _heard = sender.send(work());
    });
    started.map_err(|error| format!("no thread: {error}"))?;
    match done.await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("its thread was broken off".to_owned()),
    }
}

/// What is kept in memory since the machine started, else what the command line gives.
fn in_memory(node: &Node) -> Known {
    let path = node.places.meta_in_memory();
    let limit = u64::try_from(format::COPY).unwrap_or(u64::MAX);
    let kept = files::read_bytes(&path, limit).ok();
    let kept = kept.and_then(|copy| format::parse(&copy).ok());
    let values = kept.unwrap_or_else(|| {
        let Some(given) = node.arguments.environment(environment::NAME) else {
            return Values::new();
        };
        environment::parse(given).unwrap_or_else(|reason| {
            node.journal.console(format_args!(
                "kernel argument talos.environment={}: {reason}; META begins empty",
                environment::NAME
            ));
            Values::new()
        })
    });
    let place = Place::Memory(path);
    Known { values, place }
}

/// Takes values in and shows them.
fn adopt(node: &Node, known: Known) {
    let values = known.values.iter();
    let shown: BTreeMap<String, MetaKey> = values
        .map(|(key, value)| {
            let text = String::from_utf8_lossy(value).into_owned();
            (MetaKey::id(*key), MetaKey(text))
        })
        .collect();
    *node.meta.known() = Some(known);
    node.replace(OWNER, shown);
}

/// Gives a key a value.
///
/// # Errors
/// It has the one before, or nobody knows yet.
pub(crate) async fn write(node: &Arc<Node>, key: u32, value: Vec<u8>) -> Result<(), Trouble> {
    ask(node, number(key)?, Some(value)).await
}

/// Takes a key's value away.
///
/// # Errors
/// It has one still, had none, or nobody knows yet.
pub(crate) async fn delete(node: &Arc<Node>, key: u32) -> Result<(), Trouble> {
    ask(node, number(key)?, None).await
}

/// 0 ends the list and cannot be in it.
fn number(key: u32) -> Result<u8, Trouble> {
    let number = u8::try_from(key).ok().filter(|number| *number != 0);
    number.ok_or(Trouble::NoKey(key))
}

/// Has a change made, which goes on when the client leaves.
async fn ask(node: &Arc<Node>, key: u8, value: Option<Vec<u8>>) -> Result<(), Trouble> {
    let place = Arc::clone(&node.meta.queue).try_acquire_owned();
    let place = place.map_err(|_| Trouble::Busy)?;
    let worker = Arc::clone(node);
    let changing = tokio::spawn(async move {
        let _turn = worker.meta.turn.lock().await;
        let changed = change(&worker, key, value).await;
        drop(place);
        changed
    });
    match tokio::time::timeout(PATIENCE, changing).await {
        Ok(Ok(changed)) => changed,
        Ok(Err(_)) => Err(Trouble::Disk("its task was broken off".to_owned())),
        Err(_) => Err(Trouble::Disk(format!(
            "the disk does not answer within {} s; the resources show when it did",
            PATIENCE.as_secs()
        ))),
    }
}

/// Makes a change. Who calls has the turn.
async fn change(node: &Node, key: u8, value: Option<Vec<u8>>) -> Result<(), Trouble> {
    let (copy, values, place) = {
        let known = node.meta.known();
        let known = known.as_ref().ok_or(Trouble::NotLoaded)?;
        let mut values = known.values.clone();
        match value {
            Some(value) => {
                values.insert(key, value);
            }
            None => {
                values.remove(&key).ok_or(Trouble::Missing(key))?;
            }
        }
        let copy = format::emit(&values);
        let copy = copy.map_err(|format::TooLong(room)| Trouble::TooLong(room))?;
        (copy, values, known.place.clone())
    };
    let written = match place.clone() {
        Place::Partition(path) => in_thread(move || partition::write(&path, &copy)).await,
        Place::Memory(path) => stored::write_whole(&path, &copy)
            .map_err(|error| format!("{}: {error}", path.display())),
    };
    if let Err(reason) = written {
        // One copy may be there: what is shown is what the next start finds.
        if let Place::Partition(path) = &place {
            let path = path.clone();
            let found = in_thread(move || partition::read(&path)).await;
            if let Ok(Found::Values(values)) = found {
                adopt(node, Known { values, place });
            }
        }
        return Err(Trouble::Disk(reason));
    }
    node.journal.log(format_args!(
        "META {} was changed over the API",
        MetaKey::id(key)
    ));
    adopt(node, Known { values, place });
    Ok(())
}
