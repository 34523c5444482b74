// SPDX-License-Identifier: MPL-2.0
//! The ways to other nodes.
//!
//! A connection to a node is shared by the calls of all clients: a node that routes for many then
//! takes few of the places of the node that it routes to. Each call may fill its own window without
//! stopping the others, so a client that does not read holds up itself alone.
//!
//! Owns: which connections there are, how many calls they carry, and when they end.
//! Never: sends a call twice: the other node may have done it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::quota::{Quota, Share};
use api::wire::Code;
use http::{Request, Response};
use hyper::client::conn::http2::SendRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ClientConfig;

use crate::activity::{Activity, Busy};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::limits::{self, Scale};
use crate::lookup::Lookup;
use crate::refused::Refused;
use crate::route::{self, Driver};
use crate::target::Host;

/// All other nodes.
#[derive(Debug)]
pub(crate) struct Peers {
    lookup: Lookup,
    threads: Arc<Semaphore>,
    calls: Quota,
    connections: Arc<Semaphore>,
    known: Mutex<HashMap<String, Arc<Peer>>>,
    scale: Scale,
}

/// Another node.
#[derive(Debug, Default)]
struct Peer {
    lines: tokio::sync::Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    open: Vec<Line>,
    /// When it last could not be reached, and what is said of it.
    failed: Option<(Instant, Refused)>,
}

/// A connection to another node.
#[derive(Debug, Clone)]
struct Line {
    sender: SendRequest<Ask>,
    activity: Arc<Activity>,
    /// What it was made by: with other rules, others are made.
    rules: Arc<ClientConfig>,
}

/// What a call to another node holds until it is over.
#[derive(Debug)]
pub(crate) struct Ticket {
    _busy: Busy,
    _call: OwnedSemaphorePermit,
}

/// Whether a call may go over a connection that others use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Over any.
    Shared,
    /// Over one that is made now: the age of the connection is what the other node looks at.
    Alone,
}

impl Peers {
    pub(crate) fn new(lookup: Lookup, scale: Scale) -> Self {
        Self {
            lookup,
            threads: Arc::new(Semaphore::new(limits::LOOKUPS_MAX)),
            calls: Quota::new(scale.peer_calls, scale.peer_calls / 8),
            connections: Arc::new(Semaphore::new(scale.peer_connections)),
            known: Mutex::default(),
            scale,
        }
    }

    /// Sends a call to `host` and waits for the head of the reply.
    pub(crate) async fn send(
        &self,
        host: &Host,
        rules: &Arc<ClientConfig>,
        (share, sharing): (Share, Sharing),
        request: Request<Ask>,
    ) -> Result<Response<Answer>, Refused> {
        let call = self
            .calls
            .take(share, 1)
            .ok_or_else(|| crowded("calls to other nodes at one time", self.scale.peer_calls))?;
        let (mut sender, busy) = match sharing {
            Sharing::Shared => self.shared(host, rules).await?,
            Sharing::Alone => {
                let line = self.connect(host, rules, &Arc::default()).await?;
                let busy = Busy::new(&line.activity);
                (line.sender, busy)
            }
        };
        let late = request.body().late();
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| late.refusal().unwrap_or_else(|| interrupted(&host.name)))?;
        let ticket = Ticket {
            _busy: busy,
            _call: call,
        };
        Ok(response.map(|body| Answer::far(body, host.name.clone(), ticket)))
    }

    /// Finds a connection with room, or makes one.
    async fn shared(
        &self,
        host: &Host,
        rules: &Arc<ClientConfig>,
    ) -> Result<(SendRequest<Ask>, Busy), Refused> {
        let asked_at = Instant::now();
        let peer = self.peer(host);
        let mut lines = peer.lines.lock().await;
        lines.open.retain(|line| !line.sender.is_closed());
        if let Some(line) = lines.open.iter().find(|line| line.has_room(rules)) {
            return Ok((line.sender.clone(), Busy::new(&line.activity)));
        }
        // Who waited while another tried hears the same, and does not try again.
        if let Some((failed_at, refused)) = &lines.failed
            && *failed_at >= asked_at
        {
            return Err(refused.clone());
        }
        if lines.open.len() >= limits::CONNECTIONS_PER_PEER {
            // Those of other rules end by themselves; those without calls can go now.
            lines.open.retain(|line| line.activity.calls() > 0);
            if lines.open.len() >= limits::CONNECTIONS_PER_PEER {
                let most = limits::CONNECTIONS_PER_PEER.saturating_mul(STREAMS);
                return Err(crowded("calls to one node at one time", most));
            }
        }
        match self.connect(host, rules, &peer).await {
            Ok(line) => {
                let busy = Busy::new(&line.activity);
                let sender = line.sender.clone();
                lines.open.push(line);
                lines.failed = None;
                Ok((sender, busy))
            }
            Err(refused) => {
                lines.failed = Some((Instant::now(), refused.clone()));
                Err(refused)
            }
        }
    }

    /// The node that `host` names. Those that nobody needs are forgotten.
    fn peer(&self, host: &Host) -> Arc<Peer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, peer| Arc::strong_count(peer) > 1 || peer.is_connected());
        Arc::clone(known.entry(host.key()).or_default())
    }

    async fn connect(
        &self,
        host: &Host,
        rules: &Arc<ClientConfig>,
        peer: &Arc<Peer>,
    ) -> Result<Line, Refused> {
        let place = self.place().await?;
        let (sender, driver) = route::dial(&self.lookup, &self.threads, host, rules)
            .await
            .map_err(|reason| unreachable(&host.name, &reason))?;
        let line = Line {
            sender,
            activity: Arc::new(Activity::new()),
            rules: Arc::clone(rules),
        };
        tokio::spawn(drive(
            driver,
            Arc::downgrade(peer),
            Arc::clone(&line.activity),
            place,
        ));
        Ok(line)
    }

    /// A place for a connection. When all are taken, those without calls are given up.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let free = || Arc::clone(&self.connections);
        if let Ok(place) = free().try_acquire_owned() {
            return Ok(place);
        }
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for peer in known.values() {
                if let Ok(mut lines) = peer.lines.try_lock() {
                    lines.open.retain(|line| line.activity.calls() > 0);
                }
            }
        }
        let waiting = timeout(limits::LINGER, free().acquire_owned());
        let place = waiting.await.ok().and_then(Result::ok);
        place.ok_or_else(|| crowded("connections to nodes", self.scale.peer_connections))
    }
}

