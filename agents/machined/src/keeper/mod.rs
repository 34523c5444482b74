// SPDX-License-Identifier: MPL-2.0
//! Keepers of services that are the operator's: extension services and containers.
//!
//! Owns: what a keeper must know of what it keeps, and the ways to the keepers.
//! Never: waits for a service, or starts one; its keeper does.

mod life;
mod started;

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::service::ServiceSpec;
use proto::supervisor::Request;
use tokio::sync::{mpsc, oneshot};

use self::life::Keeper;
use crate::news::{Error, init};
use crate::node::Node;
use crate::services::Verb;

/// How many orders may wait: an operator gives one after another.
const ORDERS_MAX: usize = 4;
/// Why init cannot be told of a service.
const TOO_LONG: &str = "arguments, environment and mounts are longer than 8 KiB together";

/// What an operator orders, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub verb: Verb,
    pub answer: oneshot::Sender<Result<(), Error>>,
}

/// What is kept.
pub(crate) trait Kept: Send + Sync + 'static {
    /// What it is called on the console.
    const KIND: &'static str;
    /// What it is started with. Others than those it was started with restart it.
    type Settings: Hash + Send + Sync;
    /// What its description takes besides.
    type Prepared: Send + Sync;

    /// The name that init and the API know it by.
    fn id(&self) -> String;

    /// Its settings now.
    fn settings(&self, node: &Node) -> Self::Settings;

    /// Whether nobody wants it to be there any more.
    fn is_gone(&self, settings: &Self::Settings) -> bool;

    /// What it still waits for, in words; nothing when it may start. Only asked while it is to start.
    ///
    /// # Errors
    /// Waiting is of no use: why.
    fn unmet(
        &mut self,
        node: &Arc<Node>,
        settings: &Self::Settings,
    ) -> impl Future<Output = Result<Vec<String>, String>> + Send;

    /// Ends what goes on so that it can start.
    fn rest(&mut self);

    /// What its operator should know of it, once it was started, in words.
    fn remark(&self, node: &Node, settings: &Self::Settings) -> Option<String>;

    /// When it is tried again after it could not be started; `None`: when its settings differ.
    fn again(&self) -> Option<Duration>;

    /// Says whether it can be started with these settings, as far as that can be known while it runs
    /// with others. Changes nothing.
    ///
    /// # Errors
    /// It cannot: why.
    fn check(&self, settings: &Self::Settings) -> Result<(), String>;

    /// Lays out what it is started with.
    ///
    /// # Errors
    /// The settings are wrong, or what could not be written, and why.
    fn prepare(&mut self, node: &Node, settings: &Self::Settings)
    -> Result<Self::Prepared, String>;

    /// Calls `with` with what init is to be told.
    ///
    /// # Errors
    /// It is more than init can be told.
    fn describe<R>(
        &self,
        prepared: &Self::Prepared,
        with: impl FnOnce(ServiceSpec<'_>) -> R,
    ) -> Result<R, String>;
}

/// The ways to those who keep services.
#[derive(Debug, Default)]
pub(crate) struct Keepers {
    by_id: Mutex<BTreeMap<String, mpsc::Sender<Order>>>,
    kept: AtomicBool,
}

impl Keepers {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, mpsc::Sender<Order>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every description of the image has been looked at.
    pub(crate) fn are_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// Notes that every description of the image has been looked at.
    pub(crate) fn all_are_kept(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Whether somebody keeps a service.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.all().contains_key(id)
    }

    /// How many services are kept.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    /// Has the keeper of a service do something; `None` when nobody keeps it.
    pub(crate) async fn order(&self, id: &str, verb: Verb) -> Option<Result<(), Error>> {
        let (answer, answered) = oneshot::channel();
        let keeper = self.all().get(id).cloned()?;
        keeper.send(Order { verb, answer }).await.ok()?;
        answered.await.ok()
    }
}

/// Has a service kept for as long as it is wanted.
pub(crate) fn keep<K: Kept>(node: &Arc<Node>, kept: K) {
    let (sender, orders) = mpsc::channel(ORDERS_MAX);
    node.keepers.all().insert(kept.id(), sender);
    tokio::spawn(Keeper::new(Arc::clone(node), kept).keep(orders));
}

/// Says whether init can be told of a service.
///
/// # Errors
/// It is more than fits a message.
pub(crate) fn fits(spec: ServiceSpec<'_>) -> Result<(), String> {
    let mut buffer = vec![0; proto::MAX_MESSAGE];
    match Request::Define(spec).encode(&mut buffer) {
        Ok(_) => Ok(()),
        Err(proto::EncodeError) => Err(TOO_LONG.to_owned()),
    }
}

/// Says everywhere that a service goes on as it was started, and why.
fn leave_as_it_is(node: &Node, kind: &str, id: &str, reason: &str) {
    let words = format!("Its changed configuration is refused, it goes on as it was: {reason}");
    node.journal.console(format_args!("{kind} {id}: {words}"));
    remark(node, id, words);
}

/// Takes down something about a service, and tells it.
fn remark(node: &Node, id: &str, words: String) {
    let now = crate::clock::now().wall;
    let change = node.state().services.remark(id, words, now);
    if let Some(change) = change {
        init::tell(node, &change);
    }
}

/// Says everywhere why a service does not run.
pub(crate) fn refuse(node: &Node, kind: &str, id: &str, reason: &str) {
    node.journal
        .console(format_args!("{kind} {id} refused: {reason}"));
    let change = node
        .state()
        .services
        .fail(id, reason, crate::clock::now().wall);
    init::tell(node, &change);
}
