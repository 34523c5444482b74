// SPDX-License-Identifier: MPL-2.0
//! Keeps one service that is the operator's: waits for its conditions, has init start it, and starts
//! it again when its configuration changes.
//!
//! Owns: what its operator and its configuration want of it.
//! Never: starts it again when it ended; init does.

use std::sync::Arc;
use std::time::Duration;

use proto::Refusal;
use proto::service::{ServiceSpec, State};
use proto::supervisor::{Named, Request};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::started::Digest;
use super::{Kept, Order, TOO_LONG, leave_as_it_is, refuse, remark};
use crate::news::{Error, init};
use crate::node::Node;
use crate::resources::{MachineConfig, MachineStage};
use crate::services::Verb;

/// How often a service that waits looks at its conditions: nobody tells about files and routes.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a service may take to end before it is started with other settings: init ends it by
/// force long before.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Where a service is, as far as init does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody wants it to run.
    Idle,
    /// It cannot be started as it is; another configuration may change that.
    Failed,
    /// It is to start when all holds.
    Waiting,
    /// init has it.
    Started,
}

/// What the next machined is to know, should this one end before init was told.
const STARTING: &str = "starting";
/// The same of a service that somebody stopped.
const STOPPED: &str = "stopped";

/// The keeper of one service.
pub(super) struct Keeper<K: Kept> {
    node: Arc<Node>,
    kept: K,
    id: String,
    phase: Phase,
    /// What it was started with; `None` before that.
    configured: Option<Digest>,
    /// What it was not started with anew, as that is wrong.
    refused: Option<Digest>,
    /// When it is tried again, if it failed.
    again_at: Option<Instant>,
}

impl<K: Kept> Keeper<K> {
    pub(super) fn new(node: Arc<Node>, kept: K) -> Self {
        Self {
            id: kept.id(),
            phase: Phase::Waiting,
            configured: None,
            refused: None,
            again_at: None,
            node,
            kept,
        }
    }

    /// Keeps the service for as long as it is wanted.
    pub(super) async fn keep(mut self, mut orders: mpsc::Receiver<Order>) {
        self.adopt();
        let news = Arc::clone(&self.node);
        loop {
            let changed = news.services_changed.notified();
            let is_gone = self.kept.is_gone(&self.kept.settings(&self.node));
            if is_gone && self.leave().await {
                return;
            }
            if !is_gone {
                self.step().await;
            }
            let again_at = self.again_at.filter(|_| self.phase == Phase::Failed);
            let again = async {
                match again_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                () = changed => {}
                () = again => self.phase = Phase::Waiting,
                () = tokio::time::sleep(LOOK_AGAIN), if is_gone || self.phase == Phase::Waiting => {}
            }
        }
    }

    /// Stops the service and has everybody forget it; `false` when that is to be tried again.
    async fn leave(&mut self) -> bool {
        self.kept.rest();
        if self.stop().await.is_err() || self.is_active() {
            return false;
        }
        let named = Named { name: &self.id };
        match init::order(&self.node, &Request::Remove(named)).await {
            Ok(()) | Err(Error::Refused(Refusal::NotFound)) => {}
            Err(_) => return false,
        }
        // There need not be any.
        let _absent = std::fs::remove_file(self.node.places.wanted(&self.id));
        let _absent = std::fs::remove_file(self.node.places.started_with(&self.id));
        self.node.keepers.all().remove(&self.id);
        self.node.state().services.remove(&self.id);
        init::mirror(&self.node);
        true
    }

    /// After a restart of machined: a service that ran, or that somebody stopped, stays as it is;
    /// one that was to start anew does.
    fn adopt(&mut self) {
        match std::fs::read_to_string(self.node.places.wanted(&self.id)).as_deref() {
            Ok(STARTING) => return,
            Ok(STOPPED) => {
                self.phase = Phase::Idle;
                self.node.state().services.stop(&self.id);
                return;
            }
            Ok(_) | Err(_) => {}
        }
        let ran = self
            .node
            .state()
            .services
            .get(&self.id)
            .is_some_and(|entry| {
                entry.status.state != State::Stopped || entry.status.last_exit.is_some()
            });
        if ran {
            self.phase = Phase::Started;
            let started = Digest::read(&self.node.places.started_with(&self.id));
            let now = || Digest::of(&self.kept.settings(&self.node));
            self.configured = started.or_else(|| Some(now()));
        }
    }

