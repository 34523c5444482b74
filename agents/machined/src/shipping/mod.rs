// SPDX-License-Identifier: MPL-2.0
//! Logs and events to receivers elsewhere.
//!
//! Nothing is kept for a receiver but where it has got to: see `delivery`. Nobody on the node waits
//! for one. (docs/decisions/0062)
//!
//! Owns: who is delivered to, as the configuration and the kernel's arguments have it now.
//! Never: listens, or acts on anything that a receiver says.

mod delivery;
mod destination;
mod link;
mod logs;
mod marks;
pub(crate) mod message;
mod outage;
mod positions;
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use self::destination::{Authority, Destination, Endpoint, What};
pub(crate) use self::sink::publish;

use self::delivery::Delivery;
use self::destination::Key;
use self::logs::Logs;
use self::positions::Positions;
use crate::node::Node;

/// The most receivers. Each costs a connection to logd and some tens of kilobytes while it sends.
const RECEIVERS_MAX: usize = 16;
/// How soon after a change the positions are written down: as much is sent twice when machined is
/// killed.
const SAVE_PAUSE: Duration = Duration::from_secs(1);
/// How long the end of the machine waits for receivers that can be reached.
const DRAIN_MAX: Duration = Duration::from_millis(500);
/// How long the last words of services take to get to logd.
const DRAIN_MIN: Duration = Duration::from_millis(50);

/// Where logs and events are to go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    destinations: watch::Sender<Vec<Destination>>,
    sink: watch::Sender<Option<String>>,
    /// The first event that the sink has not got; nothing while it cannot be reached.
    published: watch::Sender<Option<u64>>,
    running: Arc<OnceLock<(Arc<Logs>, Arc<Positions>)>>,
}

impl Wanted {
    /// Notes where they are to go from now on.
    pub(crate) fn set(&self, destinations: Vec<Destination>, sink: Option<String>) {
        replace(&self.destinations, destinations);
        replace(&self.sink, sink);
    }
}

fn replace<T: PartialEq>(sender: &watch::Sender<T>, wanted: T) {
    sender.send_if_modified(|present| {
        let differs = *present != wanted;
        *present = wanted;
        differs
    });
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Delivers for ever.
pub(crate) async fn deliver(node: Arc<Node>) {
    say_wrong_arguments(&node);
    let path = node.places.shipped();
    let logs = Arc::new(Logs::default());
    let positions = Arc::new(Positions::load(&path));
    let both = (Arc::clone(&logs), Arc::clone(&positions));
    let _first = node.shipping.running.set(both);
    let mut wanted = node.shipping.destinations.subscribe();
    let mut running: BTreeMap<Key, (Destination, Task)> = BTreeMap::new();
    let mut follower = None;
    // A machined that was restarted has positions before it has its list: it forgets none for that.
    if wanted.wait_for(|list| !list.is_empty()).await.is_err() {
        return;
    }
    loop {
        let mut destinations = wanted.borrow_and_update().clone();
        if destinations.len() > RECEIVERS_MAX {
            node.journal.console(format_args!(
                "logs go to the first {RECEIVERS_MAX} receivers only: there are {}",
                destinations.len()
            ));
            destinations.truncate(RECEIVERS_MAX);
        }
        let keyed = Key::all(destinations);
        let keys: BTreeSet<String> = keyed.keys().map(ToString::to_string).collect();
        running.retain(|key, (present, _)| {
            let stays = keyed.get(key) == Some(present);
            if !stays {
                positions.unreachable(&key.to_string());
            }
            stays
        });
        positions.keep_only(&keys);
        if keyed.is_empty() {
            follower = None;
        } else if follower.is_none() {
            let follow = logs::follow(Arc::clone(&node), Arc::clone(&logs));
            follower = Some(Task(tokio::spawn(follow)));
        }
        for (key, destination) in keyed {
            running.entry(key.clone()).or_insert_with(|| {
                let delivery = Delivery::new(
                    Arc::clone(&node),
                    Arc::clone(&logs),
                    Arc::clone(&positions),
                    key.to_string(),
                    destination.clone(),
                );
                (destination, Task(tokio::spawn(delivery.run())))
            });
        }
        let changed = save_until(&node, &positions, wanted.changed(), !running.is_empty());
        if !changed.await {
            return;
        }
    }
}

/// Writes the positions down from time to time until there is a change; says whether there was one.
async fn save_until(
    node: &Node,
    positions: &Positions,
    change: impl Future<Output = Result<(), watch::error::RecvError>>,
    is_running: bool,
) -> bool {
    let path = node.places.shipped();
    let save = async || {
        if let Err(error) = positions.save(&path) {
            node.journal.log(format_args!(
                "cannot keep how far logs were sent: {}: {error}; the next machined may send some \
                 again",
                path.display()
            ));
        }
    };
    tokio::pin!(change);
    save().await;
    if !is_running {
        return change.await.is_ok();
    }
    loop {
        tokio::select! {
            changed = &mut change => return changed.is_ok(),
            () = tokio::time::sleep(SAVE_PAUSE) => save().await,
        }
    }
}

/// Tells of kernel arguments that cannot be meant.
fn say_wrong_arguments(node: &Node) {
    let receiver = node.arguments.kernel_log_receiver();
    let is_url = |text: &str| config::Url::parse(text).is_some_and(|u| Endpoint::of(&u).is_some());
    if receiver.is_some_and(|text| !is_url(text)) {
        node.journal.console(
            "talos.logging.kernel: not a tcp:// or udp:// URL with a port; the kernel's log is not \
             sent there",
        );
    }
    let sink = node.arguments.event_sink();
    if sink.is_some_and(|text| Authority::parse(text).is_none()) {
        node.journal
            .console("talos.events.sink: not a host and a port; events are not sent there");
    }
}

/// Gives receivers that can be reached the last words, for a moment.
pub(crate) async fn drain(node: &Node) {
    let Some((logs, positions)) = node.shipping.running.get() else {
        return;
    };
    let mut published = node.shipping.published.subscribe();
    if node.shipping.destinations.borrow().is_empty() && published.borrow().is_none() {
        return;
    }
    let drained = async {
        tokio::time::sleep(DRAIN_MIN).await;
        positions.all_sent(logs.growth()).await;
        let end = node.state().events.place(crate::events::From::Now);
        let all = |place: &Option<u64>| place.is_none_or(|place| place >= end);
        let _all = published.wait_for(all).await;
    };
    let _late = tokio::time::timeout(DRAIN_MAX, drained).await;
}