/// [`limits::STREAMS_MAX`] as a count.
const STREAMS: usize = limits::STREAMS_MAX as usize;

impl Peer {
    /// Whether there is a connection, or somebody makes one.
    fn is_connected(&self) -> bool {
        self.lines
            .try_lock()
            .map_or(true, |lines| lines.open.iter().any(Line::is_open))
    }

    /// Takes the connection of `activity` off the list.
    async fn forget(&self, activity: &Arc<Activity>) {
        let mut lines = self.lines.lock().await;
        lines
            .open
            .retain(|line| !Arc::ptr_eq(&line.activity, activity));
    }
}

impl Line {
    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    fn has_room(&self, rules: &Arc<ClientConfig>) -> bool {
        Arc::ptr_eq(&self.rules, rules) && self.activity.calls() < limits::STREAMS_MAX
    }
}

/// Carries a connection until it ends, or nobody used it for a while.
async fn drive(
    driver: Driver,
    peer: std::sync::Weak<Peer>,
    activity: Arc<Activity>,
    place: OwnedSemaphorePermit,
) {
    let unused = async {
        loop {
            activity.idle_for(limits::PEER_IDLE).await;
            let Some(peer) = peer.upgrade() else {
                return;
            };
            // Who finds it does so under this lock: nobody gets one that ends.
            let mut lines = peer.lines.lock().await;
            if activity.calls() == 0 {
                lines
                    .open
                    .retain(|line| !Arc::ptr_eq(&line.activity, &activity));
                return;
            }
        }
    };
    tokio::select! {
        // Its end shows in the calls that it carried.
        _ = driver => {}
        () = unused => {}
    }
    drop(place);
    if let Some(peer) = peer.upgrade() {
        peer.forget(&activity).await;
    }
}

fn crowded(what: &str, most: usize) -> Refused {
    Refused::new(
        Code::ResourceExhausted,
        format!(
            "this node has {most} {what}, which is the most: try again, or ask that node directly"
        ),
    )
}

/// The refusal when a node cannot be reached.
fn unreachable(name: &str, reason: &str) -> Refused {
    Refused::new(
        Code::Unavailable,
        format!(
            "cannot reach node {name}: {reason}: look whether it runs, whether port {} of it can \
             be reached from this node, and whether both have the same machine CA",
            api::wire::APID_PORT
        ),
    )
}

/// The refusal when a node went away during a call.
pub(crate) fn interrupted(name: &str) -> Refused {
    Refused::new(
        Code::Unavailable,
        format!(
            "node {name} went away during this call, which may or may not have been carried out: \
             look at the state of that node, then try again"
        ),
    )
}