    /// Whether its settings are others than it was started with.
    fn differs(&self) -> bool {
        self.configured != Some(Digest::of(&self.kept.settings(&self.node)))
    }

    /// Whether it is known which configuration the node has, or that it has none: a machined that
    /// starts in the middle of a boot does not know yet.
    fn is_configuration_known(&self) -> bool {
        let state = self.node.state();
        let configured = state.store.get::<MachineConfig>(MachineConfig::ID);
        configured.is_some() || state.sequencer.stage == Some(MachineStage::Maintenance)
    }

    /// Notes what is wanted before it is done.
    fn note(&self, wanted: &str) {
        let path = self.node.places.wanted(&self.id);
        if let Err(error) = std::fs::write(&path, wanted) {
            self.node
                .journal
                .log(format_args!("{}: {error}", path.display()));
        }
    }

    /// Does what is to be done now.
    async fn step(&mut self) {
        match self.phase {
            Phase::Idle => {}
            Phase::Failed => {
                if self.differs() {
                    self.phase = Phase::Waiting;
                    Box::pin(self.step()).await;
                }
            }
            Phase::Waiting => {
                let settings = self.kept.settings(&self.node);
                match self.kept.unmet(&self.node, &settings).await {
                    Ok(unmet) if unmet.is_empty() => self.launch(settings).await,
                    Ok(unmet) => self.show(Some(format!("Waiting for {}", unmet.join(", ")))),
                    Err(reason) => {
                        self.configured = Some(Digest::of(&settings));
                        self.fail(&reason);
                    }
                }
            }
            Phase::Started => {
                if !self.differs() {
                    self.refused = None;
                } else if self.is_active() && self.is_configuration_known() && self.may_change() {
                    self.node.journal.log(format_args!(
                        "{}: its configuration changed: it starts again",
                        self.id
                    ));
                    self.note(STARTING);
                    let _unreachable_or_gone = self.stop().await;
                    self.phase = Phase::Waiting;
                    Box::pin(self.step()).await;
                }
            }
        }
    }

    fn is_good(&self) -> bool {
        let settings = self.kept.settings(&self.node);
        self.kept.check(&settings).is_ok()
    }

    /// Whether it can be started with what its settings are now; says once why it cannot.
    fn may_change(&mut self) -> bool {
        let settings = self.kept.settings(&self.node);
        let digest = Digest::of(&settings);
        if self.refused == Some(digest) {
            return false;
        }
        self.refused = None;
        let Err(reason) = self.kept.check(&settings) else {
            return true;
        };
        self.refused = Some(digest);
        leave_as_it_is(&self.node, K::KIND, &self.id, &reason);
        false
    }

    /// Starts it with what its settings are now. Without init it is tried again.
    async fn launch(&mut self, settings: K::Settings) {
        let digest = Digest::of(&settings);
        self.configured = Some(digest);
        let prepared = match self.kept.prepare(&self.node, &settings) {
            Ok(prepared) => prepared,
            Err(reason) => return self.fail(&reason),
        };
        let path = self.node.places.started_with(&self.id);
        if let Err(error) = digest.write(&path) {
            self.node
                .journal
                .log(format_args!("{}: {error}", path.display()));
        }
        let mut refused = None;
        let order = init::order_with(&self.node, |buffer| {
            let encode = |spec: ServiceSpec<'_>| Request::Define(spec).encode(buffer);
            match self.kept.describe(&prepared, encode) {
                Ok(written) => written,
                Err(refusal) => {
                    refused = Some(refusal);
                    Err(proto::EncodeError)
                }
            }
        });
        let defined = order.await;
        if let Some(refusal) = refused {
            return self.fail(&refusal);
        }
        let started = match defined {
            // It runs, as it was described before.
            Err(Error::Refused(Refusal::Exists)) => {
                let _unreachable_or_gone = self.stop().await;
                return;
            }
            Err(Error::TooLong) => return self.fail(TOO_LONG),
            Err(error) => Err(error),
            Ok(()) => self.order(Verb::Start).await,
        };
        match started {
            Ok(()) => {
                self.show(None);
                self.phase = Phase::Started;
                if let Some(words) = self.kept.remark(&self.node, &settings) {
                    remark(&self.node, &self.id, words);
                }
                self.kept.rest();
                // There need not be one.
                let _absent = std::fs::remove_file(self.node.places.wanted(&self.id));
            }
            Err(Error::Refused(refusal)) => self.fail(&refusal.to_string()),
            // init or the way to it is gone for a moment.
            Err(_) => {}
        }
    }

    /// Does what an operator orders.
    async fn obey(&mut self, order: Order) {
        let result = match order.verb {
            // It may be in the pause after a crash, which this ends.
            Verb::Start if self.phase == Phase::Started && self.is_active() => {
                self.order(Verb::Start).await
            }
            Verb::Start => {
                self.note(STARTING);
                self.phase = Phase::Waiting;
                self.step().await;
                Ok(())
            }
            Verb::Stop => {
                let waited = self.phase == Phase::Waiting && !self.is_active();
                self.note(STOPPED);
                self.phase = Phase::Idle;
                self.kept.rest();
                if waited {
                    self.node.state().services.stop(&self.id);
                    Ok(())
                } else {
                    self.order(Verb::Stop).await
                }
            }
            // What it is to be is wrong: it stays what it is.
            Verb::Restart
                if self.phase == Phase::Started && self.is_active() && !self.is_good() =>
            {
                self.order(Verb::Restart).await
            }
            Verb::Restart => {
                self.note(STARTING);
                self.kept.rest();
                let stopped = self.stop().await;
                if stopped.is_ok() {
                    self.phase = Phase::Waiting;
                    self.step().await;
                }
                stopped
            }
        };
        // Who asked may have gone.
        let _nobody = order.answer.send(match result {
            // Never described to init, so it does not run.
            Err(Error::Refused(Refusal::NotFound)) => Ok(()),
            result => result,
        });
    }

    async fn order(&self, verb: Verb) -> Result<(), Error> {
        let named = Named { name: &self.id };
        let request = match verb {
            Verb::Start => Request::Start(named),
            Verb::Stop => Request::Stop(named),
            Verb::Restart => Request::Restart(named),
        };
        init::order(&self.node, &request).await
    }

    /// Stops it and waits for its end.
    async fn stop(&self) -> Result<(), Error> {
        match self.order(Verb::Stop).await {
            Ok(()) => {}
            Err(Error::Refused(Refusal::NotFound)) => return Ok(()),
            Err(error) => return Err(error),
        }
        let ended = async {
            loop {
                let changed = self.node.services_changed.notified();
                if !self.is_active() {
                    return;
                }
                let _again = tokio::time::timeout(LOOK_AGAIN, changed).await;
            }
        };
        let _long = tokio::time::timeout(STOP_MAX, ended).await;
        Ok(())
    }

    fn is_active(&self) -> bool {
        let state = self.node.state();
        let entry = state.services.get(&self.id);
        entry.is_some_and(|entry| match entry.status.state {
            State::Waiting
            | State::Starting
            | State::Running
            | State::Stopping
            | State::BackingOff => true,
            State::Stopped | State::Finished | State::Failed => false,
        })
    }

    /// Gives up until somebody orders it anew, its settings differ, or its time comes.
    fn fail(&mut self, reason: &str) {
        self.phase = Phase::Failed;
        self.kept.rest();
        let pause = self.kept.again();
        self.again_at = pause.and_then(|pause| Instant::now().checked_add(pause));
        refuse(&self.node, K::KIND, &self.id, reason);
    }

    /// Shows operators what it waits for.
    fn show(&self, waiting: Option<String>) {
        let now = crate::clock::now().wall;
        let change = self.node.state().services.wait(&self.id, waiting, now);
        if let Some(change) = change {
            init::tell(&self.node, &change);
        }
    }
}
